"""Runs of playbooks: what ran, what waits for whom, what was done to the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from api import runs
from api.deps import Caller, Reader, Services, Svc, Triage, WholeReader
from api.runs import RunDetail, RunSummary
from api.scope import sight
from api.shapes import Id, Page, Shape, read_cursor, write_cursor
from api.times import From, To, span
from core.db.models import Run, RunStatus
from playbooks import control
from playbooks.control import Person
from reports.actions import step_counts

router = APIRouter(prefix="/runs", tags=["playbooks"])


class RunPage(Page[RunSummary]):
    """One page of runs."""


@router.get("")
def list_runs(
    caller: Reader,
    svc: Svc,
    status: Annotated[list[RunStatus] | None, Query()] = None,
    playbook: Annotated[str | None, Query(max_length=100)] = None,
    incident: Id | None = None,
    waiting: Annotated[bool, Query(description="Those that wait for a person")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> RunPage:
    """Runs, newest first."""
    offset = read_cursor(cursor, int)[0] if cursor else 0
    with svc.database.read() as session:
        seen = sight(caller.scope)
        parts: list[ColumnElement[bool]] = []
        if status or waiting:
            parts.append(Run.status.in_([str(s) for s in (*(status or ()), *(runs.WAITING if waiting else ()))]))
        if playbook is not None:
            parts.append(Run.playbook == playbook)
        if incident is not None:
            parts.append(Run.incident_id == incident)
        where = and_(runs.visible(session, seen, *parts), *parts)
        items = runs.summaries(session, where, seen, limit, offset)
        total = session.scalar(select(func.count()).select_from(Run).where(where)) or 0
    more = offset + len(items)
    return RunPage(items=items, cursor=write_cursor(more) if more < total else None, total=total)


class StepCounts(Shape):
    """Steps begun in a range of time, dry runs left out."""

    done: int
    undone: int
    waiting: int
    """For an approval or a person."""


@router.get("/steps")
def count_steps(_: WholeReader, svc: Svc, start: From = None, end: To = None) -> StepCounts:
    """How many steps ended well, were undone, and wait for a person, as reports tell them."""
    asked = span(svc, start, end)
    with svc.database.read() as session:
        return StepCounts(**step_counts(session, asked.start, asked.end))


class Decision(BaseModel):
    """A person's decision about a step."""

    step: Annotated[str, Field(min_length=1, max_length=100)]
    reason: Annotated[str, Field(max_length=2000)] = ""


class Approval(Decision):
    """A person's approval of what they saw."""

    preview_version: Annotated[int, Field(ge=1)] = 1
    """Of the step, as it was seen: when the list has changed since, the approval is refused."""


class Because(BaseModel):
    reason: Annotated[str, Field(max_length=2000)] = ""


class UndoStep(BaseModel):
    step: Annotated[str | None, Field(max_length=100)] = None
    """One step; everything that can be undone when absent."""
    reason: Annotated[str, Field(max_length=2000)] = ""


def _person(caller: Caller, request: Request) -> Person:
    return Person(caller.actor, str(caller.role), request.client.host if request.client else None)


def _decide(svc: Services, caller: Caller, run_id: int, change: Callable[[Session], object]) -> RunDetail:
    with svc.database.write() as session:
        seen = sight(caller.scope)
        runs.detail(session, run_id, seen)
        change(session)
        session.flush()
        return runs.detail(session, run_id, seen)


@router.post("/{run_id}/approve")
def approve_step(run_id: Id, body: Approval, request: Request, caller: Triage, svc: Svc) -> RunDetail:
    """Approve a step that waits for it; who started a run does not, unless nobody else could."""
    who, now = _person(caller, request), svc.clock.now()

    def approve(session: Session) -> None:
        control.approve(session, who, run_id, body.step, preview=body.preview_version, now=now, reason=body.reason)

    return _decide(svc, caller, run_id, approve)


@router.post("/{run_id}/refuse")
def refuse_step(run_id: Id, body: Decision, request: Request, caller: Triage, svc: Svc) -> RunDetail:
    """Refuse a step that waits for approval; the run ends."""
    who, now = _person(caller, request), svc.clock.now()
    return _decide(
        svc, caller, run_id, lambda s: control.refuse(s, who, run_id, body.step, now=now, reason=body.reason)
    )


@router.post("/{run_id}/done")
def mark_step_done(run_id: Id, body: Decision, request: Request, caller: Triage, svc: Svc) -> RunDetail:
    """Say that one did what was prepared, or that an action of unknown outcome did take place."""
    who, now = _person(caller, request), svc.clock.now()
    return _decide(svc, caller, run_id, lambda s: control.done(s, who, run_id, body.step, now=now, reason=body.reason))


@router.post("/{run_id}/not-done")
def mark_step_not_done(run_id: Id, body: Decision, request: Request, caller: Triage, svc: Svc) -> RunDetail:
    """Say that it was not done, or that an action of unknown outcome did not take place."""
    who, now = _person(caller, request), svc.clock.now()
    return _decide(
        svc, caller, run_id, lambda s: control.not_done(s, who, run_id, body.step, now=now, reason=body.reason)
    )


@router.post("/{run_id}/cancel")
def cancel_run(run_id: Id, body: Because, request: Request, caller: Triage, svc: Svc) -> RunDetail:
    """End a run that is not over; what was done stays done until it is undone."""
    who, now = _person(caller, request), svc.clock.now()
    return _decide(svc, caller, run_id, lambda s: control.cancel(s, who, run_id, now=now, reason=body.reason))


@router.post("/{run_id}/undo")
def undo_run(run_id: Id, body: UndoStep, request: Request, caller: Triage, svc: Svc) -> RunDetail:
    """Undo what a run did, the newest first; the worker carries it out."""
    who, now = _person(caller, request), svc.clock.now()
    return _decide(svc, caller, run_id, lambda s: control.undo(s, who, run_id, body.step, now=now, reason=body.reason))


@router.get("/{run_id}")
def get_run(run_id: Id, caller: Reader, svc: Svc) -> RunDetail:
    """A run with its steps and effects."""
    with svc.database.read() as session:
        return runs.detail(session, run_id, sight(caller.scope))
