from __future__ import annotations

from dataclasses import replace

from core.clock import DAY, HOUR, iso, to_micros
from core.store.contract import Hold, Span
from core.store.retention import DEFAULT_POLICY, Policy, expired, held_by, kept_until, months_later
from tests.core.store.conformance import START
from tests.core.store.test_catalog import segment


def test_months_end_on_a_day_that_exists() -> None:
    assert iso(months_later(to_micros("2026-08-31T10:00:00Z"), 6)) == "2027-02-28T10:00:00.000000Z"
    assert iso(months_later(to_micros("2026-11-25"), 12)) == "2027-11-25T00:00:00.000000Z"


def test_a_segment_is_kept_for_its_longest_class_from_the_end_of_its_day() -> None:
    policy = Policy({"a": 1, "b": 3}, otherwise=12)
    assert kept_until(replace(segment("x"), classes=("a", "b")), policy) == to_micros("2027-02-26")
    assert kept_until(replace(segment("x"), classes=("a",)), policy) == to_micros("2026-12-26")
    assert kept_until(replace(segment("x"), classes=("who knows",)), policy) == to_micros("2027-11-26")


def test_the_default_is_three_to_twelve_months_by_level() -> None:
    assert [DEFAULT_POLICY.of(f"level{i}") for i in range(1, 6)] == [3, 3, 6, 12, 12]


def test_only_what_is_old_and_not_held_expires() -> None:
    old = replace(segment("old"), min_received=START - 400 * DAY, max_received=START - 400 * DAY)
    assert expired([old, segment("new")], [], DEFAULT_POLICY, START) == {"level3: 6 months": [old]}
    hold = Hold("h", Span(None, START - 300 * DAY), "why", START)
    assert expired([old], [hold], DEFAULT_POLICY, START) == {}


def test_a_hold_meets_what_a_spool_may_have_taken_in_its_hour() -> None:
    received = segment("x")
    assert held_by(received, [Hold("h", Span(START + HOUR // 2, None), "why", START)])
    assert not held_by(received, [Hold("h", Span(START + 2 * HOUR, None), "why", START)])
    assert not held_by(received, [Hold("h", Span(None, START), "why", START)])
