"""People, their roles, passwords, sign-in links, sessions and tokens.

Every function takes an open transaction and leaves the commit to the caller; what a person changes writes its
entry of the journal in that same transaction. Of every secret only a hash is kept: Argon2id (RFC 9106, second
recommended option) for passwords, SHA-256 for links, sessions and tokens, which are 256 random bits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

import argon2
from sqlalchemy import delete, select
from sqlalchemy.orm import Session as Transaction

from core import audit
from core.audit import Actor
from core.clock import DAY, HOUR, MINUTE, SECOND, Micros
from core.db.models import Session, SignInLink, Token, User
from core.errors import BadInput, Conflict, NotFound, Refused, failure
from core.query.language import parse
from core.query.tree import Node, fields_of
from core.words import both


class Role(StrEnum):
    """What a person may do; the four are fixed in code."""

    ADMIN = "admin"
    SYSADMIN = "sysadmin"
    ANALYST = "analyst"
    AUDITOR = "auditor"


TRIAGE = frozenset({Role.ADMIN, Role.ANALYST})
"""Who judges alerts and incidents, and so can be given them."""


class TokenScope(StrEnum):
    """What a token is good for: handing in events, or what its owner may do."""

    INGEST = "ingest"
    API = "api"


MIN_PASSWORD = 12
MAX_PASSWORD = 256
FIRST = "admin"
"""Who there is at the first start."""
LINK_LIFE = 15 * MINUTE
SESSION_LIFE = 12 * HOUR
TOKEN_LIFE = 365 * DAY
SEEN_GRAIN = MINUTE
"""``seen_at`` and ``used_at`` are written at most this often."""

SCOPE_FIELDS = frozenset({"kydai.system", "kydai.agency"})

_FREE_ATTEMPTS = 3
_LONGEST_WAIT = 15 * MINUTE
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TOKEN = re.compile(r"kydai_(\d{1,18})_([A-Za-z0-9_-]{43})")

_hasher = argon2.PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$B2pv/jOYqCox9SbttrM8yg$o/dswKnUbdFMrJDJKk1UKeppJvTscquYePoHPPLsZ1A"
# 64 MiB a verification: two at a time, so that a crowd at the door cannot eat the memory
_hashing = threading.Semaphore(2)


class Wait(Refused):
    """Too many wrong passwords: come back after ``seconds``."""

    def __init__(self, seconds: int) -> None:
        said = both("api.account.wait", seconds=seconds)
        super().__init__(said["en"], said=said)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Holder:
    """Who stands behind a token, as it was looked up."""

    token_id: int
    token_name: str
    scope: TokenScope
    user: User


def scope_query(scope: str) -> Node:
    """The query of a person's scope. Raises BadInput for a query over other fields, or that is none."""
    node = parse(scope, now=0)
    if not fields_of(node) or not fields_of(node) <= SCOPE_FIELDS:
        raise failure(BadInput, "api.account.scope_fields")
    return node


def digest(secret: str) -> str:
    """The hash under which a link, session or token is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def check_password(password: str, name: str) -> None:
    """Raises BadInput unless it has 12 to 256 characters, five of them different, and not the person's name."""
    plain = _normal(password)
    if not MIN_PASSWORD <= len(plain) <= MAX_PASSWORD:
        raise failure(BadInput, "api.account.length", least=MIN_PASSWORD, most=MAX_PASSWORD, count=len(plain))
    if len(set(plain)) < 5:
        raise failure(BadInput, "api.account.repeats")
    if name.casefold() in plain.casefold():
        raise failure(BadInput, "api.account.own_name")


def hash_password(password: str) -> str:
    with _hashing:
        return _hasher.hash(_normal(password))


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; takes equally long when there is none."""
    with _hashing:
        try:
            _hasher.verify(password_hash or _NOBODY, _normal(password))
        except argon2.exceptions.VerificationError:
            return False
    return password_hash is not None


def wait_after(failures: int) -> Micros:
    """How long the door stays shut after so many wrong passwords in a row: 1, 2, 4 … seconds, 15 minutes at most."""
    if failures < _FREE_ATTEMPTS:
        return 0
    return min(_LONGEST_WAIT, SECOND << min(failures - _FREE_ATTEMPTS, 20))


# people


def find_user(session: Transaction, name: str) -> User:
    """The person of that name. Raises NotFound."""
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise failure(NotFound, "api.account.nobody", name=name[:100])
    return user


def known_assignee(session: Transaction, name: str) -> None:
    """Raises BadInput unless somebody of that name may triage."""
    user = session.scalar(select(User).where(User.name == name))
    if user is None or user.is_disabled or user.role not in TRIAGE:
        raise failure(BadInput, "api.no_assignee", name=name[:100])


def add_user(
    session: Transaction,
    actor: Actor,
    name: str,
    role: Role,
    *,
    now: Micros,
    full_name: str = "",
    scope: str = "",
    language: str = "vi",
) -> User:
    """Add a person without a password: the first sign-in is by a link. Raises BadInput or Conflict."""
    if not _NAME.fullmatch(name):
        raise failure(BadInput, "api.account.bad_name", name=name[:100])
    if session.scalar(select(User.id).where(User.name == name)) is not None:
        raise failure(Conflict, "api.account.taken", name=name)
    if scope.strip():
        scope_query(scope)
    user = User(
        name=name, role=role, full_name=full_name[:200], scope=scope, language=language, created_at=now,
        is_disabled=False, failed_attempts=0, locked_until=0,
    )  # fmt: skip
    session.add(user)
    session.flush()
    after = {"role": str(role), "full_name": full_name[:200], "scope": scope}
    audit.record(session, actor, "user.add", f"user:{name}", now=now, after=after)
    return user


def change_user(
    session: Transaction,
    actor: Actor,
    name: str,
    *,
    now: Micros,
    role: Role | None = None,
    full_name: str | None = None,
    scope: str | None = None,
    language: str | None = None,
    is_disabled: bool | None = None,
) -> User:
    """Change what is given. A change of rights ends the person's sessions. Raises BadInput, NotFound, Refused."""
    user = find_user(session, name)
    if scope and scope.strip():
        scope_query(scope)
    wanted = {
        "role": role, "full_name": full_name, "scope": scope, "language": language, "is_disabled": is_disabled,
    }  # fmt: skip
    after = {k: v for k, v in wanted.items() if v is not None and v != getattr(user, k)}
    if not after:
        return user
    loses_admin = user.role == Role.ADMIN and not user.is_disabled and (is_disabled or after.get("role") is not None)
    if loses_admin and _admins(session) == 1:
        raise failure(Refused, "api.account.last_admin", name=name)
    before = {k: getattr(user, k) for k in after}
    for key, value in after.items():
        setattr(user, key, value)
    if after.keys() & {"role", "scope", "is_disabled"}:
        session.execute(delete(Session).where(Session.user_id == user.id))
    action = "user.disable" if after.get("is_disabled") else "user.change"
    audit.record(session, actor, action, f"user:{name}", now=now, before=before, after=after)
    return user


def _admins(session: Transaction) -> int:
    query = select(User.id).where(User.role == Role.ADMIN, User.is_disabled.is_(False))
    return len(session.scalars(query).all())


def set_password(
    session: Transaction, actor: Actor, user: User, password_hash: str, *, now: Micros, keep: str = ""
) -> None:
    """Store a hash made by ``hash_password`` (outside the transaction: it takes long) and end other sessions.

    ``keep`` is the hash of the session that stays.
    """
    user.password_hash, user.failed_attempts, user.locked_until = password_hash, 0, 0
    session.execute(delete(Session).where(Session.user_id == user.id, Session.hash != keep))
    audit.record(session, actor, "user.password", f"user:{user.name}", now=now)


# signing in


def refuse_while_waiting(user: User, now: Micros) -> None:
    """Raises Wait while the growing wait of a person is not over."""
    if user.locked_until > now:
        seconds = -(-(user.locked_until - now) // SECOND)
        raise Wait(seconds)


def note_failure(
    session: Transaction, actor: Actor, user: User | None, name: str, *, now: Micros, address: str = ""
) -> None:
    """Count a wrong password and write it into the journal, with the address that it came from; the wait grows."""
    if user is not None:
        user.failed_attempts += 1
        user.locked_until = now + wait_after(user.failed_attempts)
    after = {"address": address[:64]} if address else None
    audit.record(session, actor, "sign_in.failed", f"user:{name[:100]}", now=now, after=after)


def make_link(
    session: Transaction,
    actor: Actor,
    user: User,
    *,
    now: Micros,
    life: Micros = LINK_LIFE,
    forget_password: bool = False,
) -> str:
    """A secret that signs this person in once; earlier links of the person end. Raises Refused when disabled.

    ``forget_password`` removes the password, so that a new one is set after signing in.
    """
    if user.is_disabled:
        raise failure(Refused, "api.account.disabled", name=user.name)
    secret = secrets.token_urlsafe(32)
    session.execute(delete(SignInLink).where(SignInLink.user_id == user.id, SignInLink.used_at.is_(None)))
    session.add(SignInLink(hash=digest(secret), user_id=user.id, expires_at=now + life, used_at=None))
    if forget_password:
        user.password_hash = None
    after = {"forget_password": True} if forget_password else None
    audit.record(session, actor, "user.link", f"user:{user.name}", now=now, after=after)
    return secret


def use_link(session: Transaction, secret: str, *, now: Micros) -> User:
    """The person whom a link signs in; the link is spent. Raises Refused when it is unknown, spent or over."""
    link = session.scalar(select(SignInLink).where(SignInLink.hash == digest(secret)).with_for_update())
    user = session.get(User, link.user_id) if link else None
    if link is None or user is None or link.used_at is not None or link.expires_at <= now or user.is_disabled:
        raise failure(Refused, "api.account.bad_link")
    link.used_at = now
    return user


def first_person(session: Transaction, *, now: Micros) -> None:
    """On an empty system: make the first admin."""
    if session.scalar(select(User.id).limit(1)) is None:
        add_user(session, Actor("maintenance", "maintenance"), FIRST, Role.ADMIN, now=now)


def first_link(session: Transaction, *, now: Micros) -> str | None:
    """A link for the only admin as long as nobody has signed in, as a start may fail behind the last; or None."""
    first_person(session, now=now)
    first, *others = session.scalars(select(User).limit(2)).all()
    used = select(SignInLink.hash).where(SignInLink.used_at.is_not(None)).limit(1)
    if others or first.role != Role.ADMIN or first.is_disabled:
        return None
    if first.password_hash is not None or session.scalar(used) is not None:
        return None
    return make_link(session, Actor("maintenance", "maintenance"), first, now=now)


# sessions


def open_session(
    session: Transaction, user: User, *, now: Micros, address: str, way: str, is_demo: bool = False,
    life: Micros = SESSION_LIFE,
) -> str:  # fmt: skip
    """A new session's secret; ``way`` (``password`` or ``link``) goes into the journal. It ends after ``life``. Old
    sessions are removed."""
    secret = secrets.token_urlsafe(32)
    session.execute(delete(Session).where(Session.expires_at <= now))
    session.add(
        Session(
            hash=digest(secret), user_id=user.id, created_at=now, seen_at=now, expires_at=now + life,
            address=address[:64],
        )
    )  # fmt: skip
    actor = Actor(user.name, "console", digest(secret)[:16], is_demo)
    audit.record(session, actor, "sign_in", f"user:{user.name}", now=now, after={"way": way, "address": address})
    return secret


def find_session(session: Transaction, secret: str, *, now: Micros) -> tuple[Session, User] | None:
    """The living session of a secret and its person; None when there is none."""
    row = session.get(Session, digest(secret))
    if row is None or row.expires_at <= now:
        return None
    user = session.get(User, row.user_id)
    return None if user is None or user.is_disabled else (row, user)


def close_session(session: Transaction, actor: Actor, session_hash: str, *, now: Micros) -> None:
    """End a session. Raises NotFound."""
    row = session.get(Session, session_hash)
    if row is None:
        raise failure(NotFound, "api.account.no_session")
    session.delete(row)
    audit.record(session, actor, "sign_out", f"session:{session_hash[:16]}", now=now)


# tokens


def make_token(
    session: Transaction,
    actor: Actor,
    user: User,
    name: str,
    scope: TokenScope,
    *,
    now: Micros,
    life: Micros = TOKEN_LIFE,
) -> tuple[Token, str]:
    """A token for a person: its row and its text ``kydai_<id>_<secret>``, which is shown this once."""
    if not _TOKEN_NAME.fullmatch(name):
        raise failure(BadInput, "api.account.bad_token_name", name=name[:100])
    if session.scalar(select(Token.id).where(Token.name == name)) is not None:
        raise failure(Conflict, "api.account.taken", name=name)
    if user.is_disabled:
        raise failure(Refused, "api.account.disabled", name=user.name)
    secret = secrets.token_urlsafe(32)
    row = Token(
        name=name, hash=digest(secret), user_id=user.id, scope=scope, created_at=now,
        expires_at=now + min(life, TOKEN_LIFE), used_at=None, revoked_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    after = {"scope": str(scope), "owner": user.name}
    audit.record(session, actor, "token.add", f"token:{name}", now=now, after=after)
    return row, f"kydai_{row.id}_{secret}"


def find_token(session: Transaction, text: str, *, now: Micros) -> Holder | None:
    """Who stands behind a token's text; None unless it is living and its owner too."""
    if not (parts := _TOKEN.fullmatch(text)):
        return None
    row = session.get(Token, int(parts[1]))
    if row is None or not secrets.compare_digest(row.hash, digest(parts[2])):
        return None
    if row.revoked_at is not None or row.expires_at <= now:
        return None
    user = session.get(User, row.user_id)
    if user is None or user.is_disabled:
        return None
    return Holder(row.id, row.name, TokenScope(row.scope), user)


def revoke_token(session: Transaction, actor: Actor, name: str, *, now: Micros) -> None:
    """End a token. Raises NotFound."""
    row = session.scalar(select(Token).where(Token.name == name))
    if row is None:
        raise failure(NotFound, "api.account.no_token", name=name[:100])
    if row.revoked_at is None:
        row.revoked_at = now
        audit.record(session, actor, "token.revoke", f"token:{name}", now=now)
