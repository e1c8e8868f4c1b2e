"""The daily backup is due once a day at its time, is tried again when it failed, and is told of when it is wanting."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from core import backups
from core.clock import DAY, HOUR, MINUTE, to_micros
from core.db.database import Database
from core.errors import Unavailable, failure
from core.words import Text

ZONE = "Asia/Ho_Chi_Minh"
NIGHT = to_micros("2026-11-25T02:30:00+07:00")


def due(found: backups.Last | None, now: int) -> bool:
    assert found is not None
    return backups.is_due(found, now, "02:30", ZONE)


def test_the_first_is_due_at_once_and_then_each_day_at_its_time(database: Database) -> None:
    noon = NIGHT + 9 * HOUR
    with database.write() as session:
        backups.begin(session, noon)
        assert due(backups.last(session), noon)
        backups.succeeded(session, "/b/1", 5, noon)
        taken = backups.last(session)
    assert not due(taken, noon + MINUTE)
    assert not due(taken, NIGHT + DAY - 1)
    assert due(taken, NIGHT + DAY)
    assert due(taken, noon + 10 * DAY), "the machine was off at its time"
    assert due(taken, noon - HOUR), "the clock went back behind it: nobody knows how long"


def test_one_that_failed_is_tried_again_an_hour_later(database: Database) -> None:
    with database.write() as session:
        backups.begin(session, NIGHT)
        backups.failed(session, failure(Unavailable, "backup.error.busy"), NIGHT)
        found = backups.last(session)
    assert not due(found, NIGHT + HOUR - 1)
    assert due(found, NIGHT + HOUR)


def test_what_is_wrong_is_told_in_both_languages(database: Database) -> None:
    def trouble(session: Session, now: int) -> Text:
        found = backups.trouble(session, now)
        assert found is not None
        return found

    with database.write() as session:
        assert backups.trouble(session, NIGHT) is None
        backups.begin(session, NIGHT)
        backups.begin(session, NIGHT + DAY)
        assert backups.trouble(session, NIGHT + 2 * DAY) is None
        assert "For 2 d" in trouble(session, NIGHT + 2 * DAY + 1)["en"]
        backups.failed(session, OSError(28, "full"), NIGHT)
        assert trouble(session, NIGHT) == {
            "vi": "Sao lưu hằng ngày không thành công: đĩa đã đầy",
            "en": "The daily backup failed: No space left on device",
        }
        backups.succeeded(session, "/b/1", 5, NIGHT)
        assert backups.trouble(session, NIGHT + 2 * DAY) is None
        assert "is 3 d old" in trouble(session, NIGHT + 3 * DAY)["en"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Ho_Chi_Minh"])
def test_its_time_is_that_of_the_house(zone: str) -> None:
    found = backups.Last(NIGHT, at=NIGHT)
    assert backups.is_due(found, NIGHT + 7 * HOUR, "02:30", zone) is (zone == "UTC")
