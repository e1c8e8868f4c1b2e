"""What goes when, what a hold keeps, and when the disk is full."""

from __future__ import annotations

from core.clock import DAY, HOUR
from core.store.contract import Hold, Part, Span
from core.store.outlook import (
    HORIZON,
    Amount,
    Forecast,
    amount,
    by_classes,
    due,
    forecast,
    frozen,
    goes_earlier,
    growth,
    oldest_of,
)
from core.store.retention import DEFAULT_POLICY, Policy
from tests.core.store.conformance import START

GB = 1_000_000_000


def part(days: int, *classes: str, bytes: int = GB, length: int = DAY - 1) -> Part:
    """What was received in a day, so many days ago."""
    at = START - days * DAY
    return Part(f"{days} {classes}", classes or ("level3",), at, at + length, at, 1_000, bytes)


def policy(**months: int) -> Policy:
    return Policy({**DEFAULT_POLICY.months, **months}, DEFAULT_POLICY.otherwise)


def test_parts_of_several_classes_are_counted_by_themselves() -> None:
    found = by_classes([part(2), part(1), part(1, "level1", "level3")], START)
    assert list(found) == [("level1", "level3"), ("level3",)]
    assert found["level3",] == Amount(2, 2_000, 2 * GB, START - 2 * DAY, START - 1)
    assert oldest_of([part(2), part(1, "level1", "level3")]) == {"level3": START - 2 * DAY, "level1": START - DAY}
    assert amount([], START) == Amount()


def test_an_index_that_is_still_written_to_ends_now() -> None:
    assert amount([part(2, length=7 * DAY)], START).last == START


def test_a_shorter_policy_takes_what_the_longer_keeps_and_no_more() -> None:
    parts = [part(400), part(150), part(100, "level4"), part(10)]
    found = goes_earlier(parts, [], DEFAULT_POLICY, policy(level3=3), START)
    assert found == [parts[1]], "the first is due anyway, the third is of another class"
    hold = Hold("vu-1", Span(START - 151 * DAY, START - 140 * DAY), "", START)
    assert frozen(parts, hold) == [parts[1]]
    assert goes_earlier(parts, [hold], DEFAULT_POLICY, policy(level3=3), START) == []
    assert due(parts, [], DEFAULT_POLICY, START) == [parts[0]]


def test_growth_is_measured_from_the_first_whole_day() -> None:
    assert growth([], START) is None
    assert growth([part(0, length=HOUR)], START + 23 * HOUR) is None
    assert growth([part(n) for n in (1, 2, 3)], START) == {("level3",): GB}
    older = [part(n, bytes=50 * GB) for n in range(8, 60)]
    assert growth([part(n) for n in range(1, 8)] + older, START) == {("level3",): GB}, "of the last week only"


def test_an_index_of_a_week_counts_by_the_time_that_lies_within() -> None:
    weeks = [part(14, bytes=14 * GB, length=7 * DAY), part(7, bytes=7 * GB, length=7 * DAY)]
    assert growth(weeks, START - 3 * DAY - DAY // 2) == {("level3",): 2 * GB}, "7 GB of the first, 7 GB until now"


def test_days_left_at_the_measured_growth() -> None:
    parts = [part(n) for n in range(1, 8)]
    assert forecast(parts, [], DEFAULT_POLICY, 30 * GB, START) == Forecast(GB, 30)
    assert forecast(parts, [], DEFAULT_POLICY, 0, START) == Forecast(GB, 0)
    assert forecast(parts, [], DEFAULT_POLICY, 1000 * GB, START).days is None
    assert forecast([], [], DEFAULT_POLICY, GB, START) == Forecast(None, None)
    assert forecast([], [], DEFAULT_POLICY, -1, START) == Forecast(None, 0)


def test_what_becomes_due_makes_room_and_what_is_held_does_not() -> None:
    parts = [part(n) for n in range(1, 190)]  # half a year: as much goes as comes
    assert forecast(parts, [], DEFAULT_POLICY, 20 * GB, START) == Forecast(GB, None)
    hold = Hold("vu-1", Span(None, None), "", START)
    assert forecast(parts, [hold], DEFAULT_POLICY, 20 * GB, START) == Forecast(GB, 20)


def test_a_short_policy_reaches_a_steady_state_within_the_horizon() -> None:
    parts = [part(n) for n in range(1, 8)]
    assert forecast(parts, [], policy(level3=1), 20 * GB, START).days == 20
    assert forecast(parts, [], policy(level3=1), 40 * GB, START).days is None
    assert HORIZON >= 365
