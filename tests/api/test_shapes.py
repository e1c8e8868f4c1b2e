"""Shared shapes: times as texts, cursors that cannot be made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from api.shapes import Bilingual, Page, Time, Truth, Words, entities, read_cursor, write_cursor
from core.errors import BadInput
from core.store import contract


def test_times_go_out_as_canonical_texts() -> None:
    adapter = TypeAdapter(Time)
    assert adapter.dump_python(1_795_571_528_123_456, mode="json") == "2026-11-25T01:52:08.123456Z"
    assert adapter.json_schema()["format"] == "date-time"


def test_words_take_what_rows_hold() -> None:
    words = TypeAdapter(Bilingual)
    assert words.validate_python({"vi": "a", "en": "b", "fr": "c"}) == Words(vi="a", en="b")
    assert words.validate_python({}) == Words()


def test_the_truth_is_told_whole() -> None:
    missing = contract.Missing("retention", "2025", 1, 2)
    told = Truth.of(contract.Truth(False, False, (missing,), contract.Position(7, 9))).model_dump(mode="json")
    assert told["complete"] is False
    assert told["missing"][0]["what"] == "retention"
    assert told["position"]["seen"] == 7


def test_entities_skip_what_is_no_pair() -> None:
    assert [e.value for e in entities([["ip", "192.0.2.1"], ["odd"], "xy", ("host", "web01")])] == [
        "192.0.2.1", "web01",
    ]  # fmt: skip


@given(st.integers(0, 2**53), st.text(max_size=20))
def test_a_cursor_comes_back(number: int, text: str) -> None:
    assert read_cursor(write_cursor(number, text), int, str) == [number, text]


@given(st.text(max_size=40))
def test_any_other_text_is_refused_or_read(text: str) -> None:
    try:
        (value,) = read_cursor(text, int)
    except BadInput:
        return
    assert isinstance(value, int)


def test_a_cursor_of_another_list_is_refused() -> None:
    for cursor in (write_cursor("a"), write_cursor(1, 2), write_cursor(), write_cursor(2**60)):
        with pytest.raises(BadInput):
            read_cursor(cursor, int)
    assert Page[int](items=[1]).cursor is None
