"""Playbooks as they are defined, and starting one for an incident."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from api import runs
from api.deps import Reader, Svc, Triage
from api.errors import language_of
from api.routes.incidents import find
from api.runs import RunDetail
from api.scope import sight
from api.shapes import Shape, Words
from core.db.models import Run
from core.errors import NotFound, Refused, failure
from playbooks import control

router = APIRouter(tags=["playbooks"])


class PlaybookStep(Shape):
    """A step as it is defined."""

    name: str
    title: Words
    action: str
    condition: str
    approval_roles: list[str]
    """Who may approve it; empty when it needs no approval."""


class PlaybookRow(Shape):
    """A playbook in force."""

    name: str
    title: Words
    reason: Words
    version: str
    file: str
    trigger: str
    """``incident``: starts by itself when an incident meets ``where``; ``manual``: a person starts it."""
    where: str
    steps: list[PlaybookStep]
    runs: int
    """How often it ran, dry runs left out."""


class PlaybookFault(Shape):
    """A playbook file that could not be used."""

    place: str
    reason: str
    remedy: str


class PlaybookList(Shape):
    items: list[PlaybookRow]
    errors: list[PlaybookFault]


class NewRun(BaseModel):
    playbook: str = Field(min_length=1, max_length=64)
    is_dry: bool = False
    """Show what would be done; nothing is touched."""


@router.get("/playbooks")
def list_playbooks(request: Request, caller: Reader, svc: Svc) -> PlaybookList:
    """The playbooks in force, by name, and the files that could not be used."""
    found, errors = svc.playbooks()
    with svc.database.read() as session:
        where = (Run.is_dry.is_(False), runs.visible(session, sight(caller.scope)))
        counted = select(Run.playbook, func.count()).where(*where).group_by(Run.playbook)
        ran = Counter({row[0]: row[1] for row in session.execute(counted)})
    items = []
    for name in sorted(found):
        playbook = found[name]
        definition = playbook.definition
        steps = [
            PlaybookStep(
                name=step.name,
                title=Words.model_validate(step.title),
                action=step.action,
                condition=step.condition,
                approval_roles=list(step.approval.roles) if step.approval else [],
            )
            for step in definition.steps
        ]
        items.append(
            PlaybookRow(
                name=name,
                title=Words.model_validate(definition.title),
                reason=Words.model_validate(definition.reason),
                version=playbook.version,
                file=playbook.file,
                trigger=definition.trigger.subject,
                where=definition.trigger.where,
                steps=steps,
                runs=ran[name],
            )
        )
    lang = language_of(request)
    faults = [
        PlaybookFault(place=str(e.place or ""), reason=e.said[lang], remedy=e.remedy[lang] if e.remedy else "")
        for e in errors
    ]
    return PlaybookList(items=items, errors=faults)


@router.post("/incidents/{key}/runs", status_code=201)
def start_run(key: str, body: NewRun, caller: Triage, svc: Svc) -> RunDetail:
    """Start a playbook for an incident, or only show what it would do."""
    playbook = svc.playbooks()[0].get(body.playbook)
    if playbook is None:
        raise failure(NotFound, "api.no_playbook")
    with svc.database.write() as session:
        incident = find(session, caller, key)
        run = control.start(session, caller.actor, playbook, incident, now=svc.clock.now(), is_dry=body.is_dry)
        session.flush()
        seen = sight(caller.scope)
        if (
            session.scalar(select(Run.id).where(Run.id == run.id, runs.visible(session, seen, Run.id == run.id)))
            is None
        ):
            raise failure(Refused, "api.need_whole")  # it would act on what lies outside the scope
        return runs.detail(session, run.id, seen)
