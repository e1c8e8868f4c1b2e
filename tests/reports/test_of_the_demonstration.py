"""The reports of the demonstration confess what its story *blind* hid; its numbers over events can be run again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from core.clock import DAY, to_micros
from core.db.models import Incident
from core.store.contract import Query, Span
from kydai.context import Context
from kydai.reporting import services_of
from reports.document import Document, said, value_of
from reports.gather import Reading, Services
from reports.render import render
from reports.report import build_incident, build_period, definitions
from tests.demonstration import Shown
from tests.services import program


@pytest.fixture(scope="module")
def house(shown: Shown) -> Iterator[Services]:
    context: Context = shown.open()
    yield services_of(context)
    context.close()


@pytest.fixture(scope="module")
def period(house: Services) -> Document:
    now = house.clock.now()
    return build_period(house, now - DAY, now, "trangpt")


def pages(document: Document) -> list[str]:
    command = [program("pdftotext"), "-layout", "-", "-"]
    ran = subprocess.run(command, input=render(document, "pdf", "vi"), capture_output=True, check=True, timeout=60)
    return ran.stdout.decode().rstrip("\f").split("\f")


def test_page_one_confesses_what_was_hidden(period: Document) -> None:
    first, *others = pages(period)
    for told in ("rt-xa14", "thedt-pay01", "fw-ttdl: 5", "esx01, esx02: sai múi giờ", "motcua-app01", "auditd.log"):
        assert told in first, told
    assert "VV-2026-0001" in first
    assert others
    assert all("DỮ LIỆU TRÌNH DIỄN" in page for page in (first, *others))


def test_every_number_over_events_can_be_run_again(house: Services, period: Document) -> None:
    start, end = (to_micros(period.parameters[name]) for name in ("from", "to"))
    asked, span = Reading(house, definitions()["period"], start, end), Span(start, end)
    checked = 0
    for section in period.sections:
        table = section.table
        if table is None or not table.queries:
            continue
        for row in table.rows:
            query = said(row[table.queries[0]], "vi")
            if not query.startswith("GET "):
                number = next(value_of(cell) for cell in row if value_of(cell) is not None)
                assert house.store.count(Query(asked.tree(query), span)).count == number, query
                checked += 1
    assert checked > 15


def test_the_live_incident_is_told_with_its_block_made_approved_and_undone(house: Services) -> None:
    with house.database.read() as session:
        live = session.scalars(select(Incident).where(Incident.is_replay.is_(False))).one()
    text = " ".join(" ".join(pages(build_incident(house, live.number, "trangpt"))).split())
    assert "Accepted password" in text
    assert "hoàn tác" in text
    assert "baotq" in text
