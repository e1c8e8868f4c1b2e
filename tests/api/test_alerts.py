"""What was seen before, and who can be given an alert."""

from __future__ import annotations

import pytest

from api.alerts import Seen, known_assignee, seen_before
from core import accounts
from core.accounts import Role
from core.clock import DAY
from core.db.database import Database
from core.errors import BadInput
from tests.api.conftest import CLI, NOW
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


def test_only_those_who_triage_can_be_given_one(database: Database) -> None:
    with database.write() as session:
        accounts.add_user(session, CLI, "hanhnt", Role.ANALYST, now=0)
        accounts.add_user(session, CLI, "trangpt", Role.AUDITOR, now=0)
        accounts.add_user(session, CLI, "gone", Role.ANALYST, now=0).is_disabled = True
    with database.read() as session:
        known_assignee(session, "hanhnt")
        for name in ("trangpt", "gone", "nobody"):
            with pytest.raises(BadInput):
                known_assignee(session, name)
