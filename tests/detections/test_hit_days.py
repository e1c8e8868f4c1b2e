"""Hits by day, as the list of rules tells them."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, SECOND, to_micros
from core.db.database import Database
from core.db.models import Alert
from detections.hit_days import DAYS, hit_days, hit_lately, save

ZONE = "Asia/Ho_Chi_Minh"
NOW = to_micros("2026-11-25T16:59:00+00:00")  # 23:59 there


def alarm(rule: str, at: int, **more: object) -> Alert:
    facts = {"first_at": at, "last_at": at, "received_at": at, "created_at": at, "updated_at": at} | more
    return Alert(fold_key=f"{rule}{at}", kind="correlation", rule_id=rule, rule_title={}, level="high", **facts)


def test_hits_go_to_the_day_on_the_wall_clock_and_add_up(database: Database) -> None:
    for at, hits in ((NOW, {"a": 2}), (NOW + SECOND, {"a": 3, "b": 1}), (NOW + HOUR, {"a": 7})):
        with database.write() as session:
            save(session, hits, ZONE, at)
    with database.read() as session:
        told = hit_days(session, ZONE, NOW + HOUR)
    assert told.of("a")[-3:] == [0, 5, 7]
    assert told.of("b")[-2:] == [1, 0]
    assert told.of("c") == [0] * DAYS
    assert told.counted_from == told.days[-2] == to_micros("2026-11-25T00:00:00+07:00")


def test_where_summer_ends_the_days_have_one_midnight_each(database: Database) -> None:
    now = to_micros("2026-11-05T12:00:00+01:00")
    with database.write() as session:
        save(session, {"a": 1}, "Europe/Paris", to_micros("2026-10-25T23:30:00+01:00"))
    with database.read() as session:
        told = hit_days(session, "Europe/Paris", now)
    assert len(set(told.days)) == DAYS
    assert told.of("a")[-12:-10] == [1, 0]


@pytest.mark.parametrize("later", ["Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Europe/London"])
def test_another_zone_hides_nothing_that_was_counted(database: Database, later: str) -> None:
    for at, count in ((NOW - 3 * DAY, 5), (NOW - 23 * HOUR, 7)):  # the second at one o'clock of the day that ends
        with database.write() as session:
            save(session, {"a": count}, ZONE, at)
    with database.read() as session:
        at_once, at_the_end = hit_days(session, later, NOW - 23 * HOUR), hit_days(session, later, NOW)
    assert sorted(at_once.of("a")) == sorted(at_the_end.of("a")) == [*[0] * (DAYS - 2), 5, 7]
    for told in (at_once, at_the_end):
        assert told.counted_from == told.days[told.of("a").index(5)]


def test_a_correlation_tells_the_alerts_that_it_raised(database: Database) -> None:
    with database.write() as session:
        session.add_all(
            [alarm("c", NOW), alarm("c", NOW - DAY), alarm("c", NOW - 40 * DAY), alarm("c", NOW - 1, joined_to=1)]
        )
    with database.read() as session:
        told = hit_days(session, ZONE, NOW)
    assert (sum(told.of("c")), told.of("c")[-2:], told.counted_from) == (2, [1, 1], None)


def test_what_matched_lately_did_so_within_thirty_days(database: Database) -> None:
    with database.write() as session:
        save(session, {"new": 1}, ZONE, NOW - 29 * DAY)
        save(session, {"old": 1}, ZONE, NOW - 32 * DAY)
        session.add(alarm("raised", NOW - DAY))
    with database.read() as session:
        assert hit_lately(session, NOW) == {"new", "raised"}
