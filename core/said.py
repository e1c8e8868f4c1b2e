"""What senders and receivers say of their own, beside the balances, per UTC hour of ``event.created``.

A sender that numbers what it sends (NetFlow, IPFIX, syslog with ``meta sequenceId``) says what it sent and we never
received. A receiver says what the kernel dropped on its socket (of which sender, nobody can say), and what the spool
refused. Of all others it is unknown. The counts are written in step 2 of the commit, as the ledger's are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.clock import Micros, hour_of
from core.db.models import Said
from core.words import say

KERNEL = "kernel"
"""The stream of what the kernel dropped at a receiver."""
REFUSED = "refused"
"""The stream of what a receiver took and the spool refused: the disk or its quota was full."""
DOUBT_FROM = 10
"""Of fewer numbers nothing is doubted."""


class Unit(StrEnum):
    """What a number counts: NetFlow v5 and IPFIX records, v9 datagrams, syslog messages; kernels drop datagrams."""

    RECORDS = "records"
    DATAGRAMS = "datagrams"
    MESSAGES = "messages"


@dataclass(slots=True)
class Numbered:
    """What numbers said; ``lost`` in the unit that they count, the rest in datagrams or messages."""

    checked: int = 0
    """Whose number could be held against the one before; of a receiver: what it took."""
    lost: int = 0
    jumps: int = 0
    late: int = 0
    strays: int = 0
    """Sent twice, or by another sender behind the same address."""
    restarts: int = 0

    def add(self, other: Numbered) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __bool__(self) -> bool:
        return any(astuple(self))

    @property
    def is_doubtful(self) -> bool:
        """Most numbers do not follow the one before: a great loss, or a sender that counts in a way of its own."""
        return self.checked >= DOUBT_FROM and 2 * (self.jumps + self.strays + self.restarts) > self.checked


COUNTS = tuple(f.name for f in fields(Numbered))
Key = tuple[bool, str, Micros, str, str]


class SaidTally:
    """What was said in one batch."""

    def __init__(self) -> None:
        self._said: dict[Key, Numbered] = {}

    def add(
        self, name: str, at: Micros, stream: str, unit: Unit, numbered: Numbered, *, is_receiver: bool = False
    ) -> None:
        key = (is_receiver, name[:200], hour_of(at), stream[:100], str(unit))
        self._said.setdefault(key, Numbered()).add(numbered)

    def save(self, session: Session) -> None:
        """Add the counts to the rows in the caller's transaction."""
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        names = ("is_receiver", "name", "hour", "stream", "unit")
        rows = [
            dict(zip((*names, *COUNTS), (*key, *astuple(numbered)), strict=True))
            for key, numbered in sorted(self._said.items(), key=lambda entry: entry[0])
            if numbered
        ]
        if rows:
            row = insert(Said)
            added = {name: getattr(Said, name) + getattr(row.excluded, name) for name in COUNTS}
            session.connection().execute(row.on_conflict_do_update(index_elements=names, set_=added), rows)


@dataclass(slots=True)
class Statement:
    """What one sender (or all, or one receiver) said over a range of hours."""

    streams: dict[tuple[str, str], Numbered] = field(default_factory=dict)
    """By (stream, unit)."""

    @property
    def is_known(self) -> bool:
        return any(n.checked for n in self.streams.values())

    @property
    def checked(self) -> int:
        return sum(n.checked for n in self.streams.values())

    @property
    def lost(self) -> Counter[str]:
        """By unit; every unit in which something was counted is there, with 0, too."""
        found: Counter[str] = Counter()
        for (_, unit), numbered in self.streams.items():
            found[unit] += numbered.lost
        return found

    def lost_in(self, stream: str) -> int:
        return sum(n.lost for (name, _), n in self.streams.items() if name == stream)

    @property
    def is_doubtful(self) -> bool:
        return any(n.lost and n.is_doubtful for n in self.streams.values())

    def add(self, other: Statement) -> None:
        for key, numbered in other.streams.items():
            self.streams.setdefault(key, Numbered()).add(numbered)


def lost_text(statement: Statement, lang: str) -> str:
    """``không rõ``, ``0``, ``48 bản ghi luồng · 3 gói tin (chưa chắc chắn)``."""
    if not statement.is_known:
        return say("common.lost.unknown", lang)
    lost = {unit: count for unit, count in statement.lost.items() if count}
    text = " · ".join(say(f"common.lost.{unit}", lang, count=count) for unit, count in lost.items())
    if not text:
        return say("common.lost.none", lang)
    return say("common.lost.doubtful", lang, lost=text) if statement.is_doubtful else text


def sum_of(statements: Iterable[Statement]) -> Statement:
    """What several said together."""
    whole = Statement()
    for one in statements:
        whole.add(one)
    return whole


def read_said(
    session: Session, start: Micros | None = None, end: Micros | None = None, *, receivers: bool = False
) -> dict[str, Statement]:
    """What each source (or each receiver) said over the hours that begin in [start, end)."""
    return _read(session, (Said.name,), start, end, receivers)


def read_hours(
    session: Session, start: Micros, end: Micros, *, receivers: bool = False
) -> dict[tuple[str, Micros], Statement]:
    """The same by (name, hour)."""
    return _read(session, (Said.name, Said.hour), start, end, receivers)


def _read(
    session: Session, by: Sequence[Any], start: Micros | None, end: Micros | None, receivers: bool
) -> dict[Any, Statement]:
    names = (*by, Said.stream, Said.unit)
    sums = [cast(func.sum(getattr(Said, name)), BigInteger) for name in COUNTS]
    query = select(*names, *sums).where(Said.is_receiver.is_(receivers)).group_by(*names)
    if start is not None:
        query = query.where(Said.hour >= hour_of(start))
    if end is not None:
        query = query.where(Said.hour < end)
    found: dict[Any, Statement] = {}
    for row in session.execute(query):
        key, (stream, unit, *counts) = tuple(row[: len(by)]), row[len(by) :]
        found.setdefault(key if len(by) > 1 else key[0], Statement()).streams[stream, unit] = Numbered(*counts)
    return found
