"""What happened in an incident and what was done to it, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.runs import RunSummary, step_of, visible, words_of
from api.scope import Sight
from api.shapes import Recalled, Shape, Time, Words
from core.db.models import Alert, Audit, Level, Run, StepRun
from core.errors import recalled
from core.words import LANGUAGES, entries


class NoteShown(Shape):
    id: int
    author: str
    at: Time
    text: str


class TimelineItem(Shape):
    """Something that happened in, or was done to, an incident. ``id`` is that of the alert, note, run or entry."""

    kind: Literal["alert", "note", "run", "step", "change"]
    at: Time
    id: int
    level: Level | None = None
    title: Words
    detail: str = ""
    error: Recalled = Words()
    actor: str = ""
    status: str = ""
    count: int = 1


def changes_of(session: Session, number: str) -> list[Audit]:
    """What persons did to an incident; notes stand for themselves."""
    query = select(Audit).where(Audit.object == f"incident:{number}", Audit.action != "incident.note")
    return list(session.scalars(query.order_by(Audit.seq).limit(500)))


def items(
    alerts: Sequence[Alert], notes: Sequence[NoteShown], runs: Sequence[RunSummary], changes: Sequence[Audit]
) -> list[TimelineItem]:
    """Alerts at their first event, notes, runs and changes by persons; not yet in order."""
    found = [
        TimelineItem(
            kind="alert", at=a.first_at, id=a.id, level=Level(a.level), title=Words(**_two(a.rule_title)),
            detail=_fact(a.summary), status=a.status, count=a.count,
        )
        for a in alerts
    ]  # fmt: skip
    found += [
        TimelineItem(kind="note", at=n.at, id=n.id, title=_said("note"), detail=n.text, actor=n.author) for n in notes
    ]
    found += [
        TimelineItem(kind="run", at=r.created_at, id=r.id, title=r.title, status=r.status, actor=r.started_by)
        for r in runs
    ]
    found += [
        TimelineItem(
            kind="change", at=c.at, id=c.seq, title=_said(c.action.partition(".")[2]), detail=c.reason, actor=c.actor
        )
        for c in changes
    ]
    return found


def steps(session: Session, incident_id: int, sight: Sight) -> list[TimelineItem]:
    """What persons approved and what steps of runs ended."""
    query = select(StepRun, Run).join(Run, Run.id == StepRun.run_id)
    query = query.where(Run.incident_id == incident_id, visible(session, sight))
    found = []
    for step, run in session.execute(query.limit(500)):
        defined = step_of(run.definition, step.step)
        title = words_of(defined, step.step)
        if step.approved_at is not None:
            approved = _said("self_approved" if step.is_self_approved else "approved")
            both_ = Words(vi=f"{approved.vi}: {title.vi}", en=f"{approved.en}: {title.en}")
            by = step.approved_by or ""
            found.append(TimelineItem(kind="step", at=step.approved_at, id=run.id, title=both_, actor=by))
        if step.ended_at is not None:
            found.append(
                TimelineItem(
                    kind="step",
                    at=step.ended_at,
                    id=run.id,
                    title=title,
                    error=recalled(step.error),
                    status=step.status,
                )
            )
    return found


def _two(title: Mapping[str, Any]) -> dict[str, str]:
    return {lang: str(title.get(lang, "")) for lang in LANGUAGES}


def _said(action: str) -> Words:
    words = entries().get(f"api.timeline.{action}", {"vi": action, "en": action})
    return Words(**words)


def _fact(summary: Mapping[str, Any]) -> str:
    """The telling facts of an alert in one line: from whom to whom, and what was run."""
    shown = []
    for key in ("from", "user", "to", "port", "command", "file", "url", "domain"):
        value = summary.get(key)
        values = value if isinstance(value, list) else [value] if value not in (None, "") else []
        if values:
            more = f" +{len(values) - 1}" if len(values) > 1 else ""
            shown.append(f"{values[0]}{more}")
    return " · ".join(shown)[:500]
