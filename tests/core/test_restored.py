"""What was lost with a restoring is said in every answer about it, and no number is given a second time."""

from __future__ import annotations

from typing import Any

import pytest

from core import restored
from core.clock import DAY, HOUR, to_micros
from core.db.database import Database
from core.db.models import Alert, Incident
from core.restored import ALERTS_A_DAY, INCIDENTS_A_DAY, Gap
from core.store.contract import Missing, Span
from enrichment.incidents import new_incident

NOON = 1_795_564_800_000_000
GAP = Gap(NOON, NOON + 30 * HOUR)


def alert(key: str) -> Alert:
    times: dict[str, Any] = dict.fromkeys(("first_at", "last_at", "received_at", "created_at", "updated_at"), NOON)
    return Alert(fold_key=key, rule_id="r", rule_title={}, level="high", **times)


def test_answers_about_the_time_in_between_are_incomplete(database: Database) -> None:
    lost = [Missing("restored", "", GAP.start, GAP.end)]
    with database.write() as session:
        assert restored.missing(session, Span()) == []
        restored.note(session, GAP)
        assert restored.missing(session, Span()) == lost
        assert restored.missing(session, Span(GAP.start + 1, GAP.start + 2)) == lost
        assert restored.missing(session, Span(None, GAP.start)) == []
        assert restored.missing(session, Span(GAP.end, None)) == []


def test_without_events_all_of_before_is_missing_until_they_are_brought_back(database: Database) -> None:
    with database.write() as session:
        restored.note(session, Gap(GAP.start, GAP.end, is_all=True))
        before = Span(None, GAP.start - DAY)
        assert restored.missing(session, before) == [Missing("restored", "", None, GAP.end)]
        restored.filled(session)
        assert restored.missing(session, before) == []
        assert len(restored.missing(session, Span())) == 1


def test_incidents_and_alerts_go_on_behind_what_may_have_been_given(database: Database) -> None:
    with database.write() as session:
        old = [new_incident(session, NOON, is_replay=False) for _ in range(3)]
        session.add_all([alert("a"), alert("b")])
        session.flush()
        restored.note(session, GAP)
        told = alert("told")
        session.add(told)
        session.flush()
        assert restored.lift(session, told.id, GAP) == 2 + 2 * ALERTS_A_DAY, "two days were begun"
    with database.write() as session:
        fresh = [new_incident(session, NOON, is_replay=False) for _ in range(2)]
        session.add(alert("c"))
        session.flush()
        first = old[-1].id + 2 * INCIDENTS_A_DAY + 1
        assert [(each.id, each.number) for each in fresh] == [
            (first, f"VV-2026-{first:04d}"), (first + 1, f"VV-2026-{first + 1:04d}"),
        ]  # fmt: skip
        next_year = new_incident(session, NOON + 40 * DAY, is_replay=False)
        assert next_year.number == "VV-2027-0001"
        assert session.query(Alert).filter_by(fold_key="c").one().id == 3 + 2 * ALERTS_A_DAY
        assert session.get(Incident, next_year.id) is not None


@pytest.mark.parametrize(
    ("before", "number"), [([], "VV-2027-2001"), ([DAY], "VV-2027-2001"), ([2 * DAY], "VV-2027-2002")]
)
def test_numbers_of_the_year_in_which_it_is_restored_are_left_out(
    database: Database, before: list[int], number: str
) -> None:
    silvester = Gap(to_micros("2026-12-31T05:00:00Z"), to_micros("2027-01-01T05:00:00Z"))
    with database.write() as session:
        for after in before:
            new_incident(session, silvester.end - 2 * DAY + after, is_replay=False)
        restored.note(session, silvester)
        fresh = new_incident(session, silvester.end, is_replay=False)
    assert (fresh.id, fresh.number) == (len(before) + 2 * INCIDENTS_A_DAY + 1, number)


def test_what_was_left_out_stays_so_when_it_is_restored_again(database: Database) -> None:
    with database.write() as session:
        restored.note(session, GAP)
        restored.note(session, GAP)
        fresh = new_incident(session, NOON, is_replay=False)
    assert fresh.id == 4 * INCIDENTS_A_DAY + 1
    assert fresh.number.endswith(f"-{4 * INCIDENTS_A_DAY + 1}")
