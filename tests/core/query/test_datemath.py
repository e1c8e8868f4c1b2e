"""Times as a person types them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import iso, to_micros
from core.query.datemath import resolve

NOW = to_micros("2026-11-25T08:30:15.123456+07:00")  # a Wednesday
ZONE = "Asia/Ho_Chi_Minh"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("now", "2026-11-25T01:30:15.123456Z", "2026-11-25T01:30:15.123457Z"),
        ("now-24h", "2026-11-24T01:30:15.123456Z", "2026-11-24T01:30:15.123457Z"),
        ("now/d", "2026-11-24T17:00:00.000000Z", "2026-11-25T17:00:00.000000Z"),
        ("now-1d/d", "2026-11-23T17:00:00.000000Z", "2026-11-24T17:00:00.000000Z"),
        ("now/w", "2026-11-22T17:00:00.000000Z", "2026-11-29T17:00:00.000000Z"),
        ("now/M", "2026-10-31T17:00:00.000000Z", "2026-11-30T17:00:00.000000Z"),
        ("now/y", "2025-12-31T17:00:00.000000Z", "2026-12-31T17:00:00.000000Z"),
        ("now/h", "2026-11-25T01:00:00.000000Z", "2026-11-25T02:00:00.000000Z"),
        ("now+d", "2026-11-26T01:30:15.123456Z", "2026-11-26T01:30:15.123457Z"),
        ("2026", "2025-12-31T17:00:00.000000Z", "2026-12-31T17:00:00.000000Z"),
        ("2026-02", "2026-01-31T17:00:00.000000Z", "2026-02-28T17:00:00.000000Z"),
        ("2026-11-24", "2026-11-23T17:00:00.000000Z", "2026-11-24T17:00:00.000000Z"),
        ("2026-11-24T08", "2026-11-24T01:00:00.000000Z", "2026-11-24T02:00:00.000000Z"),
        ("2026-11-24 08:30", "2026-11-24T01:30:00.000000Z", "2026-11-24T01:31:00.000000Z"),
        ("2026-11-24T08:30:15", "2026-11-24T01:30:15.000000Z", "2026-11-24T01:30:16.000000Z"),
        ("2026-11-24T08:30:15.12Z", "2026-11-24T08:30:15.120000Z", "2026-11-24T08:30:15.130000Z"),
        ("2026-11-24T08:30:15.123456789Z", "2026-11-24T08:30:15.123456Z", "2026-11-24T08:30:15.123457Z"),
        ("2026-11-24T08:30:00-05:30", "2026-11-24T14:00:00.000000Z", "2026-11-24T14:00:01.000000Z"),
        ("2026-11-24||-1d", "2026-11-22T17:00:00.000000Z", "2026-11-23T17:00:00.000000Z"),
        ("2026-03-31||-1M", "2026-02-27T17:00:00.000000Z", "2026-02-28T17:00:00.000000Z"),
        ("2026-03-30||-1M", "2026-02-27T17:00:00.000000Z", "2026-02-28T17:00:00.000000Z"),
        ("2024-02-29||+1y", "2025-02-27T17:00:00.000000Z", "2025-02-28T17:00:00.000000Z"),
    ],
)
def test_resolve(text: str, start: str, end: str) -> None:
    assert tuple(map(iso, resolve(text, NOW, ZONE))) == (start, end)


def test_the_zone_counts() -> None:
    assert iso(resolve("2026-11-24", NOW, "UTC")[0]) == "2026-11-24T00:00:00.000000Z"
    # clocks went forward: the day has 23 hours
    start, end = resolve("2026-03-29", NOW, "Europe/Paris")
    assert (end - start) == 23 * 3600 * 1_000_000


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "now-", "now-1x", "2026-13-01", "2026-02-30", "now+9999y", "0001-01-01", "٢٠٢٦"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        resolve(text, NOW, ZONE)


@given(st.text(alphabet="now-+/|0123456789yMwdhms:TZ .", max_size=20))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        start, end = resolve(text, NOW, ZONE)
    except ValueError:
        return
    assert start < end
