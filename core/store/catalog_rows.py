"""The rows of the segments store's catalog, as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.clock import Micros
from core.event import ulid_time

SEGMENT_COLUMNS = (
    "id, name, kind, level, layout, classes, late, min_ts, max_ts, min_received, max_received, "
    "rows, bytes, sha256, ignored, overridden, columns, state, published_at"
)
"""The columns of table ``segment``, in the order of ``segment_of`` and ``segment_values``."""

TOMBSTONE_COLUMNS = (
    "name, kind, classes, min_ts, max_ts, min_received, max_received, rows, bytes, sha256, policy, deleted_at"
)
"""The columns of table ``tombstone`` without its id, in the order of ``tombstone_of``."""

TABLES = (
    """
CREATE TABLE segment (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  level INTEGER NOT NULL,
  layout INTEGER NOT NULL,
  classes TEXT NOT NULL,
  late INTEGER NOT NULL,
  min_ts INTEGER NOT NULL,
  max_ts INTEGER NOT NULL,
  min_received INTEGER NOT NULL,
  max_received INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  ignored TEXT NOT NULL,
  overridden TEXT NOT NULL,
  columns TEXT NOT NULL,
  state TEXT NOT NULL,
  published_at INTEGER NOT NULL,
  retired_at INTEGER
);
CREATE INDEX segment_state ON segment (state, max_ts, min_ts);
-- the columns of the key first: SQLite 3.46's integrity_check misreads the others otherwise
CREATE TABLE id_range (
  spool TEXT NOT NULL,
  first INTEGER NOT NULL,
  segment INTEGER NOT NULL REFERENCES segment (id),
  last INTEGER NOT NULL,
  PRIMARY KEY (spool, first, segment)
) WITHOUT ROWID;
CREATE INDEX id_range_segment ON id_range (segment);
CREATE TABLE replaced (
  spool TEXT NOT NULL,
  record INTEGER NOT NULL,
  PRIMARY KEY (spool, record)
) WITHOUT ROWID;
CREATE TABLE hold (
  name TEXT PRIMARY KEY,
  start INTEGER,
  "end" INTEGER,
  reason TEXT NOT NULL,
  placed_at INTEGER NOT NULL
);
CREATE TABLE tombstone (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  classes TEXT NOT NULL,
  min_ts INTEGER NOT NULL,
  max_ts INTEGER NOT NULL,
  min_received INTEGER NOT NULL,
  max_received INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  policy TEXT NOT NULL,
  deleted_at INTEGER NOT NULL
);
""",
    """
CREATE TABLE proof (
  segment INTEGER PRIMARY KEY,
  at INTEGER NOT NULL
);
""",
)
"""What each version of the catalog adds; a statement holds no other semicolon than its end."""


class Kind(StrEnum):
    EVENTS = "events"
    FLOWS = "flows"


class State(StrEnum):
    """LIVE is read; RETIRED was replaced or deleted and waits to be unlinked; QUARANTINED is broken."""

    LIVE = "live"
    RETIRED = "retired"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, order=True)
class IdRange:
    """The file holds events of this spool segment with records between ``first`` and ``last``, not
    necessarily all of them: what exactly stands in the file's own id columns."""

    spool: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the store. Times in microseconds, both ends included; ``received`` by the ULIDs of the ids."""

    name: str
    """Path relative to the store's folder."""
    kind: Kind
    level: int
    layout: int
    classes: tuple[str, ...]
    late: bool
    min_ts: Micros
    max_ts: Micros
    min_received: Micros
    max_received: Micros
    rows: int
    bytes: int
    sha256: str
    ignored: frozenset[str] = frozenset()
    """Promoted fields that some row has in its document and not in the column."""
    overridden: frozenset[str] = frozenset()
    """Promoted fields of which some row's document says more than the column."""
    columns: tuple[tuple[str, str], ...] = ()
    """Of a file of flows: the name and the pyarrow type of each column, or ``=`` and the column that it equals
    and is left out for. Events have the layout's."""
    state: State = State.LIVE
    published_at: Micros = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class New:
    """A segment about to be published, with the ids it holds."""

    segment: Segment
    ids: tuple[IdRange, ...]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What was deleted, and by which policy."""

    name: str
    kind: Kind
    classes: tuple[str, ...]
    min_ts: Micros
    max_ts: Micros
    min_received: Micros
    max_received: Micros
    rows: int
    bytes: int
    sha256: str
    policy: str
    deleted_at: Micros


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a read works on."""

    live: list[Segment]
    quarantined: list[Segment]
    newer: list[Segment]
    """Written by a newer version, which has to be asked for them."""
    tombstones: list[Tombstone] = field(default_factory=list)
    seen: int = 0
    replaced: int = 0
    """How many records are marked replaced."""


def received_range(spools: Iterable[str]) -> tuple[Micros, Micros]:
    """First and last time of receipt by the ULIDs of spool segments (at least one)."""
    times = [ulid_time(spool) for spool in spools]
    return min(times), max(times)


def segment_of(row: Sequence[Any]) -> Segment:
    """A segment of a row of SEGMENT_COLUMNS."""
    number, name, kind, level, layout, classes, late, *rest = row
    low, high, received, until, rows, size, sha, ignored, overridden, columns, state, at = rest
    return Segment(
        name=str(name), kind=Kind(str(kind)), level=level, layout=layout, classes=tuple(json.loads(str(classes))),
        late=bool(late), min_ts=low, max_ts=high, min_received=received, max_received=until, rows=rows,
        bytes=size, sha256=str(sha), ignored=frozenset(json.loads(ignored)),
        overridden=frozenset(json.loads(overridden)),
        columns=tuple((name, kind) for name, kind in json.loads(str(columns))), state=State(str(state)),
        published_at=at, id=number,
    )  # fmt: skip


def segment_values(s: Segment, at: Micros) -> tuple[object, ...]:
    """What follows the id in the row of a segment that is published at ``at``."""
    return (
        s.name, s.kind, s.level, s.layout, json.dumps(s.classes), int(s.late), s.min_ts, s.max_ts,
        s.min_received, s.max_received, s.rows, s.bytes, s.sha256, _listed(s.ignored), _listed(s.overridden),
        json.dumps(s.columns), State.LIVE, at,
    )  # fmt: skip


def _listed(names: Iterable[str]) -> str:
    return json.dumps(sorted(names))


def tombstone_values(t: Tombstone) -> tuple[object, ...]:
    """The row of TOMBSTONE_COLUMNS of a tombstone."""
    return (
        t.name, t.kind, json.dumps(t.classes), t.min_ts, t.max_ts, t.min_received, t.max_received, t.rows, t.bytes,
        t.sha256, t.policy, t.deleted_at,
    )  # fmt: skip


def tombstone_of(row: Sequence[Any]) -> Tombstone:
    """A tombstone of a row of TOMBSTONE_COLUMNS."""
    name, kind, classes, *rest = row
    return Tombstone(name, Kind(kind), tuple(json.loads(classes)), *rest)
