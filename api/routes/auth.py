"""Signing in and out, one's own password, sessions and language."""

from __future__ import annotations

import threading
from html import escape
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, SecretStr
from sqlalchemy import delete, select
from sqlalchemy.orm import Session as Transaction

from api.deps import (
    COOKIE,
    HOUSE,
    JOURNAL,
    Caller,
    Newcomer,
    Open,
    Reader,
    Services,
    Svc,
    check_header,
    must_set_totp,
)
from api.security import address_of
from api.shapes import Shape, Time
from core import accounts, audit, second_factor
from core.accounts import TRIAGE, Role
from core.audit import Actor
from core.clock import SECOND, Micros
from core.db.models import Session, User
from core.errors import NotFound, Refused, failure
from core.second_factor import NeedCode

router = APIRouter(prefix="/auth", tags=["auth"])


class Me(Shape):
    """Who is signed in, and what they may do."""

    name: str
    full_name: str
    role: Role
    language: Literal["vi", "en"]
    scope: str
    must_set_password: bool
    must_set_totp: bool
    """The role needs a second factor, and there is none yet."""
    may: list[Literal["triage", "house", "journal", "admin"]]
    """``triage``: verdicts, incidents, approvals, rules; ``house``: sources; ``journal``: journal and people.
    A scope takes all but ``triage``: the rest cannot be cut to it."""
    is_demo: bool
    zone: str


class SignIn(BaseModel):
    name: str = Field(max_length=100)
    password: SecretStr = Field(max_length=1024)
    code: SecretStr | None = Field(None, max_length=100)
    """One-time or recovery code, where the person has a second factor."""


class LinkCode(BaseModel):
    code: SecretStr = Field(max_length=200)
    totp: SecretStr | None = Field(None, max_length=100)
    """As ``SignIn.code``."""


class NewPassword(BaseModel):
    current: SecretStr | None = Field(None, max_length=1024)
    """Needed when there is a password already."""
    new: SecretStr = Field(max_length=1024)


class MyChange(BaseModel):
    language: Literal["vi", "en"]


class OpenSession(Shape):
    """A session of one's own."""

    id: str
    created_at: Time
    seen_at: Time
    expires_at: Time
    address: str
    is_this: bool


AT_THE_DOOR = 8
_door = threading.BoundedSemaphore(AT_THE_DOOR)
"""Those whose password is being checked or waits for it: a crowd must not take every thread of the process."""


def me(svc: Services, session: Transaction, user: User) -> Me:
    role = Role(user.role)
    may: list[Literal["triage", "house", "journal", "admin"]] = []
    if role in TRIAGE:
        may.append("triage")
    if role in HOUSE and not user.scope:
        may.append("house")
    if role in JOURNAL and not user.scope:
        may.append("journal")
    if role is Role.ADMIN and not user.scope:
        may.append("admin")
    return Me(
        name=user.name,
        full_name=user.full_name,
        role=role,
        language="en" if user.language == "en" else "vi",
        scope=user.scope,
        must_set_password=user.password_hash is None,
        must_set_totp=must_set_totp(svc, session, user),
        may=may,
        is_demo=svc.is_demo,
        zone=svc.zone,
    )


def is_password(kept: str | None, given: str) -> bool:
    if not _door.acquire(blocking=False):
        raise accounts.Wait(1)
    try:
        return accounts.is_password(kept, given)
    finally:
        _door.release()


def _set_cookie(svc: Services, request: Request, response: Response, secret: str) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        max_age=svc.session_life // SECOND,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


@router.post("/sign-in")
def sign_in(body: SignIn, svc: Svc, request: Request, response: Response, _: Open) -> Me:
    """Open a session by name and password. A wrong one costs a wait that grows."""
    check_header(request)
    now, address = svc.clock.now(), address_of(request)
    waits = request.app.state.address_waits
    if seconds := waits.seconds_left(address, now):
        raise accounts.Wait(seconds)
    with svc.database.read() as session:
        user = session.scalar(select(User).where(User.name == body.name))
        if user is not None:
            accounts.refuse_while_waiting(user, now)
        kept = None if user is None or user.is_disabled else user.password_hash
    is_right = is_password(kept, body.password.get_secret_value())
    with svc.database.write() as session:
        user = session.scalar(select(User).where(User.name == body.name).with_for_update())
        if user is not None:  # others may have failed while the password was hashed: one guess a wait
            accounts.refuse_while_waiting(user, now)
        knows = is_right and user is not None and not user.is_disabled and user.password_hash == kept
        proven = _second(session, user, body.code, now) if knows and user is not None else None
        if user is None or proven is None:
            actor = Actor(body.name[:100], "console", is_demo=svc.is_demo)
            accounts.note_failure(session, actor, user, body.name, now=now, address=address)
            secret = ""
        else:
            user.failed_attempts, user.locked_until = 0, 0
            way = f"password{proven}"
            secret = accounts.open_session(session, user, now=now, address=address, way=way, is_demo=svc.is_demo,
                                           life=svc.session_life)  # fmt: skip
            found = me(svc, session, user)
    if not secret:
        waits.failed(address, now)
        raise failure(Refused, "access.totp.wrong" if knows else "api.wrong_password")
    waits.succeeded(address)
    _set_cookie(svc, request, response, secret)
    return found


def _second(session: Transaction, user: User, code: SecretStr | None, now: Micros) -> str | None:
    """How the second factor was proven, for the journal: empty where the person has none, None for a wrong code.
    Raises NeedCode when it is missing: that is no wrong one and costs no wait."""
    if not second_factor.is_on(session, user):
        return ""
    given = code.get_secret_value().strip() if code else ""
    if not given:
        raise failure(NeedCode, "access.totp.need")
    kind = second_factor.take(session, user, given, now)
    return None if kind is None else f"+{kind}"


def _by_link(svc: Services, request: Request, response: Response, code: str, totp: SecretStr | None = None) -> Me:
    now, address = svc.clock.now(), address_of(request)
    waits = request.app.state.address_waits
    if seconds := waits.seconds_left(address, now):
        raise accounts.Wait(seconds)
    guessed = ""
    try:
        with svc.database.write() as session:
            user = accounts.use_link(session, code, now=now)
            if second_factor.is_on(session, user):
                accounts.refuse_while_waiting(user, now)
            if (proven := _second(session, user, totp, now)) is None:
                guessed = user.name
                raise failure(Refused, "access.totp.wrong")  # and the link is not spent
            way = f"link{proven}"
            user.failed_attempts, user.locked_until = 0, 0
            secret = accounts.open_session(session, user, now=now, address=address, way=way, is_demo=svc.is_demo,
                                           life=svc.session_life)  # fmt: skip
            found = me(svc, session, user)
    except (NeedCode, accounts.Wait):
        raise
    except Refused:
        waits.failed(address, now)
        if guessed:
            with svc.database.write() as session:
                actor = Actor(guessed, "console", is_demo=svc.is_demo)
                user = accounts.find_user(session, guessed)
                accounts.note_failure(session, actor, user, guessed, now=now, address=address)
        raise
    _set_cookie(svc, request, response, secret)
    return found


# a page and no redirect: the browser sends a SameSite=Strict cookie only where our own page led
_GO_ON = '<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={}"></head></html>'


@router.get("/link", response_class=HTMLResponse)
def open_link(code: Annotated[str, Query(max_length=200)], svc: Svc, request: Request, _: Open) -> HTMLResponse:
    """What a printed sign-in link opens: signs in once and goes on to the console."""
    if "prefetch" in (request.headers.get("sec-purpose") or request.headers.get("purpose") or ""):
        raise failure(Refused, "api.account.bad_link")
    response = HTMLResponse(_GO_ON.format("/"))
    try:
        _by_link(svc, request, response, code)
    except NeedCode:
        return HTMLResponse(_GO_ON.format(f"/sign-in#{escape(code)}"))
    return response


@router.post("/link")
def use_link(body: LinkCode, svc: Svc, request: Request, response: Response, _: Open) -> Me:
    """Sign in with the code of a link."""
    check_header(request)
    return _by_link(svc, request, response, body.code.get_secret_value(), body.totp)


@router.get("/me")
def get_me(caller: Newcomer, svc: Svc) -> Me:
    """Who is signed in. 401 when nobody is."""
    with svc.database.read() as session:
        return me(svc, session, accounts.find_user(session, caller.name))


@router.patch("/me")
def change_me(body: MyChange, caller: Reader, svc: Svc) -> Me:
    """Change one's own language."""
    with svc.database.write() as session:
        now = svc.clock.now()
        user = accounts.change_user(session, caller.actor, caller.name, now=now, language=body.language)
        return me(svc, session, user)


@router.post("/sign-out", status_code=204)
def sign_out(caller: Newcomer, svc: Svc, response: Response) -> None:
    """End this session."""
    console_only(caller)
    with svc.database.write() as session:
        accounts.close_session(session, caller.actor, caller.session_hash, now=svc.clock.now())
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


@router.post("/password", status_code=204)
def set_password(body: NewPassword, caller: Newcomer, svc: Svc, request: Request) -> None:
    """Set one's own password; every other session of the person ends."""
    console_only(caller)
    now, new = svc.clock.now(), body.new.get_secret_value()
    with svc.database.read() as session:
        user = accounts.find_user(session, caller.name)
        accounts.refuse_while_waiting(user, now)
        kept = user.password_hash
    given = body.current.get_secret_value() if body.current else ""
    if kept is not None and not is_password(kept, given):
        with svc.database.write() as session:
            user = accounts.find_user(session, caller.name)
            accounts.note_failure(session, caller.actor, user, caller.name, now=now, address=address_of(request))
        raise failure(Refused, "api.wrong_password")
    accounts.check_password(new, caller.name)
    new_hash = accounts.hash_password(new)
    with svc.database.write() as session:
        user = accounts.find_user(session, caller.name)
        accounts.set_password(session, caller.actor, user, new_hash, now=now, keep=caller.session_hash)


@router.get("/sessions")
def list_sessions(caller: Reader, svc: Svc) -> list[OpenSession]:
    """One's own open sessions, newest first."""
    query = select(Session).where(Session.user_id == caller.user_id, Session.expires_at > svc.clock.now())
    with svc.database.read() as session:
        return [
            OpenSession(
                id=row.hash,
                created_at=row.created_at,
                seen_at=row.seen_at,
                expires_at=row.expires_at,
                address=row.address,
                is_this=row.hash == caller.session_hash,
            )
            for row in session.scalars(query.order_by(Session.created_at.desc()))
        ]


@router.delete("/sessions/{session_id}", status_code=204)
def end_session(session_id: str, caller: Reader, svc: Svc) -> None:
    """End one of one's own sessions."""
    console_only(caller)
    with svc.database.write() as session:
        row = session.get(Session, session_id)
        if row is None or row.user_id != caller.user_id:
            raise failure(NotFound, "api.account.no_session")
        accounts.close_session(session, caller.actor, session_id, now=svc.clock.now())


@router.post("/sessions/end-others", status_code=204)
def end_other_sessions(caller: Reader, svc: Svc) -> None:
    """End all of one's own sessions but this one."""
    console_only(caller)
    others = delete(Session).where(Session.user_id == caller.user_id, Session.hash != caller.session_hash)
    with svc.database.write() as session:
        session.execute(others)
        audit.record(session, caller.actor, "sign_out.others", f"user:{caller.name}", now=svc.clock.now())


def console_only(caller: Caller) -> None:
    """A token must not get at its owner's password and sessions."""
    if caller.token_scope is not None:
        raise failure(Refused, "api.token_scope", scope=str(caller.token_scope))
