"""What is wrong with ourselves, found in the control database; and what is old enough to be deleted.

Every function here only reads, and is handed the time. ``kydai/maintenance.py`` tells and deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, delete, func, inspect, select, tuple_
from sqlalchemy.orm import Session

from core import backups, tended
from core.clock import DAY, MINUTE, SECOND, Micros, iso
from core.db.models import (
    Activity,
    Base,
    DeadLetter,
    Heartbeat,
    JudgedRange,
    Ledger,
    LetterStage,
    Level,
    Notice,
    Outbox,
    OutboxState,
    RuleHits,
    Said,
    SignInLink,
    Source,
    SpoolPosition,
)
from core.db.models import Session as SignedIn
from core.event import is_ulid, new_ulid, ulid_time
from core.lag import LIVE, is_live, live_spools, spool_lags, waits
from core.ledger import read_balances
from core.storage import days_left
from core.store.retention import months_later
from core.words import LANGUAGES, both, duration, say
from kydai.showing import ending

LIMIT = 60 * SECOND
"""A longer lag is an alert."""
AHEAD = 5 * MINUTE
BALANCE_SPAN = 2 * DAY
LETTERS_SPAN = DAY
WORK_KEPT = 7 * DAY
JUDGED_KEPT = 40 * DAY
"""A gateway takes an agent's segment that is up to 30 days old."""
LINK_KEPT = DAY
LEFT = ((7, Level.HIGH), (14, Level.MEDIUM), (30, Level.LOW))
"""Days left on the disk that are an alert, the nearest first."""
CERTIFICATE_URGENT = 7
"""Days left of the HTTPS certificate."""
BEATS_KEPT = 7 * DAY
HEARD_KEPT = 90 * DAY
"""A source that nobody declared and that was not heard for so long is forgotten; it takes one of 10,000 places."""
COUNTS_KEPT = 25
"""Months that the balances and what senders say stand, at least: two years can be reported on, and the month after."""
SWEPT_AT_ONCE = 500
"""So that a transaction holds the lock for less than 50 ms."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something about ourselves that people should know."""

    key: str
    title: Mapping[str, str]
    level: Level
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_standing: bool = False
    """It stays until a person does something: unchanged, it is told of once a day and not every hour."""


def _waited(key: str, word: str, age: Micros, **values: str) -> Matter:
    title = {lang: say(word, lang, lag=duration(age, lang), **values) for lang in LANGUAGES}
    return Matter(key, title, Level.MEDIUM, {"lag_seconds": age // SECOND, **values})


def lags(session: Session, now: Micros) -> list[Matter]:
    """The oldest raw of each spool, the oldest hit and the oldest work that wait for longer than a minute."""
    found = [
        _waited(f"lag:spool:{spool}", "upkeep.lag.spool", lag, spool=spool)
        for spool, lag in sorted(spool_lags(session, now).items())
        if lag > LIMIT
    ]
    found += [
        _waited(f"lag:{name}", f"upkeep.lag.{name}", lag) for name, lag in waits(session, now).items() if lag > LIMIT
    ]
    return found


def stalled(session: Session, now: Micros, began: Micros) -> list[Matter]:
    """Live spools that no pipeline has looked at for a minute, counted from ``began`` at the earliest."""
    beats = dict(session.execute(select(SpoolPosition.spool, SpoolPosition.heartbeat_at)).tuples().all())
    known = {spool: at for spool, at in beats.items() if at <= now + LIVE}  # a later one is of a clock that went back
    ages = {spool: now - max(known.get(spool, 0), began) for spool in live_spools(session, now)}
    late = {spool: age for spool, age in ages.items() if age > LIVE}
    if not late:
        return []
    return [_waited("stalled", "upkeep.stalled", max(late.values()), spool=", ".join(late))]


def gone(session: Session, now: Micros, began: Micros) -> list[Matter]:
    """Processes that have not been heard of for a minute, counted from ``began`` at the earliest; after a day they are
    meant to be gone."""
    if now - began <= LIVE:
        return []
    ours = Heartbeat.kind.in_(("gateway", "pipeline", "api")), Heartbeat.at.between(now - DAY, now - LIVE)
    return [
        Matter(f"process:{kind}", both(f"upkeep.process.{kind}"), Level.HIGH)
        for kind in session.scalars(select(Heartbeat.kind).where(*ours).distinct().order_by(Heartbeat.kind))
    ]


def dead_work(session: Session, now: Micros) -> list[Matter]:
    """Work that failed in every attempt."""
    dead = select(Outbox.kind, func.count(), func.max(Outbox.id)).where(Outbox.state == OutboxState.DEAD)
    rows = session.execute(dead.group_by(Outbox.kind)).tuples().all()
    if not rows:
        return []
    facts = {"kinds": {kind: count for kind, count, _ in rows}, "newest": max(newest for _, _, newest in rows)}
    title = both("upkeep.dead", count=sum(count for _, count, _ in rows))
    return [Matter("dead", title, Level.MEDIUM, facts, is_standing=True)]


def dead_letters(session: Session, now: Micros) -> list[Matter]:
    """Events that the store rejected in the last day, and still does; a newer one is a new matter."""
    recent = select(func.count(), func.max(DeadLetter.at)).where(
        DeadLetter.at > now - LETTERS_SPAN, DeadLetter.stage != LetterStage.STORED
    )
    count, newest = session.execute(recent).tuples().one()
    if not count:
        return []
    title = both("upkeep.rejected", count=count)
    return [Matter("rejected", title, Level.MEDIUM, {"newest": newest}, is_standing=True)]


def imbalances(session: Session, now: Micros) -> list[Matter]:
    """Sources whose balances of the last two days do not hold. A batch is counted whole, so there is no race."""
    found = []
    for name, balance in read_balances(session, now - BALANCE_SPAN).items():
        if not balance.holds:
            off = {"raws": balance.raws_off_by, "events": balance.events_off_by}
            title = both("upkeep.imbalance", source=name, **off)
            found.append(Matter(f"imbalance:{name}", title, Level.HIGH, {"source": [name], **off}, is_standing=True))
    return found


def stopped_rules(session: Session, now: Micros, rule_title: Callable[[str], Mapping[str, str]]) -> list[Matter]:
    """Rules that a live pipeline's engine no longer judges by, as its heartbeat says."""
    found = []
    for beat in session.scalars(select(Heartbeat).where(Heartbeat.kind == "pipeline", is_live(Heartbeat.at, now))):
        for rule, reason in sorted(beat.data.get("suspended", {}).items()):
            shown = rule_title(rule)
            title = {lang: say("upkeep.stopped", lang, rule=shown[lang]) for lang in LANGUAGES}
            facts = {"rule": [rule], "reason": reason}
            found.append(Matter(f"stopped:{rule}", title, Level.MEDIUM, facts, is_standing=True))
    return found


def storage_left(session: Session, now: Micros) -> list[Matter]:
    """The disk will be full within 30, 14 or 7 days, as was foretold when the store was last tended."""
    days = days_left(session, now)
    for limit, level in LEFT:
        if days is not None and days <= limit:
            title = both("upkeep.storage", count=days) if days else both("upkeep.storage_none")
            return [Matter(f"storage:{limit}", title, level, {"limit": limit}, is_standing=True)]
    return []


def store_trouble(session: Session, now: Micros) -> list[Matter]:
    """What was in the way when the store was last tended, or what every answer lacks since."""
    why = tended.trouble(session)
    if why is None:
        return []
    title = {lang: say("upkeep.store", lang, why=why[lang]) for lang in LANGUAGES}
    return [Matter("store", title, Level.MEDIUM, {"why": why["en"]}, is_standing=True)]


def ending_certificate(days: int | None) -> list[Matter]:
    """The HTTPS certificate ends in so many days (below 0: it has ended); None: not soon, or there is none."""
    if days is None:
        return []
    level = Level.HIGH if days < CERTIFICATE_URGENT else Level.MEDIUM
    return [Matter("certificate", ending(days), level, {"days": days}, is_standing=True)]


def backup_trouble(session: Session, now: Micros) -> list[Matter]:
    """The daily backup failed, or is two days old."""
    why, last = backups.trouble(session, now), backups.last(session)
    if why is None or last is None:
        return []
    return [Matter("backup", why, Level.HIGH, {"last": last.at, "failed": bool(last.error)}, is_standing=True)]


def full_disk(free: int, reserve: int) -> list[Matter]:
    """Intake has stopped: so much is left of the disk."""
    if free >= reserve:
        return []
    return [Matter("full", both("upkeep.full", free=free >> 20), Level.HIGH, is_standing=True)]


def received_ahead(session: Session, now: Micros) -> list[Matter]:
    """The clock was ahead: ids never go back (core/spool.py), so what comes in counts as received then until it is that
    late. Such hours are neither sealed nor deleted before."""
    newest = max((ulid_time(s) for s in session.scalars(select(SpoolPosition.segment)) if is_ulid(s)), default=now)
    if newest <= now + AHEAD:
        return []
    title = {lang: say("upkeep.ahead", lang, ahead=duration(newest - now, lang)) for lang in LANGUAGES}
    return [Matter("ahead", title, Level.HIGH, {"until": iso(newest)}, is_standing=True)]


Old = tuple[type[Base], ColumnElement[bool]]
"""A table, and which of its rows are old."""


def old_rows(now: Micros, months: Iterable[int] = ()) -> Iterator[Old]:
    """What nobody asks for any more, when events are kept for so many months. Hit blocks are the correlation's own
    to delete."""
    segment = new_ulid(max(0, now - JUDGED_KEPT), bytes)
    counted = months_later(now, -max([COUNTS_KEPT, *(each + 1 for each in months)]))
    yield Outbox, (Outbox.state == OutboxState.DONE) & (Outbox.due_at < now - WORK_KEPT)
    yield JudgedRange, JudgedRange.segment < segment
    yield SignedIn, SignedIn.expires_at <= now
    yield SignInLink, SignInLink.expires_at < now - LINK_KEPT
    yield Heartbeat, Heartbeat.at < now - BEATS_KEPT
    declared = select(Source.name).where(Source.is_declared)
    yield Activity, (Activity.last_at < now - HEARD_KEPT) & Activity.source.not_in(declared)
    yield Ledger, Ledger.hour < counted
    yield DeadLetter, (DeadLetter.stage == LetterStage.STORED) & (DeadLetter.at < counted)
    yield Said, Said.hour < counted
    yield RuleHits, RuleHits.day < counted
    yield Notice, Notice.created_at < counted


def _key(table: type[Base]) -> Sequence[Any]:
    return inspect(table).primary_key


def some_of(session: Session, old: Old) -> list[tuple[Any, ...]]:
    """The keys of up to 500 old rows."""
    table, is_old = old
    return [tuple(row) for row in session.execute(select(*_key(table)).where(is_old).limit(SWEPT_AT_ONCE))]


def sweep(session: Session, old: Old, keys: list[tuple[Any, ...]]) -> None:
    """Delete them, those that are still old."""
    table, is_old = old
    session.execute(delete(table).where(tuple_(*_key(table)).in_(keys), is_old))
