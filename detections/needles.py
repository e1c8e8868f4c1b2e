"""Needles: texts that must stand in a value for a predicate to hold, and finding many of them at once.

Short values go through an Aho-Corasick automaton, long ones through Vectorscan, which is slower to start and much
faster to run. Needles that are not ASCII (look-alike letters, mostly) are looked for in such values only.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import hyperscan
from ahocorasick_rs import AhoCorasick, Implementation

from detections.ir import MANY, ONE, Kind, Predicate

START, END = "\x02", "\x03"
"""Put around a value, so that "starts with" and "ends with" are needles too."""
BLOT = "\ufdd3"
"""Stands for a START or END that the value itself holds: a noncharacter, which no needle holds."""
SHORTEST = 3
LONG = 512
"""Characters from which on Vectorscan is worth its start."""
sre: Any = importlib.import_module("re._constants")
sre_parser: Any = importlib.import_module("re._parser")
"""Python's own reading of a regular expression. By name, since some type stubs know these modules and others do not."""


class Needles:
    """Which of some needles stand in a text; found by their positions in the sequence given."""

    def __init__(self, needles: Sequence[str]) -> None:
        self._needles = list(needles)
        self._ascii = [at for at, needle in enumerate(needles) if needle.isascii()]
        self._other = [at for at, needle in enumerate(needles) if not needle.isascii()]
        self._ascii_automaton = _automaton([needles[at] for at in self._ascii]) if self._ascii else None
        self._long_seen = 0
        self._long: Any = None

    def __len__(self) -> int:
        return len(self._needles)

    def found(self, low: str) -> set[int]:
        """The needles in a lowered text."""
        if not self._needles:
            return set()
        if START in low or END in low:
            low = low.replace(START, BLOT).replace(END, BLOT)
        text = f"{START}{low}{END}"
        if len(text) >= LONG and self._has_long():
            return self._scan(text)
        found: set[int] = set()
        if self._ascii_automaton is not None:
            matches = self._ascii_automaton.find_matches_as_indexes(text, overlapping=True)
            found.update([self._ascii[match[0]] for match in matches])
        if self._other and not text.isascii():
            matches = self._other_automaton.find_matches_as_indexes(text, overlapping=True)
            found.update([self._other[match[0]] for match in matches])
        return found

    @cached_property
    def _other_automaton(self) -> AhoCorasick:
        return _automaton([self._needles[at] for at in self._other])

    def _has_long(self) -> bool:
        """Compiling for Vectorscan costs about what two long scans per needle save, so wait until it pays."""
        if self._long is None:
            self._long_seen += 1
            if self._long_seen > 2 * len(self._needles):
                self._long = hyperscan.Database()
                self._long.compile(
                    expressions=[needle.encode() for needle in self._needles],
                    ids=list(range(len(self._needles))),
                    elements=len(self._needles),
                    flags=[hyperscan.HS_FLAG_SINGLEMATCH] * len(self._needles),
                    literal=True,
                )
        return self._long is not None

    def _scan(self, text: str) -> set[int]:
        found: set[int] = set()

        def hit(needle: int, start: int, end: int, flags: int, context: object) -> None:
            found.add(needle)

        self._long.scan(text.encode(), match_event_handler=hit)
        return found


def _automaton(needles: Sequence[str]) -> AhoCorasick:
    return AhoCorasick(needles, implementation=Implementation.ContiguousNFA)


def needle_of(predicate: Predicate) -> str:
    """A lowered text that the scanned value must contain, with the marks of start and end; '' if there is none."""
    _, kind, written, _ = predicate
    value = written.lower()
    if START in value or END in value or "Σ" in written:
        # the marks are blotted out of what is scanned; the lower case of Σ depends on what stands after it
        return ""
    if kind is Kind.CONTAINS:
        return value if len(value) >= SHORTEST or not value.isascii() else ""
    if kind is Kind.ENDS:
        return value + END
    if kind is Kind.STARTS:
        return START + value
    if kind is Kind.LIKE:
        pieces = re.split(f"[{MANY}{ONE}]+", _marked(value))
        best = max(pieces, key=len)
        return best if len(best) >= SHORTEST else ""
    if kind is Kind.REGEX:
        return regex_needle(written, predicate.flags)
    return ""


def _marked(pattern: str) -> str:
    start = "" if pattern.startswith(MANY) else START
    end = "" if pattern.endswith(MANY) else END
    return start + pattern + end


def regex_needle(pattern: str, flags: str) -> str:
    """The longest lowered literal that every match of a regular expression contains; '' if none is sure."""
    parsed = parsed_regex(pattern)
    if parsed is None:
        return ""
    caseless = "i" in flags or bool(parsed.state.flags & re.IGNORECASE)
    runs = sorted(_literals(parsed, caseless), key=len, reverse=True)
    for run in runs:
        # (?i) takes ſ for s and the Kelvin sign for k, which lower() does not; other letters are safe in ASCII
        if len(run) >= SHORTEST and run.isascii() and START not in run and END not in run:
            return run.lower()
    return ""


def least_length(pattern: str) -> int:
    """Characters that every match of a regular expression has at least."""
    parsed = parsed_regex(pattern)
    return 0 if parsed is None else int(parsed.getwidth()[0])


def is_known_regex(pattern: str) -> bool:
    """Whether Python reads it, and as RE2 does."""
    return parsed_regex(pattern) is not None


@lru_cache(maxsize=4096)
def parsed_regex(pattern: str) -> Any:
    """A regular expression as Python reads it; None where RE2 reads it otherwise, or only RE2 can."""
    if "[:" in pattern:  # a class of characters to RE2, these very characters to Python
        return None
    try:
        return sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def _literals(parsed: Iterable[tuple[Any, Any]], caseless: bool) -> list[str]:
    runs: list[str] = []
    current: list[str] = []

    def close() -> None:
        if current:
            runs.append("".join(current))
            current.clear()

    for op, argument in parsed:
        if op is sre.LITERAL and not (caseless and chr(argument) in "sSkK"):
            current.append(chr(argument))
            continue
        if op is sre.SUBPATTERN:
            close()
            inner_caseless = caseless or bool(argument[1] & re.IGNORECASE)
            runs.extend(_literals(argument[3], inner_caseless))
            continue
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[0] >= 1:
            close()
            runs.extend(_literals(argument[2], caseless))
            continue
        close()
    close()
    return runs
