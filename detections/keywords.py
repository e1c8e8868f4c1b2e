"""Keywords: predicates on the whole text of an event, behind a filter that most events do not pass.

A rule with keywords and no log source finer than a product asks for a search through every value of every event.
So the texts of a batch are first scanned together for one sure piece of each keyword (Vectorscan, gigabytes a
second), and a keyword is only asked of the values of an event with its piece in it, and not even then where its rules
need another keyword whose piece is not there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import accumulate
from typing import Any

import hyperscan

from detections.budget import Timed
from detections.conditions import Waits
from detections.ir import MANY, ONE, Kind, Predicate
from detections.match_index import NOTHING, Numbers
from detections.needles import regex_needle
from detections.predicates import test_of, texts_of

_FOLDED = ("\u212a", "\u0130", "\\u212a", "\\u0130")
"""The Kelvin sign and the dotted I, also as JSON may write them: lower() makes them ASCII letters, but Vectorscan folds
the case of ASCII only. So a text that holds one may hold every keyword."""
_SAFE = re.compile(r"[A-Za-z0-9 _.:=-]{3,}")
"""Runs that JSON, XML and key=value write as they are, so that they can be looked for in the raw text too."""
_ESCAPED = (
    *(f"\\u{ord(c):04x}" for c in map(chr, range(128)) if _SAFE.fullmatch(c * 3)),
    *(form.format(ord(c)) for c in map(chr, range(128)) if _SAFE.fullmatch(c * 3) for form in ("&#{};", "&#x{:x};")),
    *("&#0", "&#x0", "<!", "<?"),
)
"""How JSON and XML may write, or part, what they need not: Gson writes ``=`` as ``\\u003d``, and whoever makes a raw
text may write any letter so. A raw text that holds one may hold every keyword."""
_PLAIN = re.compile(r"[ -~]{3,}")
"""Runs that stand in values joined by ``joined`` as they are."""


class KeywordIndex:
    """Which of some fieldless predicates are true of an event."""

    def __init__(self, predicates: Mapping[int, Predicate], timed: Timed, waits: Waits, *, in_raw: bool) -> None:
        """``in_raw``: the texts to scan may be raw texts, not only values that are joined."""
        self._timed = timed
        self._waits = waits
        self._tests = {number: test_of(predicate) for number, predicate in predicates.items()}
        pieces: dict[str | None, list[int]] = {}
        for number, predicate in predicates.items():
            pieces.setdefault(_piece(predicate, _SAFE if in_raw else _PLAIN), []).append(number)
        self._always = frozenset(pieces.pop(None, ()))
        odd = [*_FOLDED, *(_ESCAPED if in_raw else ())]
        self._found = [*map(frozenset, pieces.values()), *[frozenset(predicates)] * len(odd)]
        self._filter = _scanner([*filter(None, pieces), *odd]) if pieces else None
        self._sets: list[Numbers] = [NOTHING]
        self._classes: dict[Numbers, int] = {NOTHING: 0}
        self._asks_all = any(self._matters(number, self._always) for number in self._always)
        """Whether an event is to be looked at in which no piece stands."""

    def classes(self, texts: Sequence[bytes], values: Callable[[int], Iterable[Any]]) -> dict[int, int]:
        """The classes of the events that hold any, by position. ``texts[i]`` is a text in which all of event i's
        values stand (the raw, or the values joined by newlines); ``values(i)`` gives them one by one.

        Keywords that do not matter, for what their rules need beside them is not there, count as not held.
        """
        found: dict[int, int] = {}
        for position, suspected in self._suspects(texts).items():
            asked = [number for number in suspected if self._matters(number, suspected)]
            members = [text for value in values(position) for text in texts_of(value)] if asked else ()
            true = frozenset(number for number in asked if self._holds(number, members))
            if true:
                found[position] = self._class_of(true)
        return found

    def numbers(self, found: int) -> Numbers:
        return self._sets[found]

    def _matters(self, number: int, suspected: Set[int]) -> bool:
        needed = self._waits[number]
        return needed is None or not needed.isdisjoint(suspected)

    def _holds(self, number: int, texts: Iterable[str]) -> bool:
        test, timed = self._tests[number], self._timed
        return any(timed(number, test, text) for text in texts)

    def _class_of(self, numbers: Numbers) -> int:
        known = self._classes.get(numbers)
        if known is None:
            known = self._classes[numbers] = len(self._sets)
            self._sets.append(numbers)
        return known

    def _suspects(self, texts: Sequence[bytes]) -> dict[int, Numbers]:
        """The keywords that an event may hold, by its position; events of which none is to be asked are not named."""
        suspects = dict.fromkeys(range(len(texts)), self._always) if self._asks_all else {}
        for position, piece in self._scan(texts):
            suspects[position] = suspects.get(position, self._always) | self._found[piece]
        return suspects

    def _scan(self, texts: Sequence[bytes]) -> set[tuple[int, int]]:
        """(position of the text, piece that stands in it)."""
        if self._filter is None:
            return set()
        found: list[tuple[int, int]] = []

        def hit(piece: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((end, piece))

        self._filter.scan(b"\n".join(texts), match_event_handler=hit)
        if not found:
            return set()
        ends = list(accumulate(len(text) + 1 for text in texts))
        # a match ends after its last byte, so the byte before ``end`` tells the event
        return {(bisect_right(ends, end - 1), piece) for end, piece in found}


def joined(values: Iterable[Any]) -> bytes:
    """The text to scan for an event whose raw text is not at hand."""
    return "\n".join(
        [
            value if (kind := value.__class__) is str else str(value) if kind is int else "\n".join(texts_of(value))
            for value in values
        ]
    ).encode("utf-8", "replace")


def _piece(predicate: Predicate, sure: re.Pattern[str]) -> str | None:
    """The longest piece of a keyword that is sure to stand in any text that holds it; None if there is none."""
    if predicate.kind is Kind.REGEX:
        runs = sure.findall(regex_needle(predicate.value, predicate.flags))
    else:
        runs = [run for part in re.split(f"[{MANY}{ONE}]+", predicate.value) for run in sure.findall(part)]
    return max(runs, key=len, default=None)


def _scanner(pieces: Sequence[str]) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=[piece.encode() for piece in pieces],
        ids=list(range(len(pieces))),
        elements=len(pieces),
        flags=[hyperscan.HS_FLAG_CASELESS] * len(pieces),
        literal=True,
    )
    return database
