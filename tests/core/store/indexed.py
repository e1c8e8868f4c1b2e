"""Events in a file with a word index, however few they are, and what SQL finds there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.event import Event
from core.query.to_sql import FUNCTIONS
from core.query.tree import Node
from core.store.catalog_rows import Kind, Segment
from core.store.contract import Query
from core.store.segments_engine import Engine, Read
from core.store.segments_files import encode
from core.store.segments_index import with_index
from core.store.segments_lookup import narrowed
from core.store.segments_plan import plan_of
from core.store.segments_rows import flatten
from core.store.segments_sql import group
from core.store.segments_words import word_index
from core.store.segments_write import Piece, describe

_ID = "concat_ws('.', segment, record, n)"


class IndexedFiles:
    """Files of their own in ``folder``. ``narrowed``: how many cases an index had a part in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._engine = Engine(folder, FUNCTIONS, threads=1, memory_mb=256)
        self._number = 0
        self.narrowed = 0

    def answers(self, events: Sequence[Event], queries: Sequence[Node]) -> list[list[bool]]:
        """For each query of each event, all under different ids, whether it is found."""
        with self._file(events) as segment, self._engine.read() as read:
            plain = self._scanned(read, segment, [node for node in queries if plan_of(node) is None])
            found = [self._looked_up(read, segment, node) if plan_of(node) else next(plain) for node in queries]
        return [[event["event.id"] in ids for event in events] for ids in found]

    def _scanned(self, read: Read, segment: Segment, queries: Sequence[Node]) -> Iterator[set[str]]:
        """The ids that each finds, all of them in one statement."""
        groups = [of for node in queries for of in group(self._folder, [segment], Query(node), replaced=False)]
        columns = "".join(f", coalesce({of.where}, FALSE)" for of in groups)
        sql = f"SELECT {_ID}{columns} FROM {groups[0].relation}" if groups else "SELECT 1 WHERE FALSE"
        rows = read.rows(sql, [p for of in groups for p in of.parameters])
        return iter([{row[0] for row in rows if row[i + 1]} for i in range(len(groups))])

    def _looked_up(self, read: Read, segment: Segment, node: Node) -> set[str]:
        plan, found = plan_of(node), list[str]()
        assert plan is not None
        self.narrowed += segment.rows
        for of in group(self._folder, [segment], Query(node), replaced=False):
            for part in narrowed(read, of, plan, counting=False, sparse=1):
                sql = f"SELECT {_ID} FROM {part.relation} WHERE {part.where}"
                found += [row[0] for row in read.rows(sql, part.parameters)]
        assert len(found) == len(set(found)), f"found twice: {node}"
        return set(found)

    @contextmanager
    def _file(self, events: Sequence[Event]) -> Iterator[Segment]:
        flat = flatten(events)
        data = with_index(encode(flat.table), word_index(flat.table))
        self._number += 1
        path = self._folder / f"{self._number}.parquet"
        path.write_bytes(data)
        piece = Piece(Kind.EVENTS, flat.table, flat.ignored, flat.overridden)
        yield describe(piece, path.name, data, level=1).segment
        path.unlink()

    def close(self) -> None:
        self._engine.close()
