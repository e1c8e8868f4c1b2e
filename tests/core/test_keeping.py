"""What is kept for how long: lengthening at once, shortening by two keys and a day later, all in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import keeping
from core.audit import Actor, verify_stored
from core.clock import DAY, HOUR, SECOND
from core.db.database import Database, migrate, open_database, sqlite_url
from core.db.models import Audit
from core.errors import BadInput, Conflict, NotFound, Refused
from core.keeping import Kept, Waiting
from core.store.retention import DEFAULT_POLICY, Policy

NOW = 1_795_571_528 * SECOND
ANNA = Actor("anna", "console")


def wish(**months: int) -> Policy:
    return Policy({**DEFAULT_POLICY.months, **months}, DEFAULT_POLICY.otherwise)


SHORTER = wish(level3=3)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_database(sqlite_url(tmp_path))
    migrate(made)
    with made.write() as session:
        keeping.settle(session, DEFAULT_POLICY, {"level3"}, NOW)
    yield made
    with made.read() as session:
        assert verify_stored(session).is_whole
    made.close()


def of(session: Session, name: str, wish: Policy) -> Kept:
    return next(kept for kept in keeping.standing(session, wish) if kept.name == name)


def journal(session: Session) -> list[tuple[str, str, str]]:
    return [(e.actor, e.action, e.object) for e in session.scalars(select(Audit).order_by(Audit.seq))]


def ask(session: Session, **changes: object) -> Kept:
    values: dict[str, object] = {"reason": "đĩa nhỏ", "confirmed": "level3", "wish": SHORTER, "now": NOW} | changes
    name, months = str(values.pop("name", "level3")), values.pop("months", 3)
    return keeping.shorten(session, ANNA, name, months, **values)  # type: ignore[arg-type]


def test_the_first_look_takes_what_the_settings_ask_for(database: Database) -> None:
    with database.read() as session:
        assert keeping.in_force(session, DEFAULT_POLICY) == DEFAULT_POLICY
        assert of(session, "level3", DEFAULT_POLICY) == Kept("level3", 6, 6, NOW)
        assert journal(session) == []


def test_a_folder_begins_once(database: Database) -> None:
    with database.write() as session:
        keeping.begin(session, wish(level3=1, level5=24), NOW + HOUR)
        assert keeping.in_force(session, DEFAULT_POLICY) == DEFAULT_POLICY


def test_settings_lengthen_at_once_and_shorten_nothing(database: Database) -> None:
    with database.write() as session:
        keeping.settle(session, wish(level3=3, level1=9), {"level3"}, NOW + HOUR)
        assert of(session, "level3", SHORTER) == Kept("level3", 3, 6, NOW)
        assert of(session, "level3", SHORTER).may_shorten
        assert of(session, "level1", wish(level1=3)) == Kept("level1", 3, 9, NOW + HOUR)
        assert journal(session) == [("maintenance", "retention.lengthened", "retention:level1")]


def test_a_shortening_is_in_force_a_day_after_it_was_confirmed(database: Database) -> None:
    with database.write() as session:
        kept = ask(session)
        assert kept.waiting == Waiting(3, NOW + DAY, NOW, "anna", "đĩa nhỏ")
    for at, months in ((NOW + DAY - 1, 6), (NOW + DAY, 3), (NOW + 2 * DAY, 3)):
        with database.write() as session:
            assert keeping.in_force(session, SHORTER).of("level3") == (6 if at <= NOW + DAY else 3)
            keeping.settle(session, SHORTER, {"level3"}, at)
            assert keeping.in_force(session, SHORTER).of("level3") == months
    with database.read() as session:
        assert of(session, "level3", SHORTER) == Kept("level3", 3, 3, NOW + DAY)
        assert journal(session) == [
            ("anna", "retention.shorten", "retention:level3"),
            ("maintenance", "retention.shortened", "retention:level3"),
        ]
        assert [e.reason for e in session.scalars(select(Audit))] == ["đĩa nhỏ", "đĩa nhỏ"]


def test_a_shortening_is_cancelled(database: Database) -> None:
    with database.write() as session:
        ask(session)
        keeping.cancel(session, ANNA, "level3", reason="nhầm", now=NOW)
        keeping.settle(session, SHORTER, {"level3"}, NOW + 2 * DAY)
        assert of(session, "level3", SHORTER) == Kept("level3", 3, 6, NOW)
        assert [action for _, action, _ in journal(session)] == ["retention.shorten", "retention.cancel"]
        with pytest.raises(NotFound):
            keeping.cancel(session, ANNA, "level3", reason="", now=NOW)


def test_longer_settings_take_a_shortening_back(database: Database) -> None:
    with database.write() as session:
        ask(session)
        keeping.settle(session, DEFAULT_POLICY, {"level3"}, NOW + HOUR)
        assert of(session, "level3", DEFAULT_POLICY) == Kept("level3", 6, 6, NOW)
        assert journal(session)[-1] == ("maintenance", "retention.cancel", "retention:level3")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"reason": "  "}, BadInput),
        ({"confirmed": "level4"}, BadInput),
        ({"months": 6}, BadInput),
        ({"months": 0}, BadInput),
        ({"months": 2}, Refused),
        ({"wish": DEFAULT_POLICY}, Refused),
        ({"name": "nothing"}, NotFound),
    ],
)
def test_what_cannot_be_shortened(database: Database, changes: dict[str, object], kind: type[Exception]) -> None:
    with database.write() as session:
        with pytest.raises(kind):
            ask(session, **changes)
        assert journal(session) == []


def test_one_shortening_of_a_class_waits_at_a_time(database: Database) -> None:
    with database.write() as session:
        ask(session, months=4)
        with pytest.raises(Conflict):
            ask(session)


def test_a_class_that_gets_a_name_later_keeps_what_it_had(database: Database) -> None:
    named = wish(web=2, new=1)
    with database.write() as session:
        keeping.settle(session, named, {"web", "level3"}, NOW + HOUR)
        assert of(session, "web", named) == Kept("web", 2, 12, NOW + HOUR), "it was one that nobody had named"
        assert of(session, "new", named) == Kept("new", 1, 1, NOW + HOUR), "nothing of it is kept"
        keeping.settle(session, DEFAULT_POLICY, {"web"}, NOW + 2 * HOUR)
        assert of(session, "web", DEFAULT_POLICY).months == 12
        assert of(session, "new", DEFAULT_POLICY).months == 12
