"""How texts are made comparable: cut, lowered, folded (docs/query-language.md).

Every target of the query tree compares what these functions give: the predicate calls them, the store writes
``fold(cut(value))`` into the folded columns, and the SQL functions of ``core/query/to_sql.py`` are these very ones.
"""

from __future__ import annotations

import re
import unicodedata

from core.query.tree import Comparison

MAX_CHARS = 8_000
"""A value is compared by its first 8,000 characters (code points)."""

# The blocks of combining marks that go with Latin, Greek and Cyrillic letters. The vowel signs of other scripts
# carry meaning and stay.
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")


def cut(text: str) -> str:
    """The part of a value that is compared."""
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS]


def lower(text: str) -> str:
    """Lower case character by character, as DuckDB's ``lower`` and Java's ``toLowerCase(int)`` do.

    ``str.lower`` differs for two characters: a final sigma depends on its neighbours, and dotted I gives two
    characters; both would make "contains" depend on what stands beside the part searched for.
    """
    if text.isascii():
        return text.lower()
    return text.replace("İ", "i").replace("Σ", "σ").lower()


def fold(text: str) -> str:
    """Without case, tone marks and the bar of đ; composed and decomposed spellings give the same."""
    if text.isascii():
        return text.lower()
    # twice: case folding can give letters that decompose further
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return _MARKS.sub("", text).replace("đ", "d")


def comparable(text: str, comparison: Comparison) -> str:
    """The text as it is compared, not yet cut."""
    if comparison is Comparison.EXACT:
        return text
    return lower(text) if comparison is Comparison.CI else fold(text)
