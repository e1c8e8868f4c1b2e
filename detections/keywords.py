"""Keywords: predicates on the whole text of an event, behind a filter that most events do not pass.

A rule with keywords and no log source finer than a product asks for a search through every value of every event.
So the texts of a batch are first scanned together for one sure piece of each keyword (Vectorscan, gigabytes a
second), and only the events with a piece in them are looked at value by value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import hyperscan

from detections.budget import Timed
from detections.ir import MANY, ONE, Kind, Predicate
from detections.match_index import NOTHING, MatchIndex, Numbers
from detections.needles import regex_needle

_FOLDED = ("\u212a", "\u0130", "\\u212a", "\\u0130")
"""The Kelvin sign and the dotted I, also as JSON may write them: lower() makes them ASCII letters, but Vectorscan folds
the case of ASCII only. So a text that holds one is looked at in any case."""
_SAFE = re.compile(r"[A-Za-z0-9 _.:=-]{3,}")
"""Runs that JSON, XML and key=value write as they are, so that they can be looked for in the raw text too."""


class KeywordIndex:
    """Which of some fieldless predicates are true of an event."""

    def __init__(self, predicates: Mapping[int, Predicate], timed: Timed) -> None:
        self.index = MatchIndex(predicates, timed)
        pieces = [_piece(predicate) for predicate in predicates.values()]
        self._filter = None if None in pieces else _scanner({piece for piece in pieces if piece})

    def classes(self, texts: Sequence[bytes], values: Callable[[int], Iterable[Any]]) -> dict[int, int]:
        """The classes of the events that hold any, by position. ``texts[i]`` is a text in which all of event i's
        values stand (the raw, or the values joined by newlines); ``values(i)`` gives them one by one."""
        found: dict[int, int] = {}
        for position in self._suspects(texts):
            true: set[int] = set()
            for value in values(position):
                if value is not None:
                    true |= self.index.sets[self.index.classes.of(value)]
            if true:
                found[position] = self.index.class_of_set(frozenset(true))
        return found

    def numbers(self, found: int) -> Numbers:
        return self.index.sets[found] if found else NOTHING

    def _suspects(self, texts: Sequence[bytes]) -> Iterable[int]:
        if self._filter is None:
            return range(len(texts))
        found: list[int] = []

        def hit(pattern: int, start: int, end: int, flags: int, context: object) -> None:
            found.append(end)

        self._filter.scan(b"\n".join(texts), match_event_handler=hit)
        if not found:
            return ()
        ends = list(accumulate(len(text) + 1 for text in texts))
        # a match ends after its last byte, so the byte before ``end`` tells the event
        return sorted({bisect_right(ends, end - 1) for end in found})


def joined(values: Iterable[Any]) -> bytes:
    """The text to scan for an event whose raw text is not at hand. Lists stand as Python writes them, which keeps
    the pieces that are looked for."""
    return "\n".join(map(str, values)).encode("utf-8", "replace")


def _piece(predicate: Predicate) -> str | None:
    """The longest piece of a keyword that is sure to stand in any text that holds it; None if there is none."""
    if predicate.kind is Kind.REGEX:
        runs = _SAFE.findall(regex_needle(predicate.value, predicate.flags))
    else:
        runs = [run for part in re.split(f"[{MANY}{ONE}]+", predicate.value) for run in _SAFE.findall(part)]
    return max(runs, key=len, default=None)


def _scanner(pieces: set[str]) -> Any:
    database = hyperscan.Database()
    ordered = sorted(pieces.union(_FOLDED))
    database.compile(
        expressions=[piece.encode() for piece in ordered],
        ids=list(range(len(ordered))),
        elements=len(ordered),
        flags=[hyperscan.HS_FLAG_CASELESS] * len(ordered),
        literal=True,
    )
    return database
