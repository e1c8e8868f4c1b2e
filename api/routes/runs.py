"""Runs of playbooks: what ran, what waits for whom, what was done to the world."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from api import runs
from api.deps import Caller, Reader, Svc
from api.errors import said
from api.runs import RunDetail, RunSummary
from api.scope import sight
from api.shapes import Id, Page, read_cursor, write_cursor
from core.db.models import Run, RunStatus
from core.errors import NotFound

router = APIRouter(prefix="/runs", tags=["playbooks"])


class RunPage(Page[RunSummary]):
    """One page of runs."""


def find(session: Session, caller: Caller, run_id: int) -> Run:
    """The run, if the caller may see it. Raises NotFound."""
    row = session.scalar(select(Run).where(Run.id == run_id, runs.visible(session, sight(caller.scope))))
    if row is None:
        raise said(NotFound, "no_run")
    return row


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
        parts = [runs.visible(session, sight(caller.scope))]
        if status or waiting:
            parts.append(Run.status.in_([str(s) for s in (*(status or ()), *(runs.WAITING if waiting else ()))]))
        if playbook is not None:
            parts.append(Run.playbook == playbook)
        if incident is not None:
            parts.append(Run.incident_id == incident)
        where = and_(*parts)
        items = runs.summaries(session, where, limit, offset)
        total = session.scalar(select(func.count()).select_from(Run).where(where)) or 0
    more = offset + len(items)
    return RunPage(items=items, cursor=write_cursor(more) if more < total else None, total=total)


@router.get("/{run_id}")
def get_run(run_id: Id, caller: Reader, svc: Svc) -> RunDetail:
    """A run with its steps and effects."""
    with svc.database.read() as session:
        return runs.detail(session, find(session, caller, run_id))
