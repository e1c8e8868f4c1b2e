"""One vụ việc: what is known, what matched and why it belongs together, events as received, who changed what."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core import audit
from core.audit import Actor
from core.clock import HOUR, MINUTE
from core.db.models import Alert, Incident, User
from core.store.contract import Batch
from reports import incident
from reports.document import Section, said, value_of
from reports.gather import Reading, Services
from reports.report import definitions
from tests.api.conftest import NOW
from tests.api.rows import alert, events
from tests.reports.conftest import END, HOSTILE, START


def reading(services: Services, **changes: Any) -> Reading:
    with services.database.write() as session:
        found = session.scalars(select(Incident)).one()
        for name, value in changes.items():
            setattr(found, name, value)
    with services.database.read() as session:
        found = session.scalars(select(Incident)).one()
    return Reading(services, definitions()["incident"], START, END, found)


def cells(section: Section) -> list[list[str]]:
    return [[said(c, "en") for c in row] for row in section.table.rows] if section.table is not None else []


def test_the_facts_say_where_it_stands(house: Services) -> None:
    section = incident.facts(reading(house, status="closed", verdict="benign", verdict_reason="drill", closed_at=NOW))
    facts = dict(cells(section))
    assert said(section.lead, "en") == HOSTILE
    assert facts["Status"] == "Closed · benign · drill"
    assert facts["Level"] == "High\npriority 40: +40 level of the alerts"
    assert facts["Assignee"] == "nobody assigned"
    assert facts["Declared"] == "nobody has declared it a security incident"
    assert facts["Closed"].startswith("2026-11-25")


def test_a_declaration_is_told_and_so_is_its_withdrawal(house: Services) -> None:
    declared = {"declared_at": NOW, "declared_by": "hanhnt", "detected_at": NOW - HOUR, "category": "N3"}
    facts = dict(cells(incident.facts(reading(house, **declared, declaration_reason="web shell"))))
    assert facts["Declared"].endswith(" · hanhnt · web shell")
    assert facts["Category"] == "N3", "as it was written before there were keys"
    (told,) = [row for row in cells(incident.facts(reading(house, category="data_leak"))) if row[0] == "Category"]
    assert told[1] == "Data leak or loss"
    assert "Withdrawn" not in facts
    facts = dict(
        cells(incident.facts(reading(house, withdrawn_at=NOW, withdrawn_by="baotq", withdrawal_reason="drill")))
    )
    assert facts["Withdrawn"].endswith(" · baotq · drill")


def test_a_replay_says_so(house: Services) -> None:
    assert "About the data" in dict(cells(incident.facts(reading(house, is_replay=True))))
    assert "About the data" not in dict(cells(incident.facts(reading(house, is_replay=False))))


def test_entities_are_counted_by_kind(house: Services) -> None:
    with house.database.write() as session:
        found = session.scalars(select(Alert)).one()
        found.entities = [["host", "web01"], ["ip", "192.0.2.1"], ["ip", "192.0.2.2"], ["odd", "x"]]
    table = incident.entities(reading(house)).table
    assert table is not None
    assert [[said(r[0], "en"), value_of(r[1]), r[2]] for r in table.rows] == [
        ["Hosts", 1, "web01"],
        ["IP addresses", 2, "192.0.2.1, 192.0.2.2"],
        ["odd", 1, "x"],
    ]


def test_alerts_tell_what_matched_and_why_they_are_linked(house: Services) -> None:
    with house.database.write() as session:
        own = session.scalars(select(Incident)).one()
        matched = [{"field": "user.name", "value": "root"}] * 2 + [{"field": "a", "value": "b"}]
        session.add(alert(at=NOW, incident_id=own.id, matched=matched, count=3))
        session.add(alert(at=NOW, incident_id=own.id, joined_to=1))
    section = incident.alerts(reading(house))
    first, second = cells(section)
    assert first[5] == f"same host {HOSTILE}"
    assert second[2] == "user.name: root\na: b"
    assert second[5] == "first alert"
    assert said(section.lead, "en") == "2 of 2 alerts, 4 hits."
    assert [r.rpartition(" · ")[2][:1] for r in (first[1], second[1])] == ["#", "#"]


def test_events_are_shown_as_received_with_their_ids(house: Services) -> None:
    section = incident.evidence(reading(house))
    assert len(cells(section)) == 5
    text, event_id = cells(section)[0][1].split("\n")
    assert text == HOSTILE
    assert event_id.endswith(".0.0")
    assert section.lines == []
    with house.database.write() as session:
        found = session.scalars(select(Alert)).one()
        found.event_ids = [*found.event_ids, "01ARZ3NDEKTSV4RRFFQ69G5FAV.1.0"]
    assert said(incident.evidence(reading(house)).lines[0], "en").startswith("1 event is no longer")


def test_a_loud_alert_hides_no_quiet_one(house: Services) -> None:
    scan, theft = events(90, NOW - HOUR), events(2, NOW - MINUTE, message="theft")
    house.store.append(Batch([*scan, *theft]))
    with house.database.write() as session:
        of = session.scalars(select(Alert)).one().incident_id
        session.add(alert(incident_id=of, at=NOW - HOUR, level="low", event_ids=[e["event.id"] for e in scan]))
        session.add(alert(incident_id=of, at=NOW, level="critical", event_ids=[e["event.id"] for e in theft]))
    shown = cells(incident.evidence(reading(house)))
    assert len(shown) == incident.EVENTS
    assert [row[1].startswith("theft") for row in shown] == [False] * (incident.EVENTS - 2) + [True, True]
    assert sum(row[1].startswith(HOSTILE) for row in shown) == 5


def test_the_gravest_alert_comes_first_in_turn() -> None:
    rows = [alert(level="low", event_ids=["a", "b", "c"]), alert(level="critical", event_ids=["x", "a"])]
    assert incident.in_turn(rows) == ["x", "a", "b", "c"]
    assert incident.in_turn([]) == []


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"message": "a\nb"}, "a b"),
        (
            {"source.ip": "192.0.2.1", "source.port": 9, "destination.ip": "192.0.2.2", "network.bytes": 7},
            "192.0.2.1:9 → 192.0.2.2:?  7 B",
        ),
    ],
)
def test_a_line_is_one_line(event: dict[str, Any], line: str) -> None:
    assert incident._line(event) == line


def test_what_matched_stands_whole_before_a_long_raw_and_a_cut_is_said(house: Services) -> None:
    command = "powershell.exe -enc " + "QQ" * 300
    raw = '{"Message":"' + "x" * 3_000 + '"}'
    seen = events(2, NOW - MINUTE, **{"event.original": raw, "process.command_line": command, "winlog.x": ["a", "b"]})
    house.store.append(Batch(seen))
    with house.database.write() as session:
        of = session.scalars(select(Alert)).one().incident_id
        matched = [{"field": "winlog.x", "value": "a"}, {"field": "CommandLine", "value": "-enc"}]
        ids = [e["event.id"] for e in seen]
        session.add(alert(incident_id=of, at=NOW, level="critical", event_ids=ids, matched=matched))
    first, second = (row[1].split("\n") for row in cells(incident.evidence(reading(house)))[-2:])
    assert first[:3] == [f"process.command_line: {command}", "winlog.x: a b", "CommandLine: -enc"]
    assert second[:2] == [f"process.command_line: {command}", "winlog.x: a b"], "values are those of the first event"
    assert first[3] == raw[:2_000] + " … (1,014 characters more)"
    assert first[4] == ids[0]


def test_notes_and_the_journal_name_who_wrote_them(house: Services) -> None:
    with house.database.write() as session:
        audit.record(
            session, Actor("hanhnt", "console"), "incident.close", "incident:VV-2026-0001", now=NOW, reason="done"
        )
        audit.record(session, Actor("x", "console"), "incident.close", "incident:VV-2026-0002", now=NOW)
        audit.record(
            session, Actor("baotq (token:demo-baotq-17)", "api"), "incident.note", "incident:VV-2026-0001", now=NOW
        )
        session.add(User(name="baotq", full_name="Trần Quốc Bảo", role="analyst", created_at=0))
    assert cells(incident.notes(reading(house)))[0][1:] == ["hanhnt", HOSTILE]
    (number, _, actor, _, reason), by_token = cells(incident.journal(reading(house)))
    assert by_token[2] == "Trần Quốc Bảo (baotq), by access token"
    assert (number, actor, reason) == ("1", "hanhnt", "done")


def test_a_part_without_an_incident_is_a_mistake_of_ours(house: Services) -> None:
    with pytest.raises(ValueError, match="incident"):
        incident.facts(Reading(house, definitions()["incident"], START, END))
