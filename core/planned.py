"""Silences that somebody planned: maintenance of declared sources, with an owner, a reason and an end.

A source that is silent meanwhile raises no alert; the silence itself is recorded, and reports name it with its reason.
From the end on it is missed like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import DAY, Micros
from core.db.models import Audit, PlannedSilence, Source
from core.errors import BadInput, Conflict, NotFound, failure
from core.followed import SOURCE

LONGEST_DAYS = 30
"""Who needs more extends it: an end that is years away is a source that nobody watches."""
BEGIN, END, UNDO = "maintenance.begin", "maintenance.end", "maintenance.undo"
ACTIONS = (BEGIN, END, UNDO)
_TOLD = ("id", "start_at", "end_at", "reason", "owner", "by")


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned silence that is under way."""

    end_at: Micros
    reason: str
    owner: str
    by: str


def begin(
    session: Session,
    actor: audit.Actor,
    names: Iterable[str],
    end: Micros,
    reason: str,
    owner: str,
    now: Micros,
) -> int:
    """Plan silence of declared sources from now to ``end``; one that is planned already gets the new end and reason.

    Returns the entry of the journal that undoes it. Raises BadInput for a missing reason or owner or an end that is
    past or too far away, NotFound for a name that is not declared.
    """
    if not (reason := reason.strip()) or not (owner := owner.strip()):
        raise failure(BadInput, "planned.needs")
    if end <= now:
        raise failure(BadInput, "planned.past")
    if end - now > LONGEST_DAYS * DAY:
        raise failure(BadInput, "planned.long", days=LONGEST_DAYS)
    before, after = {}, {}
    for name in declared(session, names):
        row = _current(session, name, now)
        before[name] = _told(row)
        if row is None:
            row = PlannedSilence(source=name, start_at=now)
            session.add(row)
        row.end_at, row.reason, row.owner, row.by = end, reason[:2000], owner[:200], actor.name
        session.flush()
        after[name] = _told(row)
    return _record(session, actor, BEGIN, before, after, now, reason)


def finish(session: Session, actor: audit.Actor, names: Iterable[str], now: Micros) -> int:
    """End planned silences now; returns the entry that undoes it. Raises NotFound for a source without one."""
    before, after = {}, {}
    for name in declared(session, names):
        row = _current(session, name, now)
        if row is None:
            raise failure(NotFound, "planned.none", name=name)
        before[name] = _told(row)
        row.end_at = now
        after[name] = _told(row)
    return _record(session, actor, END, before, after, now)


def put_back(session: Session, actor: audit.Actor, entry: Audit, now: Micros) -> tuple[int, int]:
    """Undo an entry; what was newly planned ends now. Returns how many sources that were, and the entry of the undo.

    Raises Conflict when one was planned otherwise since.
    """
    was, made = entry.before or {}, entry.after or {}
    rows = {name: session.get(PlannedSilence, told["id"]) for name, told in made.items()}
    for name, row in rows.items():
        if _told(row) != made[name]:
            raise failure(Conflict, "inventory.undo_changed", name=name)
    after = {}
    for name, row in rows.items():
        assert row is not None
        for key, value in (was[name] or {"end_at": now}).items():
            setattr(row, key, value)
        after[name] = _told(row)
    return len(after), _record(session, actor, UNDO, made, after, now)


def current(session: Session, now: Micros) -> dict[str, Planned]:
    """What is planned at a time, by source."""
    rows = session.scalars(select(PlannedSilence).where(PlannedSilence.start_at <= now, PlannedSilence.end_at > now))
    return {row.source: Planned(row.end_at, row.reason, row.owner, row.by) for row in rows}


def ended(session: Session, now: Micros) -> dict[str, Micros]:
    """When the newest planned silence of each source ended, of the last month."""
    since = now - LONGEST_DAYS * DAY
    rows = session.scalars(select(PlannedSilence).where(PlannedSilence.end_at <= now, PlannedSilence.end_at > since))
    found: dict[str, Micros] = {}
    for row in rows:
        found[row.source] = max(row.end_at, found.get(row.source, 0))
    return found


def touching(session: Session, start: Micros, end: Micros) -> Sequence[PlannedSilence]:
    """Planned silences that touch [start, end), the first to begin first."""
    within = PlannedSilence.start_at < end, PlannedSilence.end_at > start
    return session.scalars(select(PlannedSilence).where(*within).order_by(PlannedSilence.start_at)).all()


def declared(session: Session, names: Iterable[str]) -> list[str]:
    """The names once each, if all of them are declared. Raises NotFound."""
    wanted = list(dict.fromkeys(names))
    own = Source.name != SOURCE  # nobody edits what Kỳ Đài declared of itself
    there = set(session.scalars(select(Source.name).where(Source.name.in_(wanted), Source.is_declared, own)))
    if missing := [name for name in wanted if name not in there]:
        raise failure(NotFound, "inventory.unknown", name=missing[0][:100])
    return wanted


def _current(session: Session, name: str, now: Micros) -> PlannedSilence | None:
    query = select(PlannedSilence).where(PlannedSilence.source == name, PlannedSilence.end_at > now)
    return session.scalar(query.order_by(PlannedSilence.id.desc()).limit(1))


def _told(row: PlannedSilence | None) -> dict[str, Any] | None:
    return None if row is None else {name: getattr(row, name) for name in _TOLD}


def _record(
    session: Session,
    actor: audit.Actor,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: Micros,
    reason: str = "",
) -> int:
    names = list(after)
    about = f"source:{names[0]}" if len(names) == 1 else f"sources:{len(names)}"
    return audit.record(session, actor, action, about, now=now, before=dict(before), after=dict(after), reason=reason)
