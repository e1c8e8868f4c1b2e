"""Legal holds: what was received within a time is kept until the hold is lifted.

They stand in the control database, each change in one transaction with its entry in the journal, and deletion asks
there last (core/storage.py). The store keeps a copy, which lives and moves with the events; ``mirror`` brings it up to
what stands here. A hold that is lifted lets go what is past its time, so that takes what a shortening takes: a reason,
the name typed, and a day in which it can be taken back (docs/decisions/0012-two-keys-to-shorten.md).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros, iso
from core.db.models import LegalHold
from core.errors import BadInput, Conflict, NotFound, failure
from core.keeping import DELAY, MAINTENANCE, MAX_REASON
from core.steady import not_behind
from core.store.contract import EventStore, Hold, Span
from core.store.retention import HOLD_NAME


@dataclass(frozen=True, slots=True)
class Lifting:
    """A lifting that has not happened yet."""

    at: Micros
    asked_at: Micros
    asked_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A hold in force."""

    hold: Hold
    placed_by: str
    """Empty for one that was found in the store."""
    lifting: Lifting | None = None


def standing(session: Session, in_store: Iterable[Hold], now: Micros) -> list[Placed]:
    """The holds in force, by name: those that stand here, and those of the store that nobody has lifted here."""
    rows = {row.name: row for row in session.scalars(select(LegalHold))}
    found = [Placed(_hold(row), row.placed_by, _lifting(row)) for row in rows.values() if not _is_over(row, now)]
    found += [Placed(hold, "") for hold in in_store if hold.name not in rows]
    return sorted(found, key=lambda each: each.hold.name)


def in_force(session: Session, in_store: Iterable[Hold], now: Micros) -> list[Hold]:
    """The holds that deletion goes by."""
    return [each.hold for each in standing(session, in_store, now)]


def place(session: Session, actor: Actor, name: str, span: Span, *, reason: str, now: Micros) -> str:
    """Place a hold, in the caller's writing transaction, behind ``settle``; its name without outer spaces.

    Raises BadInput for what is no name, a time that is none or a missing reason, Conflict for a name that is taken.
    """
    name, reason = _plain(name), reason.strip()
    if not 0 < len(name) <= HOLD_NAME or not name.isprintable() or name.startswith("-"):  # a command's option
        raise failure(BadInput, "store.error.hold_name", limit=HOLD_NAME)
    if span.start is not None and span.end is not None and span.start >= span.end:
        raise failure(BadInput, "store.hold.span")
    if not reason:
        raise failure(BadInput, "store.hold.reason")
    row = session.get(LegalHold, name)
    if row is not None and row.lifted_at is None:
        raise failure(Conflict, "store.error.hold_taken", name=name)
    session.merge(
        LegalHold(
            name=name, start=span.start, end=span.end, reason=reason[:MAX_REASON], placed_at=now,
            placed_by=actor.name, lift_at=None, lift_asked_at=None, lift_asked_by="", lift_reason="", lifted_at=None,
        )
    )  # fmt: skip
    _record(session, actor, "store.hold", name, now, after=_told(span), reason=reason)
    return name


def ask_lift(session: Session, actor: Actor, name: str, *, reason: str, confirmed: str, now: Micros) -> Micros:
    """Ask for a hold to be lifted, in the caller's writing transaction, behind ``settle``; when it will be.

    Raises NotFound, BadInput for a missing reason or another name typed, Conflict when a lifting waits already.
    """
    row = _row(session, name)
    if not reason.strip():
        raise failure(BadInput, "store.hold.lift_reason")
    if _plain(confirmed) != row.name:
        raise failure(BadInput, "store.hold.confirm", name=row.name)
    if row.lift_at is not None:
        raise failure(Conflict, "store.hold.lifting", name=row.name)
    row.lift_at, row.lift_asked_at, row.lift_asked_by = not_behind(session, now) + DELAY, now, actor.name
    row.lift_reason = reason.strip()[:MAX_REASON]
    _record(session, actor, "store.lift_ask", row.name, now, after={"at": iso(row.lift_at)}, reason=row.lift_reason)
    return row.lift_at


def keep(session: Session, actor: Actor, name: str, *, reason: str, now: Micros) -> None:
    """Take back a lifting that waits. Raises NotFound."""
    row = _row(session, name)
    if row.lift_at is None:
        raise failure(NotFound, "store.hold.none_waits", name=row.name)
    before = {"at": iso(row.lift_at)}
    row.lift_at = row.lift_asked_at = None
    row.lift_asked_by = row.lift_reason = ""
    _record(session, actor, "store.lift_cancel", row.name, now, before=before, reason=reason.strip()[:MAX_REASON])


def settle(session: Session, in_store: Iterable[Hold], now: Micros) -> None:
    """Lift what is due and take in what stands in the store alone, in the caller's writing transaction."""
    rows = {row.name: row for row in session.scalars(select(LegalHold))}
    for row in rows.values():
        if row.lifted_at is None and row.lift_at is not None and row.lift_at <= now:
            row.lifted_at = now
            _record(session, MAINTENANCE, "store.lift", row.name, now, reason=row.lift_reason)
    for hold in in_store:
        if hold.name not in rows:
            session.add(
                LegalHold(
                    name=hold.name, start=hold.span.start, end=hold.span.end, reason=hold.reason,
                    placed_at=hold.placed_at, placed_by="", lift_asked_by="", lift_reason="",
                )
            )  # fmt: skip
            _record(
                session, MAINTENANCE, "store.hold_found", hold.name, now, after=_told(hold.span), reason=hold.reason
            )


def mirror(store: EventStore, wanted: Sequence[Hold]) -> None:
    """Bring the store's copy up to the holds in force. Raises as the store does."""
    there = {hold.name: hold for hold in store.holds()}
    here = {hold.name: hold for hold in wanted}
    for name, hold in there.items():
        if name not in here or here[name].span != hold.span:
            with suppress(NotFound):  # another process was faster
                store.lift(name)
    for name, hold in here.items():
        if name not in there or there[name].span != hold.span:
            with suppress(Conflict):
                store.hold(name, hold.span, hold.reason)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _row(session: Session, name: str) -> LegalHold:
    row = session.get(LegalHold, _plain(name))
    if row is None or row.lifted_at is not None:
        raise failure(NotFound, "store.error.no_hold", name=name[:HOLD_NAME])
    return row


def _is_over(row: LegalHold, now: Micros) -> bool:
    return row.lifted_at is not None or (row.lift_at is not None and row.lift_at <= now)


def _hold(row: LegalHold) -> Hold:
    return Hold(row.name, Span(row.start, row.end), row.reason, row.placed_at)


def _lifting(row: LegalHold) -> Lifting | None:
    if row.lift_at is None:
        return None
    return Lifting(row.lift_at, row.lift_asked_at or 0, row.lift_asked_by, row.lift_reason)


def _told(span: Span) -> dict[str, str | None]:
    return {
        "from": None if span.start is None else iso(span.start),
        "to": None if span.end is None else iso(span.end),
    }


def _record(
    session: Session,
    actor: Actor,
    action: str,
    name: str,
    now: Micros,
    *,
    before: dict[str, str] | None = None,
    after: dict[str, str | None] | dict[str, str] | None = None,
    reason: str = "",
) -> None:
    audit.record(
        session, actor, action, f"hold:{name}", now=now, before=before, after=None if after is None else {**after},
        reason=reason,
    )  # fmt: skip
