"""One's own second factor: begun with the password, proven by a code, taken off with both."""

from __future__ import annotations

import segno
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, SecretStr

from api.deps import Caller, Newcomer, Reader, Services, Svc
from api.routes.auth import console_only, is_password
from api.security import address_of
from api.shapes import Shape, Time
from core import accounts, second_factor
from core.db.models import User
from core.errors import Refused, failure

router = APIRouter(prefix="/auth/totp", tags=["auth"])


class Totp(Shape):
    """How one signs in beside the password."""

    since: Time | None
    """Since when one-time codes are asked for; null when they are not."""
    recovery_codes_left: int
    is_required: bool
    """The role needs it."""


class Begun(Shape):
    """What the device is given; it is shown this once and counts when a code of it was handed in."""

    secret: str
    """Base32, for typing."""
    url: str
    """``otpauth://…``, for tapping."""
    picture: list[str]
    """The same as a QR code: a row a text, ``1`` is dark."""


class Codes(Shape):
    recovery_codes: list[str]
    """Each signs in once; they are shown this once."""


class Password(BaseModel):
    password: SecretStr = Field(max_length=1024)


class Code(BaseModel):
    code: SecretStr = Field(max_length=100)


class PasswordAndCode(Password):
    code: SecretStr = Field(max_length=100)


@router.get("")
def get_totp(caller: Newcomer, svc: Svc) -> Totp:
    """Whether one has a second factor."""
    with svc.database.read() as session:
        user = accounts.find_user(session, caller.name)
        return Totp(
            since=second_factor.since(session, user),
            recovery_codes_left=second_factor.codes_left(session, user),
            is_required=user.role in svc.totp_roles,
        )


@router.post("")
def begin_totp(body: Password, caller: Newcomer, svc: Svc, request: Request) -> Begun:
    """A new secret for one's device. Signing in asks for it only after ``confirm``."""
    console_only(caller)
    _prove(body.password, caller, svc, request)
    with svc.database.write() as session:
        secret = second_factor.begin(session, accounts.find_user(session, caller.name))
    url = second_factor.address_of(secret, caller.name)
    return Begun(secret=secret, url=url, picture=_picture(url))


@router.post("/confirm")
def confirm_totp(body: Code, caller: Newcomer, svc: Svc) -> Codes:
    """Hand in a code of the device: from now on signing in asks for one."""
    console_only(caller)
    with svc.database.write() as session:
        user = accounts.find_user(session, caller.name)
        code = body.code.get_secret_value()
        return Codes(recovery_codes=second_factor.confirm(session, caller.actor, user, code, svc.clock.now()))


@router.post("/off", status_code=204)
def end_totp(body: PasswordAndCode, caller: Reader, svc: Svc, request: Request) -> None:
    """Take one's own second factor off."""
    console_only(caller)
    _prove(body.password, caller, svc, request)
    _take(body.code, caller, svc, request)
    with svc.database.write() as session:
        user = accounts.find_user(session, caller.name)
        second_factor.remove(session, caller.actor, user, svc.clock.now())


@router.post("/codes")
def renew_codes(body: Code, caller: Reader, svc: Svc, request: Request) -> Codes:
    """New recovery codes; the old ones end."""
    console_only(caller)
    _take(body.code, caller, svc, request)
    with svc.database.write() as session:
        user = accounts.find_user(session, caller.name)
        return Codes(recovery_codes=second_factor.renew_codes(session, caller.actor, user, svc.clock.now()))


def _prove(password: SecretStr, caller: Caller, svc: Services, request: Request) -> None:
    """Raises Refused unless it is the caller's password; a wrong one costs a wait, as at the door."""
    with svc.database.read() as session:
        user = accounts.find_user(session, caller.name)
        accounts.refuse_while_waiting(user, svc.clock.now())
        kept = user.password_hash
    if not is_password(kept, password.get_secret_value()):
        _wrong(caller, svc, request)
        raise failure(Refused, "access.totp.wrong_password")


def _take(code: SecretStr, caller: Caller, svc: Services, request: Request) -> None:
    """Raises Refused unless it is a code of the caller's second factor, which is spent."""
    now = svc.clock.now()
    with svc.database.write() as session:
        user: User = accounts.find_user(session, caller.name)
        accounts.refuse_while_waiting(user, now)
        kind = second_factor.take(session, user, code.get_secret_value(), now)
    if kind is None:
        _wrong(caller, svc, request)
        raise failure(Refused, "access.totp.wrong")


def _wrong(caller: Caller, svc: Services, request: Request) -> None:
    with svc.database.write() as session:
        user = accounts.find_user(session, caller.name)
        accounts.note_failure(
            session, caller.actor, user, caller.name, now=svc.clock.now(), address=address_of(request)
        )


def _picture(url: str) -> list[str]:
    """A QR code (ISO/IEC 18004) without its quiet margin, which the page adds."""
    return ["".join(map(str, row)) for row in segno.make(url, micro=False).matrix]
