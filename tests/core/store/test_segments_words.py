from __future__ import annotations

import pytest

from core.event import Event, Value
from core.store import segments_words
from core.store.segments_rows import flatten
from core.store.segments_words import UNCLEAR, UNTOLD, TooMany, address_key, word_index
from tests.core.store.conformance import event


def words_of(*found: dict[str, Value]) -> dict[str, list[int]]:
    """The rows of each word."""
    events: list[Event] = [event(i, i, fields) for i, fields in enumerate(found)]
    words: dict[str, list[int]] = {}
    for pair in word_index(flatten(events).table).to_pylist():
        words.setdefault(pair["word"], []).append(pair["row"])
    assert list(words) == sorted(words)
    return words


def test_words_are_those_that_phrases_compare() -> None:
    assert words_of(
        {"message": "Đăng nhập, x_1!", "user.name": "HUẾ.x"},
        {"message": "x_1 x_1", "event.original": "«ＡＢ»", "vendor.code": "no"},
        {},
    ) == {"dang": [0], "huế": [0], "nhap": [0], "x": [0], "x_1": [0, 1], "ａｂ": [1]}


def test_an_event_without_text_has_no_words() -> None:
    assert words_of({}) == words_of({"message": "", "user.name": "-.-"}) == {}


def test_long_words_are_cut() -> None:
    assert words_of({"message": "a" * 100 + " " + "a" * 90}, {"user.name": "ế" * 100}) == {"a" * 64: [0], "ế" * 64: [1]}


def test_addresses_of_texts_and_of_fields_have_one_key() -> None:
    found = words_of(
        {"message": "from 192.0.2.7:22, 1.192.0.2.7.", "source.ip": "192.0.2.8"},
        {"related.ip": ["2001:DB8::1", "::ffff:192.0.2.7", "none"]},
        {"message": "192.0.2.07 192.0.2.256 192.0.2.7a 192. 0.2.7"},
    )
    keys = {word: rows for word, rows in found.items() if "." in word or ":" in word}
    assert keys == {
        "192.0.2.7": [0, 1],
        "1.192.0.2": [0],
        "192.0.2.8": [0],
        f":20010db8{'1':0>24}": [1],
        UNCLEAR: [2],  # its octets stand there otherwise, and 192.0.2.7a holds it
    }


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.12 1-1-1-1",
        "1.200.255.12 1-200-255-1",
        "x1.1.1.1 1 1 1.1",
        "“1.1.1.1”",
        "1.1.1.12 1 – 1 – 1 – 1",
        "1.1.1.12 1 → 1 · 1 1",
        "1.1.1.12 1 “1.1.1",
    ],
)
def test_what_may_be_an_address_otherwise_is_said(text: str) -> None:
    assert words_of({"message": text})[UNCLEAR] == [0]


def test_dates_are_not_unclear_addresses() -> None:
    assert UNCLEAR not in words_of({"message": "2026-11-25 11:12:13.014 v1.2.3.4 10.0.0.53"})


def test_rows_that_hide_a_value_are_untold() -> None:
    assert words_of({"user.name": ["a", "b"]}, {"source.port": "x"}, {"host.ip": "10.0.0.1"}) == {
        UNTOLD: [0],
        "10.0.0.1": [2],
    }


def test_texts_are_looked_at_by_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, Value]] = [{"message": f"a{i % 3} b" if i % 4 else None} for i in range(50)]
    whole = words_of(*found)
    monkeypatch.setattr(segments_words, "_SLICE", 20)
    assert words_of(*found) == whole
    assert whole["b"] == [i for i in range(50) if i % 4]


def test_keys_of_addresses() -> None:
    assert address_key("0" * 20 + "ffffc0000207") == "192.0.2.7"
    assert address_key("20010db8" + "0" * 24) == ":20010db8" + "0" * 24


def test_signs_that_are_no_words_do_not_part_an_address() -> None:
    assert words_of({"message": "– 192.0.2.7 → x"})["192.0.2.7"] == [0]
    assert words_of({"message": "– → ·"}) == {}


def test_more_words_than_memory_is_given_for_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_words, "MAX_PAIRS", 3)
    assert words_of({"message": "a b c"})
    with pytest.raises(TooMany):
        words_of({"message": "a b c d"})
