"""What takes part in a correlation: items, the groups they belong to, and windows over them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

import orjson

from core.clock import Micros
from core.event import Value
from detections.alerting import digest
from detections.correlation_rules import Pattern
from detections.ir import number_text

Group = tuple[str, ...]
Measured = str | float | None
"""An item's value: a text for value_count (JSON of the tuple for several fields), a number for sums and the like."""


class Item(NamedTuple):
    """An event that takes part in a group. Two items are one when time and id are equal."""

    time: Micros
    id: str
    mask: int
    """Bit i is set when the event matches ``pattern.references[i]``."""
    value: Measured = None
    received: Micros = 0
    note: bytes = b""
    """What an alert needs to know of the event (detections/hit_blocks.py)."""


MAX_TEXT = 256
"""A longer text is its beginning and a checksum: it is kept for every event, and copied with each checkpoint."""
_KEPT = 200


def group_text(value: Value) -> str | None:
    """A group-by value as text, as the event has it, a long one bounded; None: missing, null or an empty list."""
    text = _text(value)
    return text if text is None or len(text) <= MAX_TEXT else f"{text[:_KEPT]}…{digest(text)}"


def _text(value: Value) -> str | None:
    if isinstance(value, list):
        members = [text for member in value if (text := _text(member)) is not None]
        if not members:
            return None
        return members[0] if len(members) == 1 else orjson.dumps(members).decode()
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else str(value)


def finite_number(value: Value) -> float | None:
    """A finite number, or a text that is one; None for anything else."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:
        return None
    return number if isfinite(number) else None


Lookup = Callable[[Mapping[str, Value], str, str], Value]
"""``lookup(event, rule id, field name as the correlation writes it)`` gives the event's value."""


def plain(event: Mapping[str, Value], rule_id: str, name: str) -> Value:
    """The field by its own name, else as a field of a Windows event."""
    value = event.get(name)
    return value if value is not None else event.get(f"winlog.event_data.{name}")


def placed(
    pattern: Pattern, event: Mapping[str, Value], references: Iterable[str], lookup: Lookup = plain
) -> list[tuple[Group, int, Measured]]:
    """The groups that an event takes part in: (group, mask, value); usually one, none when a field is missing.

    Rules whose aliases name different fields may put one event into several groups.
    """
    masks: dict[tuple[Group, Measured], int] = {}
    wanted = set(references)
    for bit, reference in enumerate(pattern.references):
        if reference not in wanted:
            continue
        names = [group_text(lookup(event, reference, pattern.field_of(g, reference))) for g in pattern.group_by]
        group = tuple(text for text in names if text is not None)
        value = _measured(pattern, event, reference, lookup)
        if len(group) == len(names) and (value is not None or not pattern.fields):
            masks[group, value] = masks.get((group, value), 0) | 1 << bit
    return [(group, mask, value) for (group, value), mask in masks.items()]


def _measured(pattern: Pattern, event: Mapping[str, Value], reference: str, lookup: Lookup) -> Measured:
    found = [lookup(event, reference, pattern.field_of(name, reference)) for name in pattern.fields]
    if pattern.reads_number:
        return finite_number(found[0])
    texts = [group_text(value) for value in found]
    if not texts or any(text is None for text in texts):
        return None
    return texts[0] if len(texts) == 1 else orjson.dumps(texts).decode()


def parts_of(pattern: Pattern, value: str) -> list[str]:
    """The texts that an item's value was made of, one a field."""
    return [value] if len(pattern.fields) == 1 else [str(part) for part in orjson.loads(value)]


def window(items: Sequence[Item], at: Micros, timespan: Micros) -> Sequence[Item]:
    """The items of sorted ``items`` in the closed window that ends at ``at``."""
    return items[bisect_left(items, (at - timespan,)) : bisect_right(items, (at + 1,))]


def unique(items: Iterable[Item]) -> list[Item]:
    """In order of time and id, each id once at its instant."""
    together: dict[tuple[Micros, str], Item] = {}
    for item in items:
        key = (item.time, item.id)
        known = together.get(key)
        together[key] = item if known is None else item._replace(mask=known.mask | item.mask)
    return sorted(together.values())
