"""Searches under names: who sees which, hostile names, what no longer parses, and undoing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core import accounts, saved
from core.accounts import Role
from core.audit import Actor
from core.clock import SECOND
from core.db.database import Database
from core.db.models import Audit, SavedSearch
from core.errors import BadInput, Conflict, NotFound
from core.query.problems import QueryError
from core.saved import Question

NOW = 1_795_571_528 * SECOND
ZONE = "Asia/Ho_Chi_Minh"
HANH = Actor("hanhnt", "console")
ASKED = Question("user.name: root | count by host.name", "now-24h", "now", ("user.name", "*"))


def keep(
    session: Any, name: str, *, owner: str = "hanhnt", shared: bool = False, asked: Question = ASKED
) -> SavedSearch:
    return saved.add(session, HANH, owner, name, asked, is_shared=shared, now=NOW, zone=ZONE)[0]


def test_ones_own_come_first_and_a_scope_sees_what_its_own_people_share(database: Database) -> None:
    with database.write() as session:
        for name, scope in (
            ("hanhnt", ""),
            ("lan", "kydai.system: a"),
            ("nam", "kydai.system: a"),
            ("ty", "kydai.system: b"),
        ):
            accounts.add_user(session, HANH, name, Role.ANALYST, now=NOW, scope=scope)
            keep(session, f"riêng của {name}", owner=name)
            keep(session, f"chung của {name}", owner=name, shared=True)
        keep(session, "từ dòng lệnh", owner="os:root", shared=True)
    with database.read() as session:
        seen = {
            w: [r.name for r in saved.visible(session, w, s)] for w, s in (("hanhnt", ""), ("nam", "kydai.system: a"))
        }
    assert seen["hanhnt"] == [
        "chung của hanhnt",
        "riêng của hanhnt",
        "chung của lan",
        "chung của nam",
        "chung của ty",
        "từ dòng lệnh",
    ]
    assert seen["nam"] == ["chung của nam", "riêng của nam", "chung của lan"]


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 101, "a\nb", "a\x1b[31m", "\u202egnol", "a\u200bb", "\ufeff", "a\u2028b"]
)
def test_a_name_shows_what_it_is(database: Database, name: str) -> None:
    with pytest.raises(BadInput), database.write() as session:
        keep(session, name)


def test_a_name_is_kept_composed_and_is_one_of_its_owner(database: Database) -> None:
    with database.write() as session:
        assert keep(session, " Đăng nhâ\u0323p <img src=x> ").name == "Đăng nhập <img src=x>"
        keep(session, "Đăng nhập <img src=x>", owner="lan")
    with pytest.raises(Conflict), database.write() as session:
        keep(session, "Đăng nhập <img src=x>")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (Question("a: (", "now-1h", "now"), QueryError),
        (Question("a: 1", "yesterday", "now"), BadInput),
        (Question("a: 1", "now", "now-1h"), BadInput),
    ],
)
def test_what_cannot_be_asked_is_not_kept(database: Database, asked: Question, error: type[BadInput]) -> None:
    with pytest.raises(error), database.write() as session:
        keep(session, "x", asked=asked)


def test_one_owner_keeps_so_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MAX_OF_ONE", 1)
    with database.write() as session:
        keep(session, "một")
    with pytest.raises(BadInput), database.write() as session:
        keep(session, "hai")


def test_a_query_that_no_longer_parses_says_where(database: Database) -> None:
    with database.write() as session:
        row = keep(session, "x")
        assert saved.problem_of(row, NOW, ZONE) is None
        row.query = "user.name: root and fuzzy~2"
        problem = saved.problem_of(row, NOW, ZONE)
    assert problem is not None
    assert problem.position == 25


def test_a_search_is_found_by_its_name_or_its_owners(database: Database) -> None:
    with database.write() as session:
        for owner in ("hanhnt", "lan"):
            keep(session, "đăng nhập", owner=owner)
        keep(session, "quét cổng")
    with database.read() as session:
        assert saved.find(session, "quét cổng").owner == "hanhnt"
        assert saved.find(session, "lan/đăng nhập").owner == "lan"
        with pytest.raises(Conflict, match="hanhnt/đăng nhập, lan/đăng nhập"):
            saved.find(session, "đăng nhập")
        with pytest.raises(NotFound, match="near to it: quét cổng"):
            saved.find(session, "quet cong")
        with pytest.raises(NotFound):
            saved.find(session, "nope")


def test_changes_and_removals_are_in_the_journal_and_undone(database: Database) -> None:
    with database.write() as session:
        row = keep(session, "x")
        number, before = row.id, saved.state_of(row)
        saved.change(session, HANH, row, name="y", question=ASKED, is_shared=True, now=NOW, zone=ZONE, version=NOW)
        after = saved.state_of(row)
        assert saved.put_back(session, HANH, number, before, after, NOW).name == "x"
        with pytest.raises(Conflict):
            saved.put_back(session, HANH, number, before, after, NOW)
        saved.remove(session, HANH, row, now=NOW, version=saved.version_of(row))
        assert saved.put_back(session, HANH, number, before, None, NOW).id == number
    with database.read() as session:
        assert saved.state_of(session.get_one(SavedSearch, number)) == before
        actions = session.scalars(select(Audit.action).order_by(Audit.seq)).all()
    assert actions == ["search.save", "search.change", "search.undo", "search.remove", "search.undo"]


def test_a_change_over_one_that_was_not_seen_is_refused(database: Database) -> None:
    with database.write() as session:
        row = keep(session, "x")
        seen = saved.version_of(row)
        saved.change(session, HANH, row, name="y", question=ASKED, is_shared=True, now=NOW, zone=ZONE, version=seen)
        with pytest.raises(Conflict, match="changed the search “y” meanwhile"):
            saved.change(session, HANH, row, name="z", question=ASKED, is_shared=True, now=NOW, zone=ZONE, version=seen)
        with pytest.raises(Conflict):
            saved.remove(session, HANH, row, now=NOW, version=seen)
        assert (row.name, saved.version_of(row) > seen) == ("y", True)
        saved.remove(session, HANH, row, now=NOW, version=saved.version_of(row))


def test_what_has_a_new_owner_of_its_name_is_not_put_back(database: Database) -> None:
    with database.write() as session:
        row = keep(session, "x")
        before = saved.state_of(row)
        saved.remove(session, HANH, row, now=NOW, version=saved.version_of(row))
        keep(session, "x")
        with pytest.raises(Conflict):
            saved.put_back(session, HANH, row.id + 1_000, before, None, NOW)
