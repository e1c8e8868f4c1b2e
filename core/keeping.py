"""How long events are kept: what the settings ask for, and what is in force.

A class is kept for the longer of two: the months that the settings name, and those that stand in the control
database. What the settings lengthen is in force at once; what they shorten is not before a person confirmed it with a
reason and a day has passed (docs/decisions/0012-two-keys-to-shorten.md). Every change is an entry of the journal, in
the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import DAY, Micros, iso
from core.db.models import Retention
from core.errors import BadInput, Conflict, NotFound, Refused, failure
from core.steady import not_behind
from core.store.retention import Policy

DELAY = DAY
"""From the asking for a shortening to its effect."""
MAINTENANCE = Actor("maintenance", "maintenance")
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """A shortening that is not in force yet."""

    months: int
    at: Micros
    asked_at: Micros
    asked_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a class is kept."""

    name: str
    wished: int
    """Months, by the settings."""
    months: int
    """In force."""
    since: Micros | None
    """None: nothing was kept or deleted by it yet."""
    waiting: Waiting | None = None

    @property
    def may_shorten(self) -> bool:
        return self.wished < self.months and self.waiting is None


def standing(session: Session, wish: Policy) -> list[Kept]:
    """Every class that is named in the settings or was once."""
    rows = _rows(session)
    found = []
    for name in sorted({*wish.months, *rows}):
        row = rows.get(name)
        wished = wish.of(name)
        found.append(
            Kept(name, wished, wished, None)
            if row is None
            else Kept(name, wished, max(wished, row.months), row.since, _waiting(row))
        )
    return found


def in_force(session: Session, wish: Policy) -> Policy:
    """The policy that deletion goes by."""
    return policy_of(standing(session, wish), wish)


def foreseen(session: Session, wish: Policy, kept: Collection[str], now: Micros) -> list[Kept]:
    """What ``standing`` says behind ``settle``; nothing is changed."""
    rows = _rows(session)
    found = []
    for each in standing(session, wish):
        waiting, months = each.waiting, each.months
        if waiting is not None and waiting.at <= now:
            months = max(each.wished, waiting.months)
            waiting = None
        elif waiting is not None and waiting.months < each.wished:
            waiting = None
        elif rows and each.name not in rows and each.name in kept:
            months = max(months, wish.otherwise)
        found.append(Kept(each.name, each.wished, months, each.since, waiting))
    return found


def policy_of(found: Iterable[Kept], wish: Policy) -> Policy:
    """What is in force by these."""
    return Policy({each.name: each.months for each in found}, wish.otherwise)


def with_shorter(policy: Policy, name: str, months: int) -> Policy:
    return Policy({**policy.months, name: months}, policy.otherwise)


def begin(session: Session, wish: Policy, now: Micros) -> None:
    """Take what the settings of a new folder ask for, in the caller's writing transaction."""
    if not _rows(session):
        settle(session, wish, (), now)


def settle(session: Session, wish: Policy, kept: Collection[str], now: Micros) -> None:
    """Bring what stands in the control database up to now, in the caller's writing transaction: shortenings whose day
    has come, lengthened settings, new classes. ``kept``: the classes that something is kept of."""
    rows = _rows(session)
    is_first = not rows
    for name in sorted({*wish.months, *rows}):
        wished = wish.of(name)
        row = rows.get(name)
        if row is None:
            # of a class that the settings did not name so far nothing is deleted before the time of such classes
            months = wished if is_first or name not in kept else max(wished, wish.otherwise)
            session.add(Retention(name=name, months=months, since=now))
            continue
        if row.next_at is not None and row.next_months is not None and row.next_at <= now:
            _change(session, row, row.next_months, "retention.shortened", now)
        if wished > row.months:
            _change(session, row, wished, "retention.lengthened", now)
        elif row.next_months is not None and row.next_months < wished:
            _clear(row)  # the settings ask for more than what waits
            audit.record(session, MAINTENANCE, "retention.cancel", f"retention:{name}", now=now)


def shorten(
    session: Session, actor: Actor, name: str, months: int, *, reason: str, confirmed: str, wish: Policy, now: Micros
) -> Kept:
    """Ask for a class to be kept for less, in the caller's writing transaction, behind ``settle``.

    Raises NotFound for an unknown class, BadInput for months that shorten nothing, a missing reason or another name
    typed, Refused when the settings ask for more, Conflict when a shortening of the class waits.
    """
    check(standing(session, wish), name, months)
    row = session.get_one(Retention, name)
    if not reason.strip():
        raise failure(BadInput, "store.policy.reason")
    if confirmed != name:
        raise failure(BadInput, "store.policy.confirm", name=name)
    row.next_months, row.next_at = months, not_behind(session, now) + DELAY
    row.asked_at, row.asked_by, row.reason = now, actor.name, reason.strip()[:MAX_REASON]
    before, after = {"months": row.months}, {"months": months, "from": iso(row.next_at)}
    audit.record(
        session, actor, "retention.shorten", f"retention:{name}", now=now, before=before, after=after, reason=row.reason
    )
    return Kept(name, wish.of(name), row.months, row.since, _waiting(row))


def check(found: Sequence[Kept], name: str, months: int) -> None:
    """Whether a class may be kept for so few months. Raises as ``shorten`` does."""
    kept = next((each for each in found if each.name == name), None)
    if kept is None:
        known = ", ".join(each.name for each in found)
        raise failure(NotFound, "store.policy.unknown", name=name[:40], known=known)
    if not 1 <= months < kept.months:
        raise failure(BadInput, "store.policy.not_shorter", name=name, months=kept.months, asked=months)
    if months < kept.wished:
        raise failure(Refused, "store.policy.settings", name=name, wished=kept.wished, asked=months)
    if kept.waiting is not None:
        raise failure(Conflict, "store.policy.waits", name=name, months=kept.waiting.months)


def cancel(session: Session, actor: Actor, name: str, *, reason: str, now: Micros) -> None:
    """Take back a shortening that waits. Raises NotFound."""
    row = session.get(Retention, name)
    if row is None or row.next_months is None:
        raise failure(NotFound, "store.policy.none_waits", name=name[:40])
    before = {"months": row.next_months, "from": iso(row.next_at or 0)}
    audit.record(
        session, actor, "retention.cancel", f"retention:{name}", now=now, before=before, reason=reason[:MAX_REASON]
    )
    _clear(row)


def _rows(session: Session) -> dict[str, Retention]:
    return {row.name: row for row in session.scalars(select(Retention))}


def _waiting(row: Retention) -> Waiting | None:
    if row.next_months is None or row.next_at is None:
        return None
    return Waiting(row.next_months, row.next_at, row.asked_at or 0, row.asked_by, row.reason)


def _change(session: Session, row: Retention, months: int, action: str, now: Micros) -> None:
    before, reason = {"months": row.months}, row.reason if action == "retention.shortened" else ""
    row.months, row.since = months, now
    _clear(row)
    audit.record(
        session, MAINTENANCE, action, f"retention:{row.name}", now=now, before=before, after={"months": months},
        reason=reason,
    )  # fmt: skip


def _clear(row: Retention) -> None:
    row.next_months = row.next_at = row.asked_at = None
    row.asked_by = row.reason = ""
