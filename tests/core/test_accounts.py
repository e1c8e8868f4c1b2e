"""People sign in, wait, and lose their rights as they should; secrets are never kept."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core import accounts, audit
from core.accounts import Role, TokenScope
from core.audit import Actor
from core.clock import MINUTE, SECOND
from core.db.database import Database
from core.db.models import Audit, Session, SignInLink, Token, User
from core.errors import BadInput, Conflict, NotFound, Refused

NOW = 1_795_000_000 * SECOND
CLI = Actor("duclm", "cli")
PASSWORD = "bốn con ngựa trắng"


def person(database: Database, name: str = "hanhnt", role: Role = Role.ANALYST) -> User:
    with database.write() as session:
        return accounts.add_user(session, CLI, name, role, now=NOW)


@pytest.mark.parametrize(
    ("password", "why"),
    [("short", "12 to 256"), ("x" * 257, "12 to 256"), ("aaaabbbbaaaabbbb", "repeats"), ("xx-HanhNT-1945", "own name")],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        accounts.check_password(password, "hanhnt")


def test_a_password_is_known_in_either_normal_form() -> None:
    accounts.check_password(PASSWORD, "hanhnt")
    kept = accounts.hash_password(PASSWORD)
    assert PASSWORD not in kept
    assert accounts.is_password(kept, "bo\u0302\u0301n con ngu\u031b\u0323a tra\u0306\u0301ng")
    assert not accounts.is_password(kept, "bon con ngua trang")
    assert not accounts.is_password(None, PASSWORD)


def test_the_wait_grows_and_ends_at_a_quarter_of_an_hour() -> None:
    waits = [accounts.wait_after(n) // SECOND for n in range(16)]
    assert waits[:6] == [0, 0, 0, 1, 2, 4]
    assert waits[-1] == 900
    assert accounts.wait_after(10_000) == 15 * MINUTE


def test_a_wrong_password_is_counted_and_written_down(database: Database) -> None:
    person(database)
    with database.write() as session:
        user = accounts.find_user(session, "hanhnt")
        for _ in range(5):
            accounts.refuse_while_waiting(user, NOW)
            accounts.note_failure(session, Actor("hanhnt", "console"), user, "hanhnt", now=NOW - MINUTE)
        accounts.note_failure(session, Actor("hanhnt", "console"), user, "hanhnt", now=NOW)
        with pytest.raises(accounts.Wait) as caught:
            accounts.refuse_while_waiting(user, NOW)
        accounts.refuse_while_waiting(user, NOW + 8 * SECOND)
        accounts.note_failure(session, Actor("?", "console"), None, "nobody", now=NOW)
    assert caught.value.seconds == 8
    with database.read() as session:
        entries = session.scalars(select(Audit.action)).all()
    assert entries.count("sign_in.failed") == 7


def test_a_link_signs_in_once_and_a_newer_one_ends_it(database: Database) -> None:
    user = person(database)
    with database.write() as session:
        first = accounts.make_link(session, CLI, user, now=NOW)
        second = accounts.make_link(session, CLI, user, now=NOW)
    with database.write() as session:
        with pytest.raises(Refused):
            accounts.use_link(session, first, now=NOW)
        assert accounts.use_link(session, second, now=NOW).name == "hanhnt"
        with pytest.raises(Refused):
            accounts.use_link(session, second, now=NOW)
        third = accounts.make_link(session, CLI, user, now=NOW)
        with pytest.raises(Refused):
            accounts.use_link(session, third, now=NOW + accounts.LINK_LIFE)
        kept = session.scalars(select(SignInLink.hash)).all()
    assert not {first, second, third} & set(kept)


def test_the_first_person_gets_a_link_until_somebody_has_signed_in(database: Database) -> None:
    with database.write() as session:
        accounts.first_person(session, now=NOW)  # by a token made before the first start
        lost, link = accounts.first_link(session, now=NOW), accounts.first_link(session, now=NOW)
        assert lost is not None
        assert link is not None
        with pytest.raises(Refused):
            accounts.use_link(session, lost, now=NOW)
        accounts.first_person(session, now=NOW)
        user = accounts.use_link(session, link, now=NOW)
        assert user.role == Role.ADMIN
        assert accounts.first_link(session, now=NOW) is None
        assert [u.name for u in session.scalars(select(User))] == ["admin"]


def test_nobody_gets_a_first_link_beside_others(database: Database) -> None:
    person(database)
    with database.write() as session:
        assert accounts.first_link(session, now=NOW) is None


def test_sessions_end_by_time_sign_out_and_loss_of_rights(database: Database) -> None:
    user = person(database)
    with database.write() as session:
        a, b, c = (accounts.open_session(session, user, now=NOW, address="127.0.0.1", way="password") for _ in range(3))
    with database.write() as session:
        found = accounts.find_session(session, a, now=NOW)
        assert found is not None
        assert found[1].name == "hanhnt"
        assert accounts.find_session(session, a, now=NOW + accounts.SESSION_LIFE) is None
        assert accounts.find_session(session, "guess", now=NOW) is None
        accounts.close_session(session, CLI, accounts.digest(a), now=NOW)
        assert accounts.find_session(session, a, now=NOW) is None
        with pytest.raises(NotFound):
            accounts.close_session(session, CLI, accounts.digest(a), now=NOW)
        accounts.set_password(session, CLI, user, accounts.hash_password(PASSWORD), now=NOW, keep=accounts.digest(b))
        assert accounts.find_session(session, b, now=NOW) is not None
        assert accounts.find_session(session, c, now=NOW) is None
        accounts.change_user(session, CLI, "hanhnt", now=NOW, scope='kydai.agency: "Sở Y tế"')
        assert accounts.find_session(session, b, now=NOW) is None
        assert session.scalars(select(Session)).all() == []


@pytest.mark.parametrize(
    "scope", ["host.name: x", "kydai.system: (", "kydai.system: a or user.name: b", '"only words"']
)
def test_a_scope_over_anything_else_is_never_kept(database: Database, scope: str) -> None:
    with pytest.raises(BadInput), database.write() as session:
        accounts.add_user(session, CLI, "khoa", Role.AUDITOR, now=NOW, scope=scope)
    with database.write() as session:
        accounts.add_user(session, CLI, "khoa", Role.AUDITOR, now=NOW)
    with pytest.raises(BadInput), database.write() as session:
        accounts.change_user(session, CLI, "khoa", now=NOW, scope=scope)


def test_the_last_admin_stays(database: Database) -> None:
    person(database, "root1", Role.ADMIN)
    with database.write() as session:
        for change in ({"role": Role.AUDITOR}, {"is_disabled": True}):
            with pytest.raises(Refused, match="only admin"):
                accounts.change_user(session, CLI, "root1", now=NOW, **change)
        accounts.add_user(session, CLI, "root2", Role.ADMIN, now=NOW)
        accounts.change_user(session, CLI, "root1", now=NOW, is_disabled=True)
        with pytest.raises(Refused, match="disabled"):
            accounts.make_link(session, CLI, accounts.find_user(session, "root1"), now=NOW)


def test_names_are_checked_and_unique(database: Database) -> None:
    person(database)
    with database.write() as session:
        with pytest.raises(Conflict):
            accounts.add_user(session, CLI, "hanhnt", Role.ADMIN, now=NOW)
        for name in ("", "Hanh", "a b", "../x", "x" * 65):
            with pytest.raises(BadInput):
                accounts.add_user(session, CLI, name, Role.ADMIN, now=NOW)
        with pytest.raises(NotFound):
            accounts.find_user(session, "nobody")


def test_a_token_lives_until_it_is_revoked_is_over_or_its_owner_goes(database: Database) -> None:
    user = person(database)
    with database.write() as session:
        row, text = accounts.make_token(session, CLI, user, "web01", TokenScope.INGEST, now=NOW)
        _, other = accounts.make_token(session, CLI, user, "script", TokenScope.API, now=NOW)
        assert text.startswith(f"kydai_{row.id}_")
        holder = accounts.find_token(session, text, now=NOW)
        assert holder is not None
        assert (holder.token_name, holder.scope, holder.user.name) == ("web01", TokenScope.INGEST, "hanhnt")
        for wrong in ("", "kydai_1_", text[:-1] + "?", f"kydai_99_{text.split('_', 2)[2]}", text.replace("_", "-")):
            assert accounts.find_token(session, wrong, now=NOW) is None
        assert accounts.find_token(session, text, now=NOW + accounts.TOKEN_LIFE) is None
        accounts.revoke_token(session, CLI, "web01", now=NOW)
        assert accounts.find_token(session, text, now=NOW) is None
        assert accounts.find_token(session, other, now=NOW) is not None
        accounts.add_user(session, CLI, "chief", Role.ADMIN, now=NOW)
        accounts.change_user(session, CLI, "hanhnt", now=NOW, is_disabled=True)
        assert accounts.find_token(session, other, now=NOW) is None
        with pytest.raises(Conflict):
            accounts.make_token(session, CLI, user, "web01", TokenScope.INGEST, now=NOW)
        with pytest.raises(NotFound):
            accounts.revoke_token(session, CLI, "nothing", now=NOW)
        assert text.split("_", 2)[2] not in session.scalars(select(Token.hash)).all()


def test_every_change_is_in_the_journal_and_the_chain_holds(database: Database) -> None:
    user = person(database)
    with database.write() as session:
        accounts.make_link(session, CLI, user, now=NOW)
        accounts.set_password(session, CLI, user, accounts.hash_password(PASSWORD), now=NOW)
        accounts.change_user(session, CLI, "hanhnt", now=NOW, full_name="Nguyễn Thị Hạnh")
        accounts.change_user(session, CLI, "hanhnt", now=NOW, full_name="Nguyễn Thị Hạnh")
    with database.read() as session:
        entries = session.scalars(select(Audit).order_by(Audit.seq)).all()
        assert [e.action for e in entries] == ["user.add", "user.link", "user.password", "user.change"]
        assert audit.verify(entries).is_whole
        assert entries[3].after == {"full_name": "Nguyễn Thị Hạnh"}


def test_only_those_who_triage_can_be_given_work(database: Database) -> None:
    person(database)
    person(database, "trangpt", Role.AUDITOR)
    person(database, "gone")
    with database.write() as session:
        accounts.find_user(session, "gone").is_disabled = True
    with database.read() as session:
        accounts.known_assignee(session, "hanhnt")
        for name in ("trangpt", "gone", "nobody"):
            with pytest.raises(BadInput, match=name):
                accounts.known_assignee(session, name)
