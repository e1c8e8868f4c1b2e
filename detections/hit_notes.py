"""Notes: what an alert needs to know of the events under a correlation, small and stored once when repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from core.clock import Micros
from core.counted import CUT
from core.event import Event, Value
from detections.alert_entities import ENTITY_FIELDS, Entity, bounded, cut_kinds, entities, first, texts
from detections.alert_facts import FACT_FIELDS, facts, merged_facts
from detections.alerting import MAX_NAME, first_ids
from detections.correlation_items import Item, window
from detections.correlation_rules import Pattern

_SHOWN = ("host", "observer", "user", "ip", "hash", "domain")
_TOLD = ("from", "to", "user", "target_user", "domain", "outcome")
NOTED = tuple(
    dict.fromkeys(
        [
            *(name for kind, names in ENTITY_FIELDS.items() if kind in _SHOWN for name in names),
            *(name for key in _TOLD for name in FACT_FIELDS[key]),
            *("host.name", "event.category", "event.dataset", "kydai.system", "kydai.agency", "kydai.source"),
            *("observer.name", "observer.vendor", "observer.type", "observer.ip"),
        ]
    )
)
"""The fields that a note is made from."""
_NOTE = msgspec.msgpack.Encoder()


class Note(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What an alert needs to know of one event; repeated notes are stored once."""

    entities: tuple[Entity, ...] = ()
    facts: dict[str, Any] = {}
    host: str = ""
    user: str = ""
    system: str = ""
    agency: str = ""
    dataset: str = ""
    source: str = ""
    ids: tuple[str, ...] = ()
    """For what a correlation gave to another: the events that it stands for."""


def note_of(event: Mapping[str, Value]) -> bytes:
    """The note of an event, small: no process, file or URL, which differ from event to event."""
    values = list(map(event.get, NOTED))
    try:
        return _noted(_NOTE.encode(values))
    except OverflowError:  # an integer beyond 64 bits, which msgpack cannot write
        return _of_values(values)


@lru_cache(maxsize=8192)
def _noted(values: bytes) -> bytes:
    return _of_values(msgspec.msgpack.decode(values))


def _of_values(values: Sequence[Value]) -> bytes:
    event: Event = {name: value for name, value in zip(NOTED, values, strict=True) if value is not None}
    kept = [entity for entity in entities(event) if entity[0] in _SHOWN]
    note = Note(
        entities=tuple(bounded(kept)),
        facts={key: values for key, values in facts(event).items() if key in _TOLD},
        host=first(event, "host.name")[:MAX_NAME],
        user=first(event, "user.name")[:MAX_NAME],
        system=first(event, "kydai.system")[:200],
        agency=first(event, "kydai.agency")[:200],
        dataset=next(texts(event.get("event.dataset")), "")[:100],
        source=next(texts(event.get("kydai.source")), "")[:200],
    )
    return write_note(note)


def write_note(note: Note) -> bytes:
    """A note as a block carries it."""
    return _NOTE.encode(note)


@lru_cache(maxsize=4096)
def read_note(data: bytes) -> Note:
    """The other way round; an empty note of empty bytes."""
    return msgspec.msgpack.decode(data, type=Note) if data else Note()


def together(items: Sequence[Item]) -> Note:
    """One note for several, with their event ids."""
    notes = [read_note(note) for note in dict.fromkeys(item.note for item in items)]
    return joined_note(notes, base_events(items))


def given_note(pattern: Pattern, at: Micros, items: Sequence[Item], *, is_start: bool) -> bytes:
    """The note of what a pattern gives those that read it: the whole window where a burst begins, then what each
    instant adds, so that a reader's window has them all."""
    return write_note(together(window(items, at, pattern.timespan if is_start else 0)))


def base_events(items: Iterable[Item]) -> list[str]:
    """The event ids under items, the first hundred; what another correlation gave stands for its events."""
    ids: list[str] = []
    for item in items:
        ids.extend(read_note(item.note).ids or ((item.id,) if item.id else ()))
    return first_ids(ids)


def joined_note(notes: Sequence[Note], ids: Iterable[str] = ()) -> Note:
    """What is common stands (host and user: among those that name one); entities and facts are put together."""
    if len(notes) == 1:
        return msgspec.structs.replace(notes[0], ids=tuple(ids))
    named = {entity for note in notes for entity in note.entities}
    facts = merged_facts({}, *(note.facts for note in notes), {CUT: cut_kinds(named)})

    def common(name: str, *, spoken: bool = False) -> str:
        values = {getattr(note, name) for note in notes}
        if spoken:
            values.discard("")
        return values.pop() if len(values) == 1 else ""

    return Note(
        entities=tuple(bounded(named)),
        facts=facts,
        host=common("host", spoken=True),
        user=common("user", spoken=True),
        system=common("system"),
        agency=common("agency"),
        dataset=common("dataset"),
        source=common("source"),
        ids=tuple(ids),
    )
