"""What an event store is: the whole contract, which every engine meets and no caller looks behind.

Events go in by batches and never change. Every read says whether its answer is exact and complete and, if not,
what is missing. Age, partition, hold and retention go by the hour of receipt in ``event.id``, never by
``@timestamp``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from core.clock import LOCAL_ZONE, Micros
from core.event import Event, EventId
from core.query.pipes import Grouping
from core.query.tree import TRUE, Node
from core.store.admission import Rejection

if TYPE_CHECKING:
    from core.store.reindex import Reindexing
    from core.store.retention import Policy
    from core.store.telling import TellCount

MAX_GROUPS = 1_000_000
"""Groups that one answer gives at most."""


@dataclass(frozen=True, slots=True)
class FlowBlock:
    """Flows as columns: one pyarrow Table in ECS names (docs/contracts.md, Flows).

    The table has the columns ``segment`` (dictionary of text), ``record`` (int64), ``n`` (int32) beside the
    ECS columns; ``@timestamp`` is int64 microseconds. It has no ``event.original``.
    """

    table: Any


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit appends. Each event holds its ``event.id`` and ``kydai.retention`` (class)."""

    events: Sequence[Event]
    flows: Sequence[FlowBlock] = ()
    waits: float = inf
    """Seconds, over any number of appends, that a part of the store is waited for which takes nothing now; then what
    is for it is rejected (``Rejection.is_barred``), for who keeps it anyway."""


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of a batch: every event is stored, was stored before, or is rejected with a reason."""

    stored: int
    already: int = 0
    rejected: Sequence[Rejection] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that an answer could not take into account."""

    what: str
    """A key of core/words: ``quarantined``, ``retention``, ``undrained``, ``timeout``, ``unreadable``, ``shards``,
    ``mapping``, ``closed``, ``barred``."""
    detail: str = ""
    start: Micros | None = None
    """By ``@timestamp`` as ``end``; of ``closed``, ``undrained`` and ``barred``, of which that is not known, by time
    of receipt."""
    end: Micros | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How far the store had come when the answer was made."""

    seen: int
    """What was published up to this number was read: it grows with each publication, or is the time."""
    at: Micros


@dataclass(frozen=True, slots=True)
class Truth:
    """What every answer says of itself."""

    exact: bool = True
    complete: bool = True
    missing: tuple[Missing, ...] = ()
    position: Position = field(default_factory=lambda: Position(0, 0))


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of ``@timestamp``: start ≤ t < end; None leaves that end open."""

    start: Micros | None = None
    end: Micros | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A question: a tree, a time range, and the scope that the caller may see (AND-ed to the tree)."""

    where: Node = TRUE
    span: Span = field(default_factory=Span)
    scope: Node = TRUE
    include_replaced: bool = False
    """Show the n = 0 records that a replay has since parsed."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Events in order, and the cursor that asks for the next page (None at the end)."""

    events: list[Event]
    truth: Truth
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    count: int
    truth: Truth


@dataclass(frozen=True, slots=True)
class Bucket:
    """A time bucket starts at ``key`` (microseconds); a term bucket holds the field's value as text."""

    key: Micros | str
    count: int


@dataclass(frozen=True, slots=True)
class Buckets:
    buckets: list[Bucket]
    truth: Truth
    other: int = 0
    """Events that have the field and fall outside the buckets returned."""
    bound: int = 0
    """When the answer is not exact: no count is too small by more than this."""


GroupKey = Micros | str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group: its keys (the bucket's start in microseconds first, where there are buckets) and its figures.

    A figure is None where no value of the field can have it.
    """

    keys: tuple[GroupKey, ...]
    figures: tuple[int | float | str | None, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups in order of their keys; when there are more than MAX_GROUPS these are not all, and not exact.

    Without keys there is always one group, of all the events, be they none.
    """

    rows: list[GroupRow]
    truth: Truth
    bound: int = 0
    """When the answer is not exact: no group that is left out has more events than this."""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field that the store holds: its type in core/ecs.py's words and how many events have it."""

    name: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Fields:
    fields: list[FieldInfo]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Hold:
    """What was received within the span is kept until the hold is lifted."""

    name: str
    span: Span
    reason: str
    placed_at: Micros


def nothing_undrained(span: Span) -> Sequence[Missing]:
    """For a store that no spool feeds."""
    return ()


class Scan:
    """An iterator over bounded batches of events, which also says what it cannot give.

    What it reads is kept until it ends or is dropped: ``release`` is called then.
    """

    def __init__(self, batches: Iterator[list[Event]], truth: Truth) -> None:
        self._batches = batches
        self.truth = truth
        self.release: Callable[[], object] = lambda: None

    def __iter__(self) -> Iterator[list[Event]]:
        return self

    def __next__(self) -> list[Event]:
        try:
            return next(self._batches)
        except BaseException:
            self.release()
            raise


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that ``verify`` found; ``mended`` when it was put right."""

    segment: str
    problem: str
    mended: bool = False
    set_aside: bool = False
    """A broken file was taken out of the answers, which now say what is missing."""


@dataclass(frozen=True, slots=True)
class Stats:
    events: int
    flows: int
    segments: int
    bytes: int
    oldest: Micros | None
    newest: Micros | None
    closed: tuple[str, ...] = ()
    """Indices that somebody has closed: they are counted nowhere above, and not deleted by age."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is deleted and held as one: a file, an index. It holds what was received between the two, both included."""

    name: str
    classes: tuple[str, ...]
    min_received: Micros
    max_received: Micros
    oldest: Micros
    """When the first event in it was received, as well as the engine knows."""
    rows: int
    bytes: int
    """On disk, copies on other machines included."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of the disks that events lie on; ``free``: until the engine refuses to write."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What a snapshot holds, or what was made of one."""

    parts: int
    rows: int
    bytes: int


Told = Callable[[int, int], None]
"""Is told how many parts of how many are done."""


HourClass = tuple[Micros, str]
"""An hour of receipt (its start) and a retention class."""


@dataclass(frozen=True, slots=True)
class Received:
    """How many events the store holds of each hour and class, hidden ones included."""

    counts: Mapping[HourClass, int]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Deleted:
    """What retention deletes as one, by which policy; both times of receipt are included."""

    name: str
    mark: str
    """Tells it from another of its name: a checksum, a uuid."""
    classes: tuple[str, ...]
    min_received: Micros
    max_received: Micros
    rows: int
    policy: str
    at: Micros
    hours: tuple[tuple[Micros, str, int], ...] = ()
    """How many events of each hour and class; empty where that is not known: it cannot be read, or is told later."""
    min_ts: Micros = 0
    max_ts: Micros = 0
    """By ``@timestamp``, both included, as far as the engine tells."""
    bytes: int = 0


Sign = Callable[[Sequence[Deleted]], Sequence[Deleted]]
"""Told of what is about to be deleted, it signs that durably (core/tombstones.py) and returns what may go, as it
stands on record. What it raises keeps everything."""


def unsigned(stones: Sequence[Deleted]) -> Sequence[Deleted]:
    """Signs nothing: ``kydai store verify`` names what is deleted so."""
    return stones


class EventStore(Protocol):
    """An engine. All methods raise core.errors.Unavailable when the engine does not answer in time."""

    engine: str
    """Its name in the settings, to be shown."""

    def append(self, batch: Batch) -> AppendResult:
        """Store the batch durably; when it returns, the events are searchable and survive kill -9.

        The same events again change nothing and are counted ``already``.
        """

    def search(
        self,
        query: Query,
        *,
        limit: int = 100,
        newest_first: bool = True,
        cursor: str | None = None,
        fields: Sequence[str] | None = None,
    ) -> Rows:
        """Events in order of (``@timestamp``, ``event.id``); ``fields`` None gives whole events."""

    def scan(self, query: Query, *, fields: Sequence[str] | None = None) -> Scan:
        """All matching events, oldest segment first, in bounded batches; for hunts and exports. What breaks
        meanwhile ends it with Unavailable."""

    def count(self, query: Query, *, tell: TellCount | None = None) -> Count:
        """How many events match. What ``tell`` hears never decreases, and the last of it is the answer; unless a part
        of the store breaks meanwhile: then the answer may be less, and says what is missing."""

    def histogram(
        self, query: Query, interval: Micros, *, zone: str = LOCAL_ZONE, tell: TellCount | None = None
    ) -> Buckets:
        """Counts per interval, empty ones filled in when the query's span is closed; ``tell`` as for ``count``."""

    def terms(self, query: Query, field: str, *, limit: int = 20) -> Buckets:
        """The most frequent values, by count and then by value; an array counts once per distinct member."""

    def group(self, query: Query, grouping: Grouping, *, zone: str = LOCAL_ZONE) -> Groups:
        """The figures of every group (core/query/pipes.py), buckets of time by the wall clock of ``zone``."""

    def received(self, span: Span) -> Received:
        """What was received in the hours that begin within the span (core/store/integrity.py)."""

    def in_order(self, hour: Micros, class_: str, *, flows: bool | None = None) -> Scan:
        """Every event of a class that was received within the hour, in order of ``event.id``, those that a replay
        hides included, in bounded batches; of flows alone or of all others where ``flows`` says so. What it lacks is
        known for certain at its end."""

    def deleted(self) -> list[Deleted]:
        """What retention has deleted so far."""

    def adopt(self, deleted: Sequence[Deleted]) -> None:
        """Say of these deletions, which another engine did, as of one's own; a second time changes nothing."""

    def get(self, ids: Sequence[EventId], *, scope: Node = TRUE) -> Rows:
        """The events with these ids, in the order asked for; unknown ids are left out."""

    def fields(self, query: Query) -> Fields: ...

    def interrupt(self, thread: int | None = None) -> int:
        """End the reads that run in this process, or those of one thread (``threading.get_ident()``); each
        raises Unavailable there. Returns how many there were."""

    def mark_replaced(self, ids: Sequence[EventId]) -> None:
        """Hide the n = 0 event of these records, which a replay has parsed, from reads that do not ask for it."""

    def replaced(self) -> Iterator[list[EventId]]:
        """The n = 0 ids of all records that are marked replaced, in bounded batches."""

    def compact(self) -> int:
        """One round of merging small files, where the engine leaves that to us; how many were replaced. Raises Refused,
        behind the last, when some could not be; they stay as they are."""

    def reindex(self, tell: Callable[[Reindexing], object]) -> int:
        """Write anew what this version would write otherwise than an older one did, part by part, beside appends and
        reads; how many parts. ``tell`` hears of it all the time; what it raises ends the run, the next goes on. Raises
        Refused, behind the last part, when one could not be."""

    def retain(self, now: Micros, policy: Policy, sign: Sign = unsigned) -> list[str]:
        """Delete what is older than its class allows and not held, each part behind its signed tombstone; returns the
        parts deleted. Raises Refused, behind the last, when some could not be; of those nothing is signed."""

    def parts(self) -> list[Part]:
        """What ``retain`` may delete one day."""

    def room(self) -> Room:
        """How much more can be written."""

    def hold(self, name: str, span: Span, reason: str) -> None:
        """Keep what was received within the span until the hold is lifted. Raises BadInput for what is no name,
        Conflict for a second of one name."""

    def lift(self, name: str) -> None:
        """Lift a hold. Raises NotFound."""

    def holds(self) -> list[Hold]: ...

    def verify(self, *, mend: bool = False) -> list[Finding]: ...

    def snapshot(self, place: str, told: Told) -> Copied:
        """Copy what is stored, with holds and tombstones, to a place of the engine's kind that has none of that name:
        a folder, a repository and a name. Appending and reading go on. Raises Conflict, NotFound, Unavailable."""

    def restore(self, place: str, told: Told) -> Copied:
        """Make an empty store what a snapshot was; each part is compared with its checksum. Raises Conflict when the
        store is not empty, NotFound when there is no snapshot, BadInput when it is broken."""

    def stats(self) -> Stats: ...

    def close(self) -> None: ...
