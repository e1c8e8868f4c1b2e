"""Cut, lower and fold."""

from __future__ import annotations

import unicodedata

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.event import Event
from core.query.fold import MAX_CHARS, comparable, cut, fold, lower, overlong
from core.query.tree import Comparison


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Huế", "hue"),
        ("ĐĂNG NHẬP", "dang nhap"),
        ("đường", "duong"),
        ("Sở Thông tin và Truyền thông", "so thong tin va truyen thong"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ΣΑΣ", "σασ"),
        ("plain ASCII", "plain ascii"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


_ODD = "\u0345\u0301\u0323\u0f37\u05a9\u1fbaᾪᾳ가\u1100\u1161ßﬁǅ\u13a0ΣςİıếĐđK®中"
"""Marks of all kinds, one of which folds to a letter; letters that fold to several, or otherwise at a word's end."""


def whole(text: str) -> str:
    """What folding means: all of the text normalised, twice."""
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    kept = (c for c in text if not any(first <= c <= last for first, last in MARKS))
    return "".join(kept).replace("đ", "d")


MARKS = [("\u0300", "\u036f"), ("\u1ab0", "\u1aff"), ("\u1dc0", "\u1dff"), ("\u20d0", "\u20ff"), ("\ufe20", "\ufe2f")]


@given(st.lists(st.sampled_from(_ODD) | st.characters() | st.sampled_from("aZ")).map("".join))
def test_letters_looked_up_one_by_one_give_what_the_whole_text_gives(text: str) -> None:
    assert fold(text) == whole(text)


def test_a_text_of_many_letters_is_folded_as_well() -> None:
    text = "".join(map(chr, range(0x1E00, 0x1EFA))) + "Ab"
    assert fold(text) == whole(text)


def test_vowel_signs_of_other_scripts_stay() -> None:
    assert fold("हिन्दी") != fold("हन्द")


@given(st.text())
def test_fold_ignores_normal_form_and_is_stable(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))
    assert fold(fold(text)) == fold(text)


@given(st.text(), st.text())
def test_lower_goes_character_by_character(a: str, b: str) -> None:
    assert lower(a + b) == lower(a) + lower(b)
    assert len(lower(a)) == len(a)


def test_lower_is_the_lower_of_duckdb_for_every_character() -> None:
    characters = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
    step = 200_000
    different = []
    connection = duckdb.connect()
    for start in range(0, len(characters), step):
        part = "\n".join(c for c in characters[start : start + step] if c != "\n")
        row = connection.execute("SELECT lower(?)", [part]).fetchone()
        assert row is not None
        different += [(a, b) for a, b in zip(row[0], lower(part), strict=True) if a != b]
    assert different == []


def test_cut() -> None:
    assert cut("ế" * (MAX_CHARS + 1)) == "ế" * MAX_CHARS
    assert cut("short") == "short"


def test_overlong_names_the_fields_that_are_cut() -> None:
    long, just = "ế" * (MAX_CHARS + 1), "ế" * MAX_CHARS
    event: Event = {"b": ["x", long], "a": long, "c": just, "d": [just], "e": 9, "f": None}
    assert overlong(event) == ["a", "b"]


def test_comparable() -> None:
    assert comparable("Huế", Comparison.FOLD) == "hue"
    assert comparable("Huế", Comparison.CI) == "huế"
    assert comparable("Huế", Comparison.EXACT) == "Huế"
