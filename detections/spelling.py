"""The nearest right spelling of a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.errors import E
from core.words import both

_LETTERS_PER_SLIP = 6
"""One wrong letter for so many counts as a slip, where the name may also be right."""


_LONGEST = 100


def near(name: str, known: Iterable[str]) -> list[str]:
    """Up to two known names that a wrong one may be meant for, the nearest first; the case counts for nothing."""
    by_low = {each.lower(): each for each in known}
    return [by_low[low] for low in get_close_matches(name[:_LONGEST].lower(), by_low, n=2, cutoff=0.7)]


def hinted(error: E, names: Sequence[str]) -> E:
    """The error, with what was perhaps meant as its remedy when there are names."""
    if names:
        error.remedy = both("rules.spelling.perhaps", names=", ".join(names))
    return error


def slip(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one differs from by a slip; None when it is known or like none.

    For names that need not be in any list: only a letter or two may be wrong, missing, too many or exchanged.
    """
    known = set(known)
    if name in known:
        return None
    for each in near(name, known):
        if _distance(name.lower(), each.lower()) <= max(1, len(each) // _LETTERS_PER_SLIP):
            return each
    return None


def _distance(one: str, other: str) -> int:
    """How many letters are wrong, missing, too many or exchanged with their neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
