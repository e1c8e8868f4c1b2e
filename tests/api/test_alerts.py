"""What was seen before."""

from __future__ import annotations

from api.alerts import Seen, seen_before
from core.clock import DAY
from core.db.database import Database
from tests.api.conftest import NOW
from tests.api.rows import alert


def test_verdicts_are_told_apart_by_host() -> None:
    seen = Seen([("r", "a", "benign", 3), ("r", "a", None, 1), ("r", "b", "true_positive", 2), ("x", "a", "benign", 9)])
    told = seen.of("r", "a")
    assert (told.here.total, told.here.benign) == (4, 3)
    assert (told.elsewhere.total, told.elsewhere.true_positive) == (2, 2)
    assert seen.of("nothing", "a").here.total == 0


def test_only_closed_ones_of_ninety_days_count(database: Database) -> None:
    with database.write() as session:
        session.add_all(
            [
                alert(status="closed", verdict="benign"),
                alert(status="closed", verdict="benign", created_at=NOW - 91 * DAY),
                alert(),
            ]
        )
    with database.read() as session:
        assert seen_before(session, {"ssh"}, NOW).of("ssh", "web01").here.benign == 1
