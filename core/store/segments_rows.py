"""Events to columns and back, exactly: what ``builder`` makes equals what ``flatten`` took, types included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from core.clock import Micros, iso
from core.ecs import ARRAYS, FieldType, type_of
from core.errors import BadInput
from core.event import Event, Value
from core.query.fold import MAX_CHARS, cut, fold
from core.query.values import coerce, to_ip, to_text
from core.store.admission import ID, Rejection, event_id, instant, number_that_is_none, reason_against
from core.store.segments_layout import (
    ADDRESSES,
    FOLDED,
    PROMOTED,
    SCHEMA,
    TIMES,
    Shape,
)


class _Nothing:
    """The type of no value."""


_PYTHON = {Shape.TEXT: str, Shape.LONG: int, Shape.TEXTS: list}
_CANONICAL_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
_INT64 = range(-(2**63), 2**63)
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Flat:
    """A batch as columns."""

    table: Any
    ignored: frozenset[str]
    """The promoted fields that some row has in its document and not in the column."""
    overridden: frozenset[str]
    """The promoted fields of which some row's document says more than the column: those, and values that were
    of another type or cut."""
    rejected: list[Rejection]


def flatten(events: Sequence[Event]) -> Flat:
    """Columns of the layout for a batch of events, in their order.

    An event that no column and no JSON can hold (a lone surrogate, a number that is none or of more than 64
    bits, a missing or unreadable ``@timestamp``) is rejected with the reason. Raises BadInput when an event
    has no ``event.id``: ids are ours, so that is a fault of the caller.
    """
    try:
        return _columns(events)
    except (pa.ArrowInvalid, pa.ArrowTypeError, orjson.JSONEncodeError, OverflowError, UnicodeEncodeError):
        pass  # some event does not take the straight way: look at each
    kept: list[Event] = []
    rejected: list[Rejection] = []
    for event in events:
        reason = reason_against(event)
        if reason is None:
            kept.append(event)
        else:
            rejected.append(Rejection(event_id(event), reason, event))
    return replace(_columns(kept, careful=True), rejected=rejected)


def _columns(events: Sequence[Event], *, careful: bool = False) -> Flat:
    count = len(events)
    # a careful pass takes no value for what its column wants: none is of type _Nothing
    slots: dict[str, tuple[type, list[Any]]] = {
        name: (_Nothing if careful else _PYTHON[shape], [None] * count) for name, shape in PROMOTED.items()
    }
    for name in ("event.id", *TIMES):
        slots[name] = (str, [None] * count)
    find = slots.get
    docs: list[bytes] = []
    misfits_of: list[list[str] | None] = [None] * count
    ignored: set[str] = set()
    overridden: set[str] = set()
    dumps = orjson.dumps
    keys: list[str] = []
    lists: dict[tuple[str, ...], str] = {}
    for row, event in enumerate(events):
        rest: Event = {}
        misfits: list[str] = []
        for name, value in event.items():
            slot = find(name)
            if slot is None:
                rest[name] = value
            elif type(value) is slot[0]:
                slot[1][row] = value
            elif not (careful and _take(name, slot[1], row, value)):
                rest[name] = value
                if value is not None:
                    overridden.add(name)
                    if not _take_as_compared(name, slot[1], row, value):
                        misfits.append(name)
        doc = dumps(rest)
        names = tuple(event)
        if b"null" in doc:
            if reason := number_that_is_none(rest):
                raise pa.ArrowInvalid(reason)
            names = tuple(name for name in names if event[name] is not None)
        docs.append(doc)
        if names not in lists:
            lists[names] = dumps(names).decode()
        keys.append(lists[names])
        if misfits:
            misfits_of[row] = misfits
            ignored.update(misfits)
    whole: dict[int, Event] = {}
    arrays = _identity(slots["event.id"][1], count)
    for name, column in TIMES.items():
        arrays[column] = _times(name, slots[name][1], whole, careful=careful)
    for name, shape in PROMOTED.items():
        values = slots[name][1]
        array = pa.array(values, SCHEMA.field(name).type)
        if shape is not Shape.LONG and _longest(array, shape) > MAX_CHARS:
            array = pa.array(_cut(name, values, shape, whole), SCHEMA.field(name).type)
            overridden.add(name)
        arrays[name] = array
    for name in FOLDED:
        arrays[f"{name}#fold"] = _folded(slots[name][1])
    for name in ADDRESSES:
        arrays[f"{name}#ip"] = _hex(arrays[name])
    for row, more in whole.items():
        docs[row] = dumps(orjson.loads(docs[row]) | more)
    arrays["keys"] = pa.array(keys, pa.string())
    arrays["_ignored"] = pa.array(misfits_of, SCHEMA.field("_ignored").type)
    arrays["doc"] = pa.array(docs, pa.string())
    table = pa.table([arrays[name] for name in SCHEMA.names], schema=SCHEMA)
    return Flat(table, frozenset(ignored), frozenset(overridden), [])


def _take(name: str, column: list[Any], row: int, value: Value) -> bool:
    """Fill the column with a value that it gives back exactly."""
    shape = PROMOTED.get(name)
    if shape is None or type(value) is not _PYTHON[shape]:
        return False
    if isinstance(value, list) and not all(member is None or type(member) is str for member in value):
        return False
    if shape is Shape.LONG and value not in _INT64:
        return False
    column[row] = value
    return True


def _take_as_compared(name: str, column: list[Any], row: int, value: Value) -> bool:
    """Fill the column with what a value is compared as; the document keeps the value itself.

    False when the column cannot say it: the row then ignores the column.
    """
    shape = PROMOTED.get(name)
    if shape is Shape.TEXTS:
        column[row] = [to_text(member) for member in (value if isinstance(value, list) else [value])]
        return True
    if shape is None or isinstance(value, list):
        return False
    column[row] = coerce(type_of(name), value)
    return column[row] is not None


def _identity(texts: list[Any], count: int) -> dict[str, Any]:
    segments: list[str] = []
    records: list[int] = []
    numbers: list[int] = []
    match = ID.fullmatch
    for text in texts:
        found = match(text) if text else None
        if found is None:
            raise BadInput(f"an event to be stored has no usable event.id: {str(text)[:80]!r}")
        segment, record, n = found.groups()
        segments.append(segment)
        records.append(int(record))
        numbers.append(int(n))
    try:
        return {
            "segment": pa.array(segments, pa.string()),
            "record": pa.array(records, pa.int64()),
            "n": pa.array(numbers, pa.int32()),
        }
    except (OverflowError, pa.ArrowInvalid) as error:
        raise BadInput(f"an event.id has a number out of bounds: {error}") from error


def _times(name: str, texts: list[Any], whole: dict[int, Event], *, careful: bool) -> Any:
    """Canonical texts to microseconds; of others the document keeps the text."""
    if not careful:
        array = pa.array(texts, pa.string())
        if name == "@timestamp" and array.null_count:
            raise pa.ArrowInvalid("an event has no @timestamp")
        if pc.all(pc.match_substring_regex(array, _CANONICAL_TIME), skip_nulls=True).as_py() is False:
            raise pa.ArrowInvalid("not a canonical time")
        return array.cast(_INSTANT).cast(pa.int64())
    values: list[Micros | None] = []
    for row, text in enumerate(texts):
        at = instant(text)
        values.append(at)
        if text is not None and (at is None or iso(at) != text):
            whole.setdefault(row, {})[name] = text
    return pa.array(values, pa.int64())


def _longest(array: Any, shape: Shape) -> int:
    texts = array.values if shape is Shape.TEXTS else array
    return pc.max(pc.binary_length(texts)).as_py() or 0


def _cut(name: str, values: list[Any], shape: Shape, whole: dict[int, Event]) -> list[Any]:
    """The values cut to what is compared; ``whole`` takes the uncut ones for the document."""
    shortened: list[Any] = []
    for row, value in enumerate(values):
        short = value
        if value is not None and shape is Shape.TEXT:
            short = cut(value)
        elif value is not None:
            short = [member if member is None else cut(member) for member in value]
        if short != value:
            whole.setdefault(row, {})[name] = value
        shortened.append(short)
    return shortened


def _folded(values: list[Any]) -> Any:
    if all(value is None or value.isascii() for value in values):
        return pa.nulls(len(values), pa.string())
    known: dict[str | None, str | None] = {None: None}
    for value in values:
        if value not in known:
            known[value] = None if value.isascii() else fold(cut(value))
    return pa.array([known[value] for value in values], pa.string())


def _hex(texts: Any) -> Any:
    encoded = texts.dictionary_encode()
    dictionary = pa.array([to_ip(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return dictionary.take(encoded.indices)


def builder(columns: Sequence[str], only: frozenset[str] | None = None) -> Callable[[Sequence[Any]], Event]:
    """What makes an event of a row of (segment, record, n, ts, created, ingested, the ECS columns, doc).

    Null columns and a null document give no fields; ``only`` leaves out what it does not name.
    """
    dates = frozenset(name for name in columns if type_of(name) is FieldType.DATE)
    lists = ARRAYS.intersection(columns)

    def build(row: Sequence[Any]) -> Event:
        segment, record, n, ts, created, ingested, *values, doc = row
        event: Event = {"event.id": f"{segment}.{record}.{n}", "@timestamp": iso(ts)}
        if created is not None:
            event["event.created"] = iso(created)
        if ingested is not None:
            event["event.ingested"] = iso(ingested)
        for name, value in zip(columns, values, strict=True):
            if value is not None:
                if name in dates:
                    value = iso(value)
                elif name in lists and type(value) is str:
                    value = [value]  # flows keep a constant as one text
                event[name] = value
        if doc is not None:
            event.update(orjson.loads(doc))
        return event if only is None else {name: event[name] for name in event if name in only}

    return build
