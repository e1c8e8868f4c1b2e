"""The whole demonstration as a newcomer meets it: from an empty folder to the four things to do next."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from core.audit import verify
from core.db.models import Audit, Effect, Incident, Run, RunStatus
from core.ledger import read_balances
from kydai.cli.output import Output
from kydai.context import Context
from tests.kydai.running import free_port


@dataclass
class Shown:
    status: int
    text: str
    context: Context


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    import os

    data = tmp_path_factory.mktemp("demo") / "data"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")}
    environment |= {f"KYDAI_{n}_PORT": str(free_port()) for n in ("HTTP", "SYSLOG", "NETFLOW")}
    command = [sys.executable, "-c", "from kydai.cli.main import run; run()", "demo", "--once", "--data", str(data)]
    ran = subprocess.run(
        command, env=environment | {"KYDAI_LANG": "vi"}, capture_output=True, text=True, timeout=900, check=False
    )
    context = Context(data, None, Output(True, "vi"))
    yield Shown(ran.returncode, ran.stdout + ran.stderr, context)
    context.close()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_it_ends_well_and_tells_the_story(shown: Shown) -> None:
    assert shown.status == 0, shown.text
    assert "DỮ LIỆU TRÌNH DIỄN" in shown.text
    assert "Những phần không giám sát được trong kỳ" in shown.text
    for source in ("fw-ttdl", "motcua-app01", "esx01", "thedt-pay01", "rt-xa14"):
        assert source in shown.text
    assert re.search(r"kydai playbooks approve \d+ --data", shown.text)


def test_four_incidents_at_most_and_the_live_one_is_whole(shown: Shown) -> None:
    with shown.context.database.read() as session:
        incidents = session.scalars(select(Incident).where(Incident.merged_into.is_(None))).all()
    assert 3 <= len(incidents) <= 4, [i.title for i in incidents]
    live = [i for i in incidents if not i.is_replay]
    assert len(live) == 1
    assert "baochi-crawl01" in live[0].title["vi"]
    assert sum(p["points"] for p in live[0].priority_sum) == live[0].priority


def test_one_block_was_made_and_undone_and_one_approval_waits(shown: Shown) -> None:
    with shown.context.database.read() as session:
        effects = session.scalars(select(Effect).where(Effect.action == "firewall.block_ip")).all()
        waiting = session.scalars(select(Run).where(Run.status == RunStatus.WAITING_APPROVAL)).all()
    assert [e.state for e in effects] == ["undone"]
    assert len(waiting) == 1


def test_every_raw_is_accounted_for(shown: Shown) -> None:
    with shown.context.database.read() as session:
        balances = read_balances(session)
    assert balances
    assert all(b.holds for b in balances.values())
    assert sum(b.raws["unparsed"] for b in balances.values()) == 0


def test_the_journal_holds_and_names_the_storys_people(shown: Shown) -> None:
    with shown.context.database.read() as session:
        rows = session.scalars(select(Audit).order_by(Audit.seq)).all()
        assert verify(rows).is_whole
    actors = " ".join(r.actor for r in rows if r.is_demo)
    assert "baotq" in actors
    assert "hanhnt" in actors
    assert Path(shown.context.settings.data, "demo").is_file()
