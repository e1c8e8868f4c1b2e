"""The two reports: page one first, numbers that can be run again, who approved what."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.audit import Actor
from core.db.models import Audit
from core.errors import NotFound
from core.store.contract import Span
from reports.document import Document, Section, said
from reports.gather import Services, count
from reports.report import build_incident, build_period, definitions, write_entry
from tests.reports.conftest import END, HOSTILE, START


def part(document: Document, key: str) -> Section:
    (found,) = [s for s in document.sections if s.key == key]
    return found


def test_what_could_not_be_seen_comes_first_in_every_report(house: Services) -> None:
    for document in (build_period(house, START, END, "hanhnt"), build_incident(house, "VV-2026-0001", "hanhnt")):
        assert document.sections[0].key == "unseen"
        assert document.sections[0].is_first_page


def test_every_number_is_what_its_query_gives(house: Services) -> None:
    table = part(build_period(house, START, END, "hanhnt"), "counts").table
    assert table is not None
    assert len(table.rows) == len(definitions()["period"].counts)
    shown = {str(query): said(number, "en") for _, number, query in table.rows}
    again = {query: count(house, query, Span(START, END)).shown("en") for query in shown}
    assert shown == again
    assert shown["*"] == "12"


def test_incidents_and_actions_of_the_period_are_told_once(house: Services) -> None:
    document = build_period(house, START, END, "hanhnt")
    incidents, actions = part(document, "incidents").table, part(document, "actions").table
    assert incidents is not None
    assert [row[0] for row in incidents.rows] == ["VV-2026-0001"]
    assert actions is not None
    ((_, number, action, _, approver),) = actions.rows
    assert (number, said(action, "en")) == ("VV-2026-0001", "Block")
    assert "baotq" in said(approver, "en")
    assert "own run" in said(approver, "en") or "self" in said(approver, "en").lower()
    assert part(build_period(house, START - 9, START, "hanhnt"), "incidents").table is None


def test_an_incident_has_its_alerts_events_and_notes(house: Services) -> None:
    document = build_incident(house, "vv-2026-0001", "hanhnt")
    alerts, evidence = part(document, "alerts").table, part(document, "evidence").table
    assert alerts is not None
    assert evidence is not None
    assert len(alerts.rows) == 1
    assert [row[2] for row in evidence.rows] == [HOSTILE] * 5
    assert HOSTILE in said(part(document, "notes").lines[0], "en")


def test_an_unknown_incident_is_said(house: Services) -> None:
    with pytest.raises(NotFound):
        build_incident(house, "VV-2026-9999", "hanhnt")


def test_an_export_is_written_into_the_journal(house: Services) -> None:
    document = build_period(house, START, END, "hanhnt")
    write_entry(house, Actor("hanhnt", "cli"), document, "pdf", "a week")
    with house.database.read() as session:
        (entry,) = session.scalars(select(Audit)).all()
    assert (entry.action, entry.actor, entry.after) == ("report.export", "hanhnt", {"format": "pdf", "about": "a week"})
