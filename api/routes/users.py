"""People and tokens: who there is, with which role and scope; adding, disabling, links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Transaction

from api.deps import Admin, House, Journal, Reader, Services, Svc, TokenReader
from api.shapes import Shape, Time
from core import accounts, second_factor, signed_in
from core.accounts import LINK_LIFE, TRIAGE, Role, TokenScope
from core.clock import DAY, Micros
from core.db.models import SecondFactor, Session, Token, User
from core.errors import Refused, failure

router = APIRouter(tags=["users"])


class Person(Shape):
    """Somebody who may sign in."""

    name: str
    full_name: str
    role: Role
    scope: str
    language: str
    is_disabled: bool
    has_password: bool
    has_totp: bool
    """Signs in with a one-time code, too."""
    sessions: int
    """How many of theirs are open."""
    created_at: Time
    seen_at: Time | None
    """When a living session of theirs was last used."""
    waits_until: Time | None
    """After wrong passwords: until then no sign-in."""


class Named(Shape):
    """What somebody is called who signs in as ``name``."""

    name: str
    full_name: str
    is_assignable: bool
    """Alerts and incidents can be given to them."""


class Link(Shape):
    """A link that signs the person in once; it is shown this once."""

    url: str
    expires_at: Time


class PersonAdded(Shape):
    person: Person
    link: Link


class TokenRow(Shape):
    """An API token; its text is shown only when it is made."""

    name: str
    scope: TokenScope
    owner: str
    created_at: Time
    expires_at: Time
    used_at: Time | None
    revoked_at: Time | None


class TokenMade(Shape):
    token: str
    name: str
    scope: TokenScope
    expires_at: Time


class NewPerson(BaseModel):
    name: str = Field(min_length=1, max_length=64)
    role: Role
    full_name: str = Field("", max_length=200)
    scope: str = Field("", max_length=2000, description="A query over kydai.system and kydai.agency; empty sees all")
    language: Literal["vi", "en"] = "vi"


class PersonChange(BaseModel):
    role: Role | None = None
    full_name: str | None = Field(None, max_length=200)
    scope: str | None = Field(None, max_length=2000)
    language: Literal["vi", "en"] | None = None
    is_disabled: bool | None = None


class NewLink(BaseModel):
    forget_password: bool = False
    """Remove the password, so that a new one is set after signing in."""


class NewToken(BaseModel):
    name: str = Field(min_length=1, max_length=100)
    scope: TokenScope
    owner: str | None = Field(None, max_length=64)
    """Whose rights it has; oneself when absent."""
    days: Annotated[int, Field(ge=1, le=365)] = 365


@dataclass(frozen=True, slots=True)
class _Living:
    """What a list of people says of each: when last seen, open sessions, a second factor; by the person's id."""

    seen_at: Mapping[int, Micros]
    sessions: Mapping[int, int]
    with_totp: frozenset[int]


def _living(session: Transaction, now: Micros) -> _Living:
    open_ = select(Session.user_id, func.max(Session.seen_at), func.count()).where(Session.expires_at > now)
    rows = session.execute(open_.group_by(Session.user_id)).tuples().all()
    proven = select(SecondFactor.user_id).where(SecondFactor.since.is_not(None))
    return _Living(
        {user: seen for user, seen, _ in rows},
        {user: count for user, _, count in rows},
        frozenset(session.scalars(proven)),
    )


def _person(user: User, living: _Living, now: Micros) -> Person:
    return Person(
        name=user.name,
        full_name=user.full_name,
        role=Role(user.role),
        scope=user.scope,
        language=user.language,
        is_disabled=user.is_disabled,
        has_password=user.password_hash is not None,
        has_totp=user.id in living.with_totp,
        sessions=living.sessions.get(user.id, 0),
        created_at=user.created_at,
        seen_at=living.seen_at.get(user.id),
        waits_until=user.locked_until if user.locked_until > now else None,
    )


def _link(svc: Services, session: Transaction, caller: Admin, user: User, *, forget_password: bool = False) -> Link:
    now = svc.clock.now()
    secret = accounts.make_link(session, caller.actor, user, now=now, forget_password=forget_password)
    # behind the number sign, so that no proxy or log ever sees it
    return Link(url=f"{svc.base_url}/sign-in#{secret}", expires_at=now + LINK_LIFE)


@router.get("/users")
def list_users(_: Journal, svc: Svc) -> list[Person]:
    """Everybody, by name."""
    now = svc.clock.now()
    with svc.database.read() as session:
        living = _living(session, now)
        return [_person(u, living, now) for u in session.scalars(select(User).order_by(User.name))]


@router.get("/users/names")
def list_names(caller: Reader, svc: Svc) -> list[Named]:
    """Everybody's names, also of those who are disabled; within a scope only of those who can be given work."""
    with svc.database.read() as session:
        found = [
            Named(name=u.name, full_name=u.full_name, is_assignable=u.role in TRIAGE and not u.is_disabled)
            for u in session.scalars(select(User).order_by(User.name))
        ]
    return [each for each in found if each.is_assignable or not caller.scope]


@router.post("/users", status_code=201)
def add_user(body: NewPerson, caller: Admin, svc: Svc) -> PersonAdded:
    """Add somebody; the answer holds the link of their first sign-in."""
    now = svc.clock.now()
    with svc.database.write() as session:
        user = accounts.add_user(
            session,
            caller.actor,
            body.name,
            body.role,
            now=now,
            full_name=body.full_name,
            scope=body.scope,
            language=body.language,
        )
        return PersonAdded(person=_person(user, _living(session, now), now), link=_link(svc, session, caller, user))


@router.patch("/users/{name}")
def change_user(name: str, body: PersonChange, caller: Admin, svc: Svc) -> Person:
    """Change what is given; a change of rights ends the person's sessions."""
    now = svc.clock.now()
    with svc.database.write() as session:
        user = accounts.change_user(
            session,
            caller.actor,
            name,
            now=now,
            role=body.role,
            full_name=body.full_name,
            scope=body.scope,
            language=body.language,
            is_disabled=body.is_disabled,
        )
        session.flush()
        return _person(user, _living(session, now), now)


@router.post("/users/{name}/link", status_code=201)
def make_link(name: str, body: NewLink, caller: Admin, svc: Svc) -> Link:
    """A new sign-in link; earlier ones of the person end."""
    with svc.database.write() as session:
        user = accounts.find_user(session, name)
        return _link(svc, session, caller, user, forget_password=body.forget_password)


@router.delete("/users/{name}/sessions", status_code=204)
def end_sessions(name: str, caller: Admin, svc: Svc) -> None:
    """End every session of a person; their streams end within seconds."""
    with svc.database.write() as session:
        signed_in.end_sessions(session, caller.actor, accounts.find_user(session, name), now=svc.clock.now())


@router.delete("/users/{name}/totp", status_code=204)
def take_off_totp(name: str, caller: Admin, svc: Svc) -> None:
    """Take the second factor off somebody who has lost the device; their sessions end."""
    now = svc.clock.now()
    with svc.database.write() as session:
        user = accounts.find_user(session, name)
        second_factor.remove(session, caller.actor, user, now)
        signed_in.end_sessions(session, caller.actor, user, now=now)


@router.get("/tokens")
def list_tokens(caller: TokenReader, svc: Svc) -> list[TokenRow]:
    """Every token, the newest first; a sysadmin sees those of scope ``ingest``."""
    query = select(Token, User.name).join(User, User.id == Token.user_id).order_by(Token.id.desc())
    if caller.role is Role.SYSADMIN:
        query = query.where(Token.scope == TokenScope.INGEST)
    with svc.database.read() as session:
        return [
            TokenRow(
                name=token.name,
                scope=TokenScope(token.scope),
                owner=owner,
                created_at=token.created_at,
                expires_at=token.expires_at,
                used_at=token.used_at,
                revoked_at=token.revoked_at,
            )
            for token, owner in session.execute(query)
        ]


@router.post("/tokens", status_code=201)
def make_token(body: NewToken, caller: House, svc: Svc) -> TokenMade:
    """Make a token. A sysadmin makes ingest tokens for oneself; an admin any for anybody."""
    owner = body.owner or caller.name
    if caller.role is not Role.ADMIN and (body.scope is not TokenScope.INGEST or owner != caller.name):
        raise failure(Refused, "api.token_owner")
    with svc.database.write() as session:
        user = accounts.find_user(session, owner)
        row, text = accounts.make_token(
            session, caller.actor, user, body.name, body.scope, now=svc.clock.now(), life=body.days * DAY
        )
        return TokenMade(token=text, name=row.name, scope=body.scope, expires_at=row.expires_at)


@router.delete("/tokens/{name}", status_code=204)
def revoke_token(name: str, caller: House, svc: Svc) -> None:
    """End a token; a sysadmin ends those of scope ``ingest``, whoever made them, and one's own."""
    with svc.database.write() as session:
        row = session.scalar(select(Token).where(Token.name == name))
        is_theirs = row is None or row.scope == TokenScope.INGEST or row.user_id == caller.user_id
        if caller.role is not Role.ADMIN and not is_theirs:
            raise failure(Refused, "api.token_of_another")
        accounts.revoke_token(session, caller.actor, name, now=svc.clock.now())
