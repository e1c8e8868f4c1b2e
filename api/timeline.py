"""What happened in an incident and what was done to it, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.runs import RunSummary, step_of, visible, words_of
from api.scope import Sight
from api.shapes import Recalled, Shape, Time, Words
from core.audit import people
from core.db.models import Alert, Audit, Level, Run, StepRun
from core.errors import recalled
from core.words import LANGUAGES, both, entries


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
        TimelineItem(
            kind="run",
            at=r.created_at,
            id=r.id,
            title=_tried(Words(vi=r.title.vi, en=r.title.en), is_dry=r.is_dry),
            status=r.status,
            actor=r.started_by,
        )
        for r in runs
    ]
    found += [
        TimelineItem(kind="change", at=c.at, id=c.seq, title=_changed(c), detail=c.reason, actor=c.actor)
        for c in changes
    ]
    return found


def steps(session: Session, incident_id: int, sight: Sight) -> list[TimelineItem]:
    """What persons approved and undid, and what steps of runs ended; those of a dry run did nothing."""
    query = select(StepRun, Run).join(Run, Run.id == StepRun.run_id)
    those = (Run.incident_id == incident_id, Run.is_dry.is_(False))
    query = query.where(*those, visible(session, sight, *those))
    found = []
    for step, run in session.execute(query.limit(500)):
        defined = step_of(run.definition, step.step)
        title = words_of(defined, step.step)
        if step.approved_at is not None:
            approved = _said("self_approved" if step.is_self_approved else "approved")
            both_ = Words(vi=f"{approved.vi}: {title.vi}", en=f"{approved.en}: {title.en}")
            by = step.approved_by or ""
            found.append(TimelineItem(kind="step", at=step.approved_at, id=run.id, title=both_, actor=by))
        if isinstance(undone_at := step.result.get("undone_at"), int):
            undone = _said("undone")
            both_ = Words(vi=f"{undone.vi}: {title.vi}", en=f"{undone.en}: {title.en}")
            by = str(step.result.get("undone_by", ""))
            found.append(TimelineItem(kind="step", at=undone_at, id=run.id, title=both_, actor=by))
        if step.ended_at is not None:
            found.append(
                TimelineItem(
                    kind="step",
                    at=step.ended_at,
                    id=run.id,
                    title=_tried(title, is_dry=bool(step.result.get("is_dry"))),
                    error=recalled(step.error),
                    status=step.status,
                )
            )
    return found


def _changed(entry: Audit) -> Words:
    """What was done: to whom it was given, and which tags, when the entry tells."""
    action = entry.action.partition(".")[2]
    before, after = entry.before or {}, entry.after or {}
    if action == "assign" and "assignee" in after:
        to = after["assignee"]
        return _said("assign" if to in people(entry.actor) else "given" if to else "taken", name=str(to))
    changed = set(after.get("tags") or ()) ^ set(before.get("tags") or ()) if action in ("tag", "untag") else ()
    tags = f": {', '.join(sorted(map(str, changed)))}" if changed else ""
    said = _said(action)
    return Words(vi=said.vi + tags, en=said.en + tags)


def _tried(title: Words, *, is_dry: bool) -> Words:
    """A title that says when nothing was really done."""
    dry = both("common.dry_run")
    return Words(vi=f"{title.vi} · {dry['vi']}", en=f"{title.en} · {dry['en']}") if is_dry else title


def _two(title: Mapping[str, Any]) -> dict[str, str]:
    return {lang: str(title.get(lang, "")) for lang in LANGUAGES}


def _said(action: str, **values: str) -> Words:
    key = f"api.timeline.{action}"
    return Words(**both(key, **values)) if key in entries() else Words(vi=action, en=action)


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
