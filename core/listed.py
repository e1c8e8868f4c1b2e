"""Which senders have counts of their own in an hour.

Anyone can make up addresses: of senders that nobody declared only so many are told apart in an hour, the rest are
counted together, so that both balances hold and a flood makes few rows. Their events name each sender all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import select

from core.clock import Micros, hour_of
from core.db.database import Database
from core.db.models import Ledger

LISTED = 1_000
OTHERS = "other:undeclared"
HOURS_KEPT = 8
_MADE_HERE = ("file:", "token:")
"""Names that a person here gave."""

NameOf = Callable[[str, Micros], str]
"""The name that a source is counted by at a time."""


def own_name(source: str, at: Micros) -> str:
    """Each by its own."""
    return source


class Listed:
    """Remembers who is told apart; whoever was in an hour is for all of it, after a restart, too."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hours: dict[Micros, set[str]] = {}
        self.declared: Collection[str] = frozenset()

    def name_of(self, source: str, at: Micros) -> str:
        """The name that a source is counted by in the hour of ``at``."""
        if source in self.declared or source.startswith(_MADE_HERE):
            return source
        hour = hour_of(at)
        names = self._hours.get(hour)
        if names is None:
            names = self._hours[hour] = self._read(hour)
            while len(self._hours) > HOURS_KEPT:
                del self._hours[next(iter(self._hours))]
        if source in names:
            return source
        if len(names) >= LISTED:
            return OTHERS
        names.add(source)
        return source

    def _read(self, hour: Micros) -> set[str]:
        with self._database.read() as session:
            names = session.scalars(select(Ledger.source).where(Ledger.hour == hour).distinct())
            return {n for n in names if n not in self.declared and n != OTHERS and not n.startswith(_MADE_HERE)}
