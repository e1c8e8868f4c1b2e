"""Words side by side: what a phrase is found as, and the regular expressions that find it in a text.

A word is what RE2 takes for letters, digits and marks, and the underscore; anything else is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import re2

from core.errors import BadInput, failure
from core.query.fold import MAX_CHARS, comparable, not_ascii
from core.query.leaf import either_case, escape
from core.query.tree import Comparison, Phrase

_FEW_WORDS = 4
_FEW_CHARACTERS = 200
"""Of a phrase that is looked for as one regular expression: a border in Unicode takes RE2 0.5 ms to compile."""
_WORD_CHARS = r"\p{L}\p{N}\p{M}_"
_ASCII_WORD_CHARS = "0-9A-Za-z_"
_ASCII_GAPS = r"\x{0}-/:-@\[-\^`{-\x{7f}"
_USUAL_LETTERS = r"\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{24f}\x{300}-\x{36f}\x{1e00}-\x{1eff}"
_USUAL_SIGNS = (
    r"\x{a0}-\x{a9}\x{ab}-\x{b1}\x{b6}-\x{b8}\x{bb}\x{2000}-\x{206f}\x{20a0}-\x{20bf}\x{2190}-\x{21ff}\x{2500}-\x{25ff}"
)
"""Letters, and gaps, beyond ASCII that often stand beside words: each range takes time to compile."""
_PLAIN_GAP = f"[{_ASCII_GAPS}]"
_SURE_GAP = f"[{_ASCII_GAPS}{_USUAL_SIGNS}]"
_FEW_GAPS = 8
_WORD = re2.compile(f"[{_WORD_CHARS}]+")


def words_of(leaf: Phrase) -> list[str]:
    """The words of a phrase, ready for comparing; none when the text is punctuation only.

    Raises BadInput when the phrase is longer than what is compared of any value.
    """
    if len(leaf.text) > MAX_CHARS:
        raise failure(BadInput, "query.long_phrase", size=len(leaf.text), limit=MAX_CHARS)
    return list(_words(leaf.text, leaf.comparison))


@lru_cache(maxsize=1024)  # a text is looked for in eleven fields, and in each at several times
def _words(text: str, comparison: Comparison) -> tuple[str, ...]:
    return tuple(words_in(comparable(text, comparison)))


def words_in(text: str) -> list[str]:
    """The words of a text that is ready for comparing: what a phrase of one word is found as."""
    return list(_WORD.findall(text))


def phrase_regex(words: Iterable[str], *, ascii_only: bool = False) -> str:
    """The words side by side, with a border at both ends; ``ascii_only``: in a text of ASCII as it was written."""
    gap = f"[^{_ASCII_WORD_CHARS if ascii_only else _WORD_CHARS}]"
    return _side_by_side(words, gap, either_case if ascii_only else escape)


def phrase_regexes(words: Sequence[str]) -> tuple[str, str, str]:
    """Three regular expressions that stand for ``phrase_regex`` and compile in a tenth of the time: what it matches the
    first matches, what the second matches it does; and the third is exact of a text from ``with_plain_gaps``."""
    near = f"[^{_ASCII_WORD_CHARS}{_USUAL_LETTERS}]"
    first, second, third = (_side_by_side(words, gap, escape) for gap in (near, _SURE_GAP, _PLAIN_GAP))
    return first, second, third


def any_phrase_regexes(phrases: Iterable[Sequence[str]], write: Callable[[str], str]) -> tuple[set[str], str, str]:
    """Of each phrase a regular expression, and two between which they stand: what has the words side by side matches
    one of them so. All compile quickly."""
    return {r"\W+".join(map(write, words)) for words in phrases}, r"(?:^|\W)(?:", r")(?:\W|$)"


def with_plain_gaps(text: str) -> str:
    """The text with a blank for each character beyond ASCII that is not of a word."""
    gaps = {c for c in not_ascii(text) if not _is_of_word(c)}
    if len(gaps) > _FEW_GAPS:
        return text.translate(dict.fromkeys(map(ord, gaps), " "))
    for gap in gaps:
        text = text.replace(gap, " ")
    return text


@lru_cache(maxsize=1 << 16)
def _is_of_word(character: str) -> bool:
    return _WORD.match(character) is not None


def _side_by_side(words: Iterable[str], gap: str, write: Callable[[str], str]) -> str:
    return f"(?:^|{gap})" + f"{gap}+".join(write(word) for word in words) + f"(?:{gap}|$)"


def borders(*, ascii_only: bool = False) -> tuple[str, str]:
    """Regular expressions between which one for words stands; ``ascii_only``: in a text of ASCII."""
    return _borders(f"[^{_ASCII_WORD_CHARS if ascii_only else _WORD_CHARS}]")


def sure_borders() -> tuple[str, str]:
    """As ``borders``, without those that few texts have; they compile quickly."""
    return _borders(_SURE_GAP)


def _borders(gap: str) -> tuple[str, str]:
    return f"(?:^|{gap})(?:", f")(?:{gap}|$)"


def is_few(words: Sequence[str]) -> bool:
    """Whether the words are to be looked for by ``phrase_regex``, and not in the text as ``gap_regex`` parts it."""
    return len(words) <= _FEW_WORDS and sum(map(len, words)) <= _FEW_CHARACTERS


def gap_regex(*, ascii_only: bool = False) -> str:
    """What stands between two words. With one blank for each, and one at both ends, a text has the words side by side
    if it contains ``spaced`` of them. ``ascii_only``: in a lowered text of ASCII."""
    return f"[^{_ASCII_WORD_CHARS if ascii_only else _WORD_CHARS}]+"


def plain_gap_regex() -> str:
    """As ``gap_regex``, in a text from ``with_plain_gaps``; it compiles quickly."""
    return f"{_PLAIN_GAP}+"


def spaced(words: Iterable[str]) -> str:
    """Words with one blank between them and at both ends."""
    return f" {' '.join(words)} "
