"""The reports of the demonstration confess what its story *blind* hid, and every number of theirs is had again."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from api.app import create_app
from api.deps import COOKIE
from api.deps import Services as ApiServices
from core import accounts
from core.accounts import Role
from core.audit import Actor
from core.clock import DAY, SECOND, StillClock
from core.db.models import Heartbeat, Incident
from kydai.cli import main
from kydai.cli.output import Output
from kydai.context import Context
from kydai.reporting import services_of
from reports.document import Document, said
from reports.gather import Services
from reports.numbers import ARROW
from reports.render import render
from reports.report import build_incident, build_period
from tests.demonstration import Shown
from tests.services import program

Value = int | float | str
Again = Callable[[str], Value]


@pytest.fixture(scope="module")
def folder(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy: searches are written to its journal."""
    return Path(shutil.copytree(shown.data, tmp_path_factory.mktemp("reports") / "data"))


@pytest.fixture(scope="module")
def context(folder: Path) -> Iterator[Context]:
    context = Context(folder, None, Output(True, "vi"))
    yield context
    context.close()


@pytest.fixture(scope="module")
def house(context: Context) -> Services:
    """As it was when it last ran: sources are judged as of then."""
    with context.database.read() as session:
        beat = session.scalar(select(func.max(Heartbeat.at))) or 0
    return replace(services_of(context), clock=StillClock(beat + SECOND))


@pytest.fixture(scope="module")
def period(house: Services) -> Document:
    now = house.clock.now()
    return build_period(house, now - DAY, now, "trangpt")


@pytest.fixture(scope="module")
def incidents(house: Services) -> list[Document]:
    with house.database.read() as session:
        numbers = session.scalars(select(Incident.number).order_by(Incident.id)).all()
    return [build_incident(house, number, "trangpt") for number in numbers]


@pytest.fixture(scope="module")
def auditor(house: Services) -> Iterator[TestClient]:
    app = create_app(ApiServices(house.database, house.store, house.clock))
    with TestClient(app, client=("127.0.0.1", 50_000), headers={"x-kydai": "1"}) as client:
        now = house.clock.now()
        with house.database.write() as session:
            user = accounts.add_user(session, Actor("setup", "cli"), "kiemtra", Role.AUDITOR, now=now)
            user.password_hash = "-"
            secret = accounts.open_session(session, user, now=now, address="127.0.0.1", way="link")
        client.cookies.set(COOKIE, secret)
        yield client


@pytest.fixture
def again(auditor: TestClient, folder: Path, capfd: pytest.CaptureFixture[str]) -> Again:
    """What an address of the API or a command line answers."""

    def ask(rerun: str) -> Value:
        if rerun.startswith("GET "):
            path, _, field = rerun.removeprefix("GET ").partition(ARROW)
            answer = auditor.get(path)
            assert answer.status_code == 200, (rerun, answer.text)
            return _field(answer.json(), field)
        first, *arguments = shlex.split(rerun)
        assert first == "kydai"
        status = main.main([*arguments, "--json", "--data", str(folder)])
        out = capfd.readouterr().out
        assert status == 0, rerun
        return int(orjson.loads(out)["count"])

    return ask


def _field(answer: Any, path: str) -> Value:
    for name in path.split("."):
        if name == "length":
            answer = len(answer)
        else:
            answer = answer[int(name)] if isinstance(answer, list) else answer[name]
    assert isinstance(answer, int | float | str)
    return answer


def numbers(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every number of a document, in columns and in sentences, and every time that says what gives it again."""
    if isinstance(value, Mapping):
        if isinstance(value.get("value"), int) or "rerun" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from numbers(each)


def pages(document: Document) -> list[str]:
    command = [program("pdftotext"), "-layout", "-", "-"]
    ran = subprocess.run(command, input=render(document, "pdf", "vi"), capture_output=True, check=True, timeout=60)
    return ran.stdout.decode().rstrip("\f").split("\f")


def test_page_one_confesses_what_was_hidden(period: Document) -> None:
    first, *others = pages(period)
    for told in ("rt-xa14", "thedt-pay01", "fw-ttdl: 5", "esx01, esx02: sai múi giờ", "motcua-app01", "auditd.log"):
        assert told in first, told
    assert re.search(r"VV-2026-\d{4}", first), "the incident of the audit log that was switched off"
    assert others
    assert all("DỮ LIỆU TRÌNH DIỄN" in page for page in (first, *others))


def test_every_number_is_had_again(period: Document, incidents: list[Document], again: Again) -> None:
    asked: dict[str, Value] = {}
    for document in (period, *incidents):
        for found in numbers(document.as_json()):
            rerun = found.get("rerun")
            assert rerun, f"nothing gives {found} again"
            assert asked.setdefault(rerun, found["value"]) == found["value"], rerun
    assert {rerun: again(rerun) for rerun in asked} == asked
    assert len([rerun for rerun in asked if rerun.startswith("kydai search")]) > 15
    assert len([rerun for rerun in asked if "/alerts?rule=" in rerun]) > 15
    assert len([rerun for rerun in asked if "/sources/ledger?source=" in rerun]) > 50
    for field in (
        "items.0.end_at",
        "heard.0.last_at",
        "source.wrong_zone_minutes",
        "source.offset_seconds",
        "first_at",
    ):
        assert [rerun for rerun in asked if rerun.endswith(f"{ARROW}{field}")], field


def test_the_summary_tells_no_other_number(period: Document) -> None:
    (summary,) = [s for s in period.sections if s.key == "summary"]
    for line in summary.lines:
        assert isinstance(line, Mapping)
        told = re.findall(r"[\d.]*\d", said(line, "vi"))
        assert [int(n.replace(".", "")) for n in told] == [n["value"] for n in line["numbers"]], said(line, "vi")


def test_the_page_shows_how(period: Document) -> None:
    text = " ".join(" ".join(pages(period)).split())
    for told in ("→ total.raws.received", "declared=true", "/api/v1/runs/steps → done", "source=NGUỒN", "rule=MÃ"):
        assert told in text, told


def test_the_live_incident_is_told_with_its_block_made_approved_and_undone(house: Services) -> None:
    with house.database.read() as session:
        live = session.scalars(select(Incident).where(Incident.is_replay.is_(False))).one()
    text = " ".join(" ".join(pages(build_incident(house, live.number, "trangpt"))).split())
    assert "Accepted password" in text
    assert "hoàn tác" in text
    assert "baotq" in text
