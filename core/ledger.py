"""The two balances, per source and UTC hour of ``event.created``.

Raws:   received = parsed + unparsed + ignored (by reason) + duplicates + waiting
Events: made = stored + rejected + waiting

``received`` is counted from the frames, the right-hand side from what became of each: the two are counted apart,
so a raw that a parser swallowed shows as an imbalance. Flows count datagrams as raws and records as events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.clock import Micros, hour_of
from core.db.models import Ledger
from core.listed import NameOf, own_name


class Raws(StrEnum):
    """Buckets of the first balance."""

    RECEIVED = "received"
    PARSED = "parsed"
    UNPARSED = "unparsed"
    IGNORED = "ignored"
    DUPLICATES = "duplicates"
    WAITING = "waiting"


class Events(StrEnum):
    """Buckets of the second balance."""

    MADE = "made"
    STORED = "stored"
    REJECTED = "rejected"
    WAITING = "waiting"


Key = tuple[str, Micros, str, str, str]


class Tally:
    """Counts of one batch, to be added to the ledger in step 2 of the commit."""

    def __init__(self, name_of: NameOf = own_name) -> None:
        self._counts: Counter[Key] = Counter()
        self._name_of = name_of

    def raws(self, source: str, at: Micros, bucket: Raws, count: int = 1, reason: str = "") -> None:
        self._counts[self._name_of(source, at), hour_of(at), "raws", bucket, reason[:100]] += count

    def events(self, source: str, at: Micros, bucket: Events, count: int = 1, reason: str = "") -> None:
        self._counts[self._name_of(source, at), hour_of(at), "events", bucket, reason[:100]] += count

    def __iter__(self) -> Iterator[tuple[Key, int]]:
        return iter(sorted((k, n) for k, n in self._counts.items() if n))

    def save(self, session: Session) -> None:
        """Add the counts to the rows in the caller's transaction."""
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        names = ("source", "hour", "balance", "bucket", "reason")
        rows = [dict(zip(names, key, strict=True)) | {"count": count} for key, count in self]
        if rows:
            row = insert(Ledger)
            added = Ledger.count + row.excluded.count
            session.connection().execute(row.on_conflict_do_update(index_elements=names, set_={"count": added}), rows)


@dataclass(slots=True)
class Balance:
    """One source's two balances over a range of hours."""

    source: str
    raws: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(balance, bucket, reason) → count, for the buckets that say why."""

    @property
    def raws_off_by(self) -> int:
        """Received less everything accounted for; 0 when the balance holds."""
        return self.raws[Raws.RECEIVED] - sum(n for b, n in self.raws.items() if b != Raws.RECEIVED)

    @property
    def events_off_by(self) -> int:
        return self.events[Events.MADE] - sum(n for b, n in self.events.items() if b != Events.MADE)

    @property
    def refused(self) -> Counter[str]:
        """Reason → count of the raws that were not taken."""
        return Counter({why: n for (_, bucket, why), n in self.reasons.items() if bucket == Raws.IGNORED})

    @property
    def holds(self) -> bool:
        return self.raws_off_by == 0 and self.events_off_by == 0


def balances(rows: Iterable[Ledger]) -> dict[str, Balance]:
    """Sum ledger rows into one balance a source."""
    return _sum((row.source, row.balance, row.bucket, row.reason, row.count) for row in rows)


def _sum(counts: Iterable[tuple[str, str, str, str, int]]) -> dict[str, Balance]:
    by_source: dict[str, Balance] = {}
    for source, which, bucket, reason, count in counts:
        balance = by_source.setdefault(source, Balance(source))
        (balance.raws if which == "raws" else balance.events)[bucket] += count
        if reason:
            balance.reasons[which, bucket, reason] += count
    return by_source


def read_balances(session: Session, start: Micros | None = None, end: Micros | None = None) -> dict[str, Balance]:
    """The balances of all sources over the hours that begin in [start, end)."""
    names = (Ledger.source, Ledger.balance, Ledger.bucket, Ledger.reason)
    query = select(*names, cast(func.sum(Ledger.count), BigInteger)).group_by(*names)
    if start is not None:
        query = query.where(Ledger.hour >= hour_of(start))
    if end is not None:
        query = query.where(Ledger.hour < end)
    return _sum(session.execute(query).tuples())
