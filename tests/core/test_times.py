"""Times as people write them."""

from __future__ import annotations

import pytest

from core.clock import HOUR, iso, to_micros
from core.errors import BadInput
from core.times import read_past, read_span, read_time

NOW = to_micros("2026-11-25T07:30:05.5Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", "2026-11-23T17:00:00.000000Z"),
        ("2026-11-24T14:30:00", "2026-11-24T07:30:00.000000Z"),
        ("2026-11-24T14:30:00Z", "2026-11-24T14:30:00.000000Z"),
        ("2026-11-24T14:30:00.25+02:00", "2026-11-24T12:30:00.250000Z"),
        ("now", "2026-11-25T07:30:05.500000Z"),
        ("now-24h", "2026-11-24T07:30:05.500000Z"),
        ("now-1d+30m", "2026-11-24T08:00:05.500000Z"),
        ("now/d", "2026-11-24T17:00:00.000000Z"),
        ("now-1M/M", "2026-09-30T17:00:00.000000Z"),
        ("now/w", "2026-11-22T17:00:00.000000Z"),
        ("now/h", "2026-11-25T07:00:00.000000Z"),
        ("now-9M", "2026-02-25T07:30:05.500000Z"),
    ],
)
def test_reading(text: str, expected: str) -> None:
    assert iso(read_time(text, NOW, "Asia/Ho_Chi_Minh")) == expected


def test_the_last_day_of_a_month_stays_in_the_month_it_moves_to() -> None:
    assert iso(read_time("now-1M", to_micros("2026-03-31T05:00:00Z"), "UTC")) == "2026-02-28T05:00:00.000000Z"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "now-", "now-1x", "2026-13-01", "now-999999y", "25/11/2026", "9999-12-31"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadInput, match=r"not a time|out of range"):
        read_time(text, NOW, "Asia/Ho_Chi_Minh")


def test_a_span_of_two_times() -> None:
    assert read_span("now-1h", "now", NOW, "UTC") == (NOW - HOUR, NOW)
    assert read_span(None, None, NOW, "UTC") == (None, None)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2026-11-24", "2026-11-24T17:00:00.000000Z"),
        ("now/d", "2026-11-25T17:00:00.000000Z"),
        ("2026-11", "2026-11-30T17:00:00.000000Z"),
        ("now", "2026-11-25T07:30:05.500000Z"),
        ("2026-11-24T14:30:00.000000Z", "2026-11-24T14:30:00.000000Z"),
    ],
)
def test_an_end_is_taken_whole(end: str, expected: str) -> None:
    assert iso(read_time(end, NOW, "Asia/Ho_Chi_Minh", is_end=True)) == expected
    last = read_span("2026-01-01", end, NOW, "Asia/Ho_Chi_Minh")[1]
    assert last is not None
    assert iso(last) == expected


@pytest.mark.parametrize(("start", "end"), [("now", "now-1h"), ("2026-11-24", "2026-11-23")])
def test_a_span_in_which_nothing_can_lie_is_refused(start: str, end: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_span(start, end, NOW, "UTC")
    for text in (caught.value.said or {}).values():
        assert start in text
        assert end in text


def test_the_past_ends_now_and_cannot_begin_ahead() -> None:
    assert read_past("now-1h", None, NOW, "UTC") == (NOW - HOUR, NOW)
    assert read_past("2026-11-20", "2026-11-20", NOW, "UTC")[1] < NOW
    with pytest.raises(BadInput, match=r"now\+3d.*now"):
        read_past("now+3d", None, NOW, "UTC")
