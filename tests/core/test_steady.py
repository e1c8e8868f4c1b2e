"""Nothing is deleted early because a clock went wrong."""

from __future__ import annotations

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, StillClock
from core.db.database import Database
from core.steady import BEHIND, not_ahead, steady_now

START = 1_795_564_800 * SECOND


def now(database: Database, clock: StillClock, boot: str = "one") -> Micros:
    with database.write() as session:
        return steady_now(session, clock, boot)


def test_a_clock_that_runs_is_followed(database: Database) -> None:
    clock = StillClock(START)
    for _ in range(50):
        assert now(database, clock) == clock.now()
        clock.advance(HOUR / SECOND)
        clock.at += SECOND  # it is a little quick


def test_a_jump_ahead_is_believed_after_a_day(database: Database) -> None:
    clock = StillClock(START)
    now(database, clock)
    clock.at += 3 * DAY
    for hour in range(24):
        assert now(database, clock) == START + hour * HOUR
        clock.advance(HOUR / SECOND)
    assert now(database, clock) == clock.now()


def test_a_jump_ahead_that_is_set_right_has_changed_nothing(database: Database) -> None:
    clock = StillClock(START)
    now(database, clock)
    clock.at += 3 * DAY
    assert now(database, clock) == START
    clock.at -= 3 * DAY
    clock.advance(MINUTE / SECOND)
    assert now(database, clock) == START + MINUTE == clock.now()
    clock.at += 3 * DAY
    clock.advance(23 * HOUR / SECOND)
    assert now(database, clock) == START + MINUTE + 23 * HOUR


def test_a_jump_back_is_followed_and_the_way_forward_again_is_not_at_once(database: Database) -> None:
    clock = StillClock(START)
    now(database, clock)
    clock.at -= 3 * DAY
    assert now(database, clock) == START - 3 * DAY
    clock.at += 3 * DAY
    assert now(database, clock) == START - 3 * DAY


def test_a_machine_that_starts_with_another_time_is_believed_after_a_day(database: Database) -> None:
    clock = StillClock(START)
    clock.ticks = 5e6
    now(database, clock)
    clock.at, clock.ticks = START + 3 * DAY, 60.0
    assert now(database, clock, "two") == START + MINUTE
    clock.advance(DAY / SECOND)
    assert now(database, clock, "two") == clock.now()


def test_what_ends_a_delay_ends_late_while_the_clock_is_ahead(database: Database) -> None:
    clock = StillClock(START)
    with database.write() as session:
        assert not_ahead(session, START + DAY) == START + DAY, "nothing is known of the clock yet"
    now(database, clock)
    with database.read() as session:
        assert not_ahead(session, START + HOUR) == START + HOUR
        assert not_ahead(session, START + DAY) == START + BEHIND


def test_a_machine_that_is_off_every_night_is_believed_after_a_day_of_running(database: Database) -> None:
    clock = StillClock(START)
    now(database, clock, "day 0")
    behind = []
    for day in range(1, 8):
        clock.at, clock.ticks = START + day * DAY, MINUTE / SECOND
        for _ in range(10):
            clock.advance(HOUR / SECOND)
            deleted_by = now(database, clock, f"day {day}")
        behind.append((clock.now() - deleted_by) // DAY)
    assert max(behind) <= 3
    assert behind.count(0) >= 2, behind
