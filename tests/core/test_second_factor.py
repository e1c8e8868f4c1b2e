"""One-time codes count once, within a step of the clock; recovery codes once each."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import select

from core import accounts, second_factor
from core.accounts import Role
from core.audit import Actor
from core.clock import SECOND, Micros
from core.db.database import Database
from core.db.models import Audit, RecoveryCode, User
from core.errors import Conflict, Refused
from core.second_factor import STEP

NOW = 1_795_571_520 * SECOND
ME = Actor("hanhnt", "console")


def code_at(secret: str, at: Micros) -> str:
    """What the device shows at a time."""
    return TOTP(base64.b32decode(secret), 6, SHA1(), 30).generate(at // SECOND).decode()


def person(database: Database, name: str = "hanhnt") -> int:
    with database.write() as session:
        return accounts.add_user(session, ME, name, Role.ANALYST, now=0).id


def enrolled(database: Database) -> tuple[int, str, list[str]]:
    number = person(database)
    with database.write() as session:
        user = session.get_one(User, number)
        secret = second_factor.begin(session, user)
        codes = second_factor.confirm(session, ME, user, code_at(secret, NOW - 10 * STEP), NOW - 10 * STEP)
    return number, secret, codes


def taken(database: Database, number: int, code: str, now: Micros = NOW) -> str | None:
    with database.write() as session:
        return second_factor.take(session, session.get_one(User, number), code, now)


def test_it_counts_from_the_first_right_code_on(database: Database) -> None:
    number = person(database)
    with database.write() as session:
        user = session.get_one(User, number)
        first, secret = second_factor.begin(session, user), second_factor.begin(session, user)
        assert first != secret
        assert not second_factor.is_on(session, user)
        with pytest.raises(Refused):
            second_factor.confirm(session, ME, user, code_at(secret, NOW + 5 * STEP), NOW)
    assert taken(database, number, code_at(secret, NOW)) is None
    with database.write() as session:
        user = session.get_one(User, number)
        codes = second_factor.confirm(session, ME, user, code_at(secret, NOW), NOW)
        assert second_factor.since(session, user) == NOW
        assert (len(set(codes)), second_factor.codes_left(session, user)) == (10, 10)
        with pytest.raises(Conflict):
            second_factor.begin(session, user)
        with pytest.raises(Refused):
            second_factor.confirm(session, ME, user, code_at(secret, NOW + STEP), NOW + STEP)


def test_a_code_counts_once_and_a_step_around_now(database: Database) -> None:
    number, secret, _ = enrolled(database)
    assert taken(database, number, code_at(secret, NOW - 2 * STEP)) is None
    assert taken(database, number, code_at(secret, NOW - STEP)) == "totp"
    assert taken(database, number, code_at(secret, NOW - STEP)) is None, "seen over a shoulder it is good for nothing"
    spaced = code_at(secret, NOW)
    assert taken(database, number, f" {spaced[:3]} {spaced[3:]} ") == "totp"
    assert taken(database, number, code_at(secret, NOW + 2 * STEP)) is None
    assert taken(database, number, code_at(secret, NOW + STEP)) == "totp"
    for code in ("", "000000000", "abc", "６６６６６６"):
        assert taken(database, number, code) is None


def test_a_recovery_code_counts_once_however_it_is_written_and_for_its_owner(database: Database) -> None:
    number, _, codes = enrolled(database)
    other = person(database, "another")
    assert taken(database, other, codes[0]) is None
    assert taken(database, number, codes[0].upper().replace("-", " ")) == "recovery"
    assert taken(database, number, codes[0]) is None
    with database.read() as session:
        assert second_factor.codes_left(session, session.get_one(User, number)) == 9
        kept = session.scalars(select(RecoveryCode.hash)).all()
    assert not {code.replace("-", "") for code in codes} & set(kept)
    with database.write() as session:
        fresh = second_factor.renew_codes(session, ME, session.get_one(User, number), NOW)
    assert taken(database, number, codes[1]) is None
    assert taken(database, number, fresh[1]) == "recovery"


def test_taken_off_nothing_of_it_is_left_and_the_journal_has_no_secret(database: Database) -> None:
    number, secret, codes = enrolled(database)
    with database.write() as session:
        second_factor.remove(session, ME, session.get_one(User, number), NOW)
        with pytest.raises(Refused):
            second_factor.remove(session, ME, session.get_one(User, number), NOW)
    assert taken(database, number, code_at(secret, NOW)) is None
    assert taken(database, number, codes[0]) is None
    with database.read() as session:
        told = session.scalars(select(Audit).order_by(Audit.seq)).all()
    assert [row.action for row in told][-2:] == ["user.totp.on", "user.totp.off"]
    assert not any(secret in str(vars(row)) for row in told)


def test_the_address_says_to_a_device_what_it_needs(database: Database) -> None:
    _, secret, _ = enrolled(database)
    parts = urlsplit(second_factor.address_of(secret, "hanhnt"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path.endswith(":hanhnt")
    found = parse_qs(parts.query)
    assert (found["secret"], found["digits"], found["period"], found["algorithm"]) == (
        [secret],
        ["6"],
        ["30"],
        ["SHA1"],
    )
