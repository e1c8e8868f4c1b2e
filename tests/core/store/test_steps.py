from __future__ import annotations

import duckdb
import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, iso, to_micros
from core.errors import BadInput
from core.store.contract import Span
from core.store.steps import Steps


def start_of(text: str, interval: Micros, zone: str) -> str:
    at = to_micros(text)
    steps = Steps(interval, zone, at)
    sql = steps.sql(at - 300 * DAY, at + 300 * DAY)
    local = duckdb.execute(f"SELECT {sql} FROM (SELECT {at}::BIGINT AS ts)").fetchall()[0][0]
    return iso(steps.start(local))[:19]


@pytest.mark.parametrize(
    ("text", "interval", "zone", "expected"),
    [
        ("2026-11-25T01:26:00Z", 5 * MINUTE, "Asia/Ho_Chi_Minh", "2026-11-25T01:25:00"),
        ("2026-11-25T01:26:00Z", DAY, "Asia/Ho_Chi_Minh", "2026-11-24T17:00:00"),
        ("2026-11-25T18:00:00Z", DAY, "Asia/Ho_Chi_Minh", "2026-11-25T17:00:00"),
        ("1960-01-01T00:00:01Z", HOUR, "UTC", "1960-01-01T00:00:00"),
        ("2026-07-01T12:00:00Z", DAY, "Europe/Berlin", "2026-06-30T22:00:00"),
        ("2026-12-01T12:00:00Z", DAY, "Europe/Berlin", "2026-11-30T23:00:00"),
        ("2026-10-25T22:30:00Z", DAY, "Europe/Berlin", "2026-10-24T22:00:00"),  # a day of 25 hours
    ],
)
def test_a_bucket_starts_on_the_wall_clock(text: str, interval: Micros, zone: str, expected: str) -> None:
    assert start_of(text, interval, zone) == expected


def test_one_event_of_the_year_1_does_not_move_the_buckets_of_today() -> None:
    steps = Steps(5 * MINUTE, "Asia/Ho_Chi_Minh", to_micros("2026-11-25"))
    at = to_micros("2026-11-25T01:26:00Z")
    sql = steps.sql(to_micros("0001-01-01"), at)
    local = duckdb.execute(f"SELECT {sql} FROM (SELECT {at}::BIGINT AS ts)").fetchall()[0][0]
    assert iso(steps.start(local))[:16] == "2026-11-25T01:25"


def test_gaps_are_filled_over_a_day_of_25_hours() -> None:
    steps = Steps(DAY, "Europe/Berlin", 0)
    span = Span(to_micros("2026-10-24T22:00:00Z"), to_micros("2026-10-27T00:00:00Z"))
    assert [iso(at)[:13] for at in steps.fill(span, [])] == ["2026-10-24T22", "2026-10-25T23", "2026-10-26T23"]


def test_an_open_span_has_the_buckets_found() -> None:
    assert Steps(HOUR, "UTC", 0).fill(Span(), {5: 1, 3: 1}) == [3, 5]
    assert Steps(HOUR, "UTC", 0).fill(Span(5, 5), []) == []


@pytest.mark.parametrize(("interval", "zone"), [(0, "UTC"), (HOUR, "Mars/Olympus"), (HOUR, "../../etc/passwd")])
def test_what_cannot_be_is_refused(interval: Micros, zone: str) -> None:
    with pytest.raises(BadInput):
        Steps(interval, zone, 0)


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(BadInput):
        Steps(SECOND, "UTC", 0).check_number(0, DAY)


def test_a_bucket_ends_where_the_next_begins_also_on_a_day_of_25_hours() -> None:
    start = to_micros("2026-10-24T22:00:00Z")
    assert iso(Steps(DAY, "Europe/Berlin", start).end(start))[:19] == "2026-10-25T23:00:00"
    assert Steps(5 * MINUTE, "UTC", start).end(start) == start + 5 * MINUTE
