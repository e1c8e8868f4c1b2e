"""How texts are made comparable: cut, lowered, folded (docs/query-language.md).

Every target of the query tree compares what these functions give: the predicate calls them, the store writes
``fold(cut(value))`` into the folded columns, and the SQL functions of ``core/query/to_sql.py`` are these very ones.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from core.event import Event, Scalar
from core.query.tree import Comparison

MAX_CHARS = 8_000
"""A value is compared by its first 8,000 characters (code points)."""

# The blocks of combining marks that go with Latin, Greek and Cyrillic letters. The vowel signs of other scripts
# carry meaning and stay.
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")

_ASCII = bytes(range(128))
_MANY = 100
"""Letters of one text that are not ASCII, above which it is quicker to normalise it."""


def cut(text: str) -> str:
    """The part of a value that is compared."""
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS]


def overlong(event: Event) -> list[Scalar]:
    """The fields of an event that have a value of which a part is not compared, in order of their names."""
    found = [
        name
        for name, value in event.items()
        if (len(value) > MAX_CHARS if isinstance(value, str) else isinstance(value, list) and _any_overlong(value))
    ]
    return [*sorted(found)]


def _any_overlong(values: list[Scalar]) -> bool:
    return any(isinstance(value, str) and len(value) > MAX_CHARS for value in values)


def lower(text: str) -> str:
    """Lower case character by character, as DuckDB's ``lower`` and Java's ``toLowerCase(int)`` do.

    ``str.lower`` differs for two characters: a final sigma depends on its neighbours, and dotted I gives two
    characters; both would make "contains" depend on what stands beside the part searched for.
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def not_ascii(text: str) -> set[str]:
    """The characters of a text that are not ASCII."""
    return set(text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass"))


def fold(text: str) -> str:
    """Without case, tone marks and the bar of đ; composed and decomposed spellings give the same."""
    if text.isascii():
        return text.lower()
    # a few letters of a long text are not ASCII: looking up each of those costs a tenth of normalising all
    other = not_ascii(text)
    if len(other) > _MANY:
        return _fold_whole(text)
    for letter in other:
        alone = _folded_alone(letter)
        if alone is None:
            return _fold_whole(text)
        if alone != letter:
            text = text.replace(letter, alone)
    return text.lower()


def _fold_whole(text: str) -> str:
    # twice: case folding can give letters that decompose further
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return _MARKS.sub("", text).replace("đ", "d")


@functools.lru_cache(4_096)
def _folded_alone(letter: str) -> str | None:
    """What a letter folds to whatever stands beside it; None when that matters, or when lowering would change it."""
    made = _fold_whole(letter)
    marks = [mark for mark in unicodedata.normalize("NFD", letter) + made if unicodedata.combining(mark)]
    # marks are put in order among their neighbours' before they are dropped or, as iota below, become a letter
    if any(mark in made or mark.casefold() != mark for mark in marks) or made.lower() != made:
        return None
    return made if _fold_whole(made) == made else None


def comparable(text: str, comparison: Comparison) -> str:
    """The text as it is compared, not yet cut."""
    if comparison is Comparison.EXACT:
        return text
    return lower(text) if comparison is Comparison.CI else fold(text)
