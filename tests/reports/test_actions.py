"""Actions say whom they touched, who approved them and when, and whether they were undone or only tried."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from core.clock import HOUR, MINUTE
from core.db.models import Effect, Incident, Run, StepRun
from reports.actions import action_figures, actions
from reports.document import Section, said, value_of
from reports.gather import Reading, Services
from reports.numbers import numbers_of
from reports.report import definitions
from tests.api.conftest import NOW
from tests.reports.conftest import END, START

AT = NOW - HOUR


def reading(services: Services, start: int = START, end: int = END) -> Reading:
    return Reading(services, definitions()["period"], start, end)


def shown(section: Section) -> list[list[str]]:
    return [[said(c, "en") for c in row] for row in section.table.rows] if section.table is not None else []


def add(services: Services, step: dict[str, Any], effect: dict[str, Any] | None = None, **run: Any) -> None:
    defined = {"name": "s", "title": {"vi": "Chặn", "en": "Block"}, "approval": {"roles": ["analyst"]}}
    with services.database.write() as session:
        values = {
            "playbook": "p",
            "version": "1",
            "definition": {"steps": [defined]},
            "created_at": AT,
            "updated_at": AT,
        }
        made = Run(**{"key": f"k{len(session.scalars(select(Run)).all())}"} | values | run)
        session.add(made)
        session.flush()
        session.add(StepRun(**{"run_id": made.id, "step": "s", "position": 0, "started_at": AT} | step))
        if effect is not None:
            fixed = {"key": made.key, "run_id": made.id, "step": "s", "action": "a", "arguments": {}, "intended_at": AT}
            session.add(Effect(**fixed | {"effect_class": "checkable"} | effect))


def test_a_block_that_was_approved_done_and_undone(empty: Services) -> None:
    result = {"blocked": ["192.0.2.1", "192.0.2.2"], "undone_at": AT + MINUTE, "undone_by": "baotq"}
    step = {"status": "succeeded", "approved_by": "hanhnt", "approved_at": AT, "ended_at": AT + 9}
    add(empty, step, {"state": "undone", "result": result})
    ((_, action, status, approver),) = shown(actions(reading(empty)))
    assert action == "Block\n192.0.2.1, 192.0.2.2\n#1"
    assert status.startswith("Succeeded\n")
    assert "undone 2026-" in status
    assert status.endswith("baotq")
    assert approver.startswith("hanhnt\n2026-")
    assert {k: value_of(v) for k, v in action_figures(reading(empty)).items()} == {"done": 1, "undone": 1, "waiting": 0}


def test_a_block_that_ended_by_itself_was_undone_by_nobody(empty: Services) -> None:
    add(empty, {"status": "succeeded", "ended_at": AT + 9}, {"state": "undone", "result": {"expired_at": AT + HOUR}})
    ((_, _, status, _),) = shown(actions(reading(empty)))
    assert "ended by itself 2026-" in status
    assert "undone" not in status
    assert value_of(action_figures(reading(empty))["undone"]) == 0


def test_a_step_that_was_skipped_is_not_called_done(empty: Services) -> None:
    add(empty, {"status": "skipped", "ended_at": AT + 9})
    ((_, _, status, approver),) = shown(actions(reading(empty)))
    assert status.startswith("Skipped, its condition did not hold")
    assert approver == "needs no approval"
    assert value_of(action_figures(reading(empty))["done"]) == 0


def test_what_waits_shows_whom_it_would_touch_and_that_nobody_approved(empty: Services) -> None:
    add(empty, {"status": "waiting_approval", "preview": {"block": ["192.0.2.7"], "is_dry": True}})
    ((_, action, status, approver),) = shown(actions(reading(empty)))
    assert "192.0.2.7" in action
    assert status == "Waiting for approval\ndry run"
    assert approver == "nobody yet"
    assert value_of(action_figures(reading(empty))["waiting"]) == 1


def test_self_approval_and_failure_are_said(house: Services) -> None:
    add(house, {"status": "failed", "error": "no such table", "approved_by": "x", "is_self_approved": True})
    first, second = shown(actions(reading(house)))
    assert first[1] == "Block\nVV-2026-0001 · #1"
    assert first[3] == "baotq (self-approved)"
    assert second[2:] == ["Failed\nno such table", "x (self-approved)"]


def test_a_step_that_ran_again_with_other_arguments_is_one_step(empty: Services) -> None:
    add(empty, {"status": "succeeded"}, {"state": "undone", "result": {}})
    with empty.database.write() as session:
        first = session.scalars(select(Effect)).one()
        again = {"run_id": first.run_id, "step": "s", "action": "a", "arguments": {"n": 2}, "intended_at": AT}
        session.add(Effect(key="again", state="undone", effect_class="checkable", **again))
    assert {k: value_of(v) for k, v in action_figures(reading(empty)).items()} == {"done": 1, "undone": 1, "waiting": 0}


def test_dry_runs_and_other_times_are_left_out(empty: Services) -> None:
    add(empty, {"status": "succeeded"}, is_dry=True)
    assert shown(actions(reading(empty))) == []
    add(empty, {"status": "succeeded"})
    assert len(shown(actions(reading(empty)))) == 1
    assert shown(actions(reading(empty, START - HOUR, START))) == []


def test_of_an_incident_only_its_own(house: Services) -> None:
    add(house, {"status": "succeeded"})
    with house.database.read() as session:
        incident = session.scalars(select(Incident)).one()
    own = Reading(house, definitions()["incident"], START, END, incident)
    assert [row[1] for row in shown(actions(own))] == ["Block\n#1"]


def test_who_came_behind_the_approval_is_told_with_the_address_that_counts_them(empty: Services) -> None:
    add(
        empty,
        {"status": "succeeded", "newcomers": ["203.0.113.8", "203.0.113.9"]},
        {"result": {"blocked": ["192.0.2.1"]}},
    )
    section = actions(reading(empty))
    ((_, action, *_),) = shown(section)
    assert action == "Block\n192.0.2.1\n#1\ncame later, not blocked: 2: 203.0.113.8, 203.0.113.9"
    assert section.table is not None
    (number,) = numbers_of(section.table.rows[0][1])
    assert number == {"value": 2, "rerun": "GET /api/v1/runs/1 → steps.0.newcomers.length"}
