"""Of all flows that a rule matches, the few that its alerts are made from, or that tell what was never seen before.

A scan or a flood matches a rule ten thousand times in a batch, and a flow that becomes a dictionary costs a hundred
times one that stays columns. An alert keeps the first ids, the first and the last time, the smallest values of each
kind and a count: so these rows and a count make the same alert as all. And of a value all that is ever asked is when
it first came, and when last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.clock import HOUR
from detections.alert_entities import ENTITY_FIELDS, MAX_VALUE, MOST
from detections.alert_facts import FACT_FIELDS, MAX_COUNTED, MAX_FACT
from detections.alerting import MAX_IDS
from detections.hit_blocks import AHEAD

Rows = npt.NDArray[np.intp]

ALERTS = 2_000
"""Of one rule and batch; a rule that makes half as many is set to record."""
FEW = 200
"""So many rows of an alert are taken as they are."""
KEPT = 1 + max(MAX_IDS, MAX_COUNTED, *MOST.values())
"""One more than an alert keeps of a kind, so that it says that there are more."""

_FOLDED_BY = (
    *("host.name", "user.name", "process.parent.executable", "process.parent.name"),
    *("kydai.replay", "kydai.system", "kydai.agency"),
)
"""What ``alerting.fold_key`` looks at, besides the hour."""
_TOLD = sorted(
    {
        *(name for names in (*ENTITY_FIELDS.values(), *FACT_FIELDS.values()) for name in names),
        *("observer.name", "event.dataset", "kydai.source"),
    }
)
_SHORTENED: tuple[Callable[[str], str], ...] = (lambda text: text[:MAX_FACT], lambda text: text.lower()[:MAX_VALUE])


class _Coded(dict[str, tuple[npt.NDArray[np.int64], Any]]):
    """A column of a flow table as numbers from 0, which is null, and the values of 1, 2, …"""

    def __init__(self, table: Any) -> None:
        super().__init__()
        self.table = table

    def __missing__(self, name: str) -> tuple[npt.NDArray[np.int64], Any]:
        column = self.table.column(name).combine_chunks()
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        numbers = encoded.indices.fill_null(-1).to_numpy().astype(np.int64) + 1
        self[name] = found = numbers, encoded.dictionary
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.table.column_names

    def together(self, codes: npt.NDArray[np.int64], names: Iterable[str], rows: Rows) -> npt.NDArray[np.int64]:
        """A number for each combination of a code and the values of these columns that there are."""
        for name in names:
            if name in self:
                _, codes = np.unique(codes, return_inverse=True)
                own = self[name][0][rows]
                codes = codes * (own.max() + 1) + own
        return codes


def telling(table: Any, rows: Rows) -> Iterator[tuple[int, int]]:
    """The rows of a flow table that alerts are made from, each with the number of ``rows`` (ascending) that it stands
    for."""
    coded = _Coded(table)
    groups = _groups(coded, rows)
    for group in sorted(groups, key=lambda group: int(group[0]))[:ALERTS]:
        if len(group) <= FEW:
            yield from ((int(row), 1) for row in group)
            continue
        first, *others = _kept(coded, group)
        yield first, len(group) - len(others)
        yield from ((row, 1) for row in others)


def _groups(coded: _Coded, rows: Rows) -> list[Rows]:
    """The rows apart, so that those of one group fold into one alert."""
    codes = coded.together(coded.table.column("@timestamp").to_numpy()[rows] // HOUR, _FOLDED_BY, rows)
    order = np.argsort(codes, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(codes[order])) + 1)


def _kept(coded: _Coded, group: Rows) -> list[int]:
    """The first in order of receipt, and the others in that of the table."""
    first = _first(coded, group)
    at = coded.table.column("@timestamp").to_numpy()[group]
    kept = {*first, int(group[at.argmin()]), int(group[at.argmax()])}
    for name in _TOLD:
        if name in coded:
            kept |= _smallest(*coded[name], group)
    return [first[0], *sorted(kept - {first[0]})]


def _first(coded: _Coded, group: Rows) -> list[int]:
    codes, names = coded["segment"]
    # ids are in order of receipt where their segments are in order of their names
    places = np.argsort(np.argsort(names.to_pylist()))[codes[group] - 1]
    records, numbers = (coded.table.column(name).to_numpy()[group] for name in ("record", "n"))
    order = np.lexsort((numbers, records, places))
    return [int(row) for row in group[order[:MAX_IDS]]]


def _smallest(codes: npt.NDArray[np.int64], values: Any, group: Rows) -> set[int]:
    """Rows that hold what an alert keeps of a column."""
    found, places = np.unique(codes[group], return_index=True)
    texts = map(str, values.take(pa.array(found[found > 0] - 1)).to_pylist())
    by_text = {text: int(row) for text, row in zip(texts, group[places[found > 0]], strict=True) if text}
    kept: set[int] = set()
    for short in _SHORTENED:
        by_short = {short(text): row for text, row in by_text.items()}
        kept.update(by_short[text] for text in nsmallest(KEPT, by_short))
    return kept


def first_and_last(table: Any, rows: Rows, names: Iterable[str]) -> tuple[Rows, Rows]:
    """Of each combination of values of these columns the first flow and the last one, as correlations order them; which
    of several last ones is open. ``rows`` is not empty."""
    coded = _Coded(table)
    codes = coded.together(np.zeros(len(rows), np.int64), names, rows)
    at, created = (table.column(name).to_numpy()[rows] for name in ("@timestamp", "event.created"))
    at = np.where(at > created + AHEAD, created, at)
    order = np.lexsort((at, codes))
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes[order])) + 1])
    counts = np.diff(np.append(starts, len(order)))
    is_first = at[order] == np.repeat(at[order][starts], counts)
    at_once = np.split(rows[order][is_first], np.cumsum(np.add.reduceat(is_first, starts))[:-1])
    firsts = [int(own[0]) if len(own) == 1 else min(own.tolist(), key=_id_text(table)) for own in at_once]
    return np.array(firsts, np.intp), rows[order][starts + counts - 1]


def _id_text(table: Any) -> Callable[[int], str]:
    segment, record, n = (table.column(name) for name in ("segment", "record", "n"))
    return lambda row: f"{segment[row]}.{record[row]}.{n[row]}"
