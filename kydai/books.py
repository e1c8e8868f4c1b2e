"""The sources by which the batches of one spool are judged: a batch that comes again is given those of the first time.

On Elasticsearch the retention class of a source names the index. An event of a batch that was cut would be stored a
second time if its source were declared, or another class given to it, before the batch came again. So what a batch is
judged by is written down before it is appended, and changes only where nothing can be cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import select

from core.db.database import Database
from core.db.models import Meta, Source
from core.sources import SourceBook, may_be_missed

PREFIX = "book:"
"""Of the rows of ``meta``, one a spool."""
_FIELDS = (
    "name", "keys", "is_declared", "is_relay", "is_replay", "zone", "system", "agency", "level", "retention",
    "silence_limit_s",
)  # fmt: skip


class Books:
    """What one spool's pipeline knows of the sources."""

    def __init__(self, spool: str, database: Database, zone: str) -> None:
        self.book = SourceBook((), zone=zone)
        self.declared: frozenset[str] = frozenset()
        self.limits: dict[str, int | None] = {}
        """Silence limit in seconds by declared source."""
        self._key = PREFIX + spool
        self._database = database
        self._zone = zone
        self._version: str | None = None
        self._may_be_cut = True  # by a kill before this start

    def refresh(self, version: str) -> None:
        """Take up the sources as they are, unless the next batch may have been appended by those of before.

        ``version``: the row ``sources`` of ``meta``.
        """
        if self._version is None:
            self._take_up()
        if version == self._version or (self._version is not None and self._may_be_cut):
            return
        with self._database.read() as session:
            rows = session.scalars(select(Source)).all()
        written = orjson.dumps([version, [[getattr(row, name) for name in _FIELDS] for row in rows]])
        with self._database.write() as session:
            session.merge(Meta(key=self._key, value=written.decode()))
        self._know(version, rows)

    def append_begins(self) -> None:
        """From here on events may be in the store that are not committed."""
        self._may_be_cut = True

    def all_committed(self) -> None:
        """Nothing of what this spool holds is in the store without its commit."""
        self._may_be_cut = False

    def _take_up(self) -> None:
        with self._database.read() as session:
            kept = session.get(Meta, self._key)
        if kept is not None:
            version, rows = orjson.loads(kept.value)
            self._know(version, [Source(**dict(zip(_FIELDS, row, strict=True))) for row in rows])

    def _know(self, version: str, rows: Sequence[Source]) -> None:
        self._version = version
        self.book = SourceBook(rows, zone=self._zone)
        self.declared = frozenset(row.name for row in rows)
        self.limits = {row.name: row.silence_limit_s for row in rows if row.is_declared and may_be_missed(row)}
