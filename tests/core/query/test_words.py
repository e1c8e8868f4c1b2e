"""Words side by side."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.query.fold import MAX_CHARS
from core.query.leaf import escape
from core.query.tree import Phrase
from core.query.words import (
    any_phrase_regexes,
    gap_regex,
    is_few,
    phrase_regex,
    phrase_regexes,
    plain_gap_regex,
    spaced,
    sure_borders,
    with_plain_gaps,
    words_in,
    words_of,
)
from tests.core.query.worlds import connection


@given(
    st.lists(st.sampled_from(["a", "ab", "ế", "e\u0301", "_1", "中"]), min_size=1, max_size=3),
    st.text(alphabet="abếe\u0301_1中 .\n-…", max_size=20),
)
def test_words_are_side_by_side_in_a_text_that_is_parted_at_its_gaps(words: list[str], text: str) -> None:
    plain = bool(re2.search(phrase_regex(words), text))
    near, sure, _ = (bool(re2.search(regex, text)) for regex in phrase_regexes(words))
    assert near >= plain >= sure
    assert bool(re2.search(phrase_regexes(words)[2], with_plain_gaps(text))) is plain
    assert (spaced(words) in f" {re2.sub(plain_gap_regex(), ' ', with_plain_gaps(text))} ") is plain
    assert (spaced(words) in f" {re2.sub(gap_regex(), ' ', text)} ") is plain
    assert (spaced(words) in spaced(words_in(text))) is plain
    if text.isascii():
        assert (spaced(words) in f" {re2.sub(gap_regex(ascii_only=True), ' ', text)} ") is plain
        if all(map(str.isascii, words)):
            assert near is sure


@given(st.text() | st.text(alphabet="a中ế\u0301–“”…\u00a0²ªǅ_😀\U000e0100", min_size=9))
def test_gaps_are_made_plain_and_nothing_else(text: str) -> None:
    plain = with_plain_gaps(text)
    assert words_in(plain) == words_in(text)
    assert all(a == b or (b == " " and not words_in(a) and not a.isascii()) for a, b in zip(text, plain, strict=True))
    assert all(c.isascii() or words_in(c) for c in plain)


def test_what_is_quickly_said_of_a_border_is_right_of_every_character() -> None:
    near, sure, _ = phrase_regexes(["a"])
    quick = escape("a").join(sure_borders())
    every = "SELECT chr(range::INT) || 'a' AS x FROM range(1, 1114112) WHERE range NOT BETWEEN 55296 AND 57343"
    plain = "regexp_matches(x, ?)"
    wrong = f"SELECT ord(x) FROM ({every}) WHERE {plain} < {plain} OR {plain} < {plain} OR {plain} <> {plain}"
    found = connection().execute(wrong, [near, phrase_regex(["a"]), phrase_regex(["a"]), sure, sure, quick])
    assert found.fetchall() == []


@given(
    st.lists(st.lists(st.sampled_from(["a", "10", "0", "ế", "中"]), min_size=1, max_size=3), min_size=1, max_size=3),
    st.text(alphabet="a10ế中. -…", max_size=20),
)
def test_no_phrase_of_several_is_missed(phrases: list[list[str]], text: str) -> None:
    regexes, before, after = any_phrase_regexes(phrases, escape)
    if any(re2.search(phrase_regex(words), text) for words in phrases):
        assert re2.search(f"{before}{'|'.join(regexes)}{after}", text)


def test_only_few_words_make_a_regular_expression() -> None:
    assert is_few(["failed", "password", "for", "root"])
    assert not is_few(["a"] * 5)
    assert not is_few(["a" * 201])


def test_a_phrase_is_no_longer_than_what_is_compared() -> None:
    assert len(words_of(Phrase("message", "ab " * (MAX_CHARS // 3)))) == MAX_CHARS // 3
    with pytest.raises(BadInput, match="have 8,001 characters; at most 8,000"):
        words_of(Phrase("message", "x" * (MAX_CHARS + 1)))
