"""What routes are handed: the services of this process, and the caller with the right to call.

Every route names its ``need(...)``; create_app refuses a route without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from sqlalchemy import Update, update
from sqlalchemy.orm import Session as Transaction

from api.errors import Unauthenticated
from api.house import Ailment
from core import accounts, second_factor
from core.accounts import TRIAGE, Role, TokenScope
from core.audit import Actor, Channel
from core.clock import LOCAL_ZONE, SECOND, Clock, Micros
from core.db.database import Database
from core.db.models import Session, Token, User
from core.errors import BadInput, KydaiError, Refused, Unavailable, failure
from core.notices import Setup
from core.spool import GroupCommit
from core.store.contract import EventStore
from core.store.retention import DEFAULT_POLICY, Policy
from core.words import both

if TYPE_CHECKING:  # the engine weighs much and this process does not judge
    from detections.coverage import Coverage
    from detections.package_outlook import CoverageOf
    from detections.ruleset import RuleSet
    from detections.samples import Sheet
    from playbooks.playbook import Playbook

log = structlog.get_logger(__name__)

COOKIE = "kydai_session"
CSRF_HEADER = "x-kydai"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Services:
    """What one API process works with; built once by kydai and handed to ``create_app``."""

    database: Database
    store: EventStore
    clock: Clock
    intake: GroupCommit | None = None
    """The spool that HTTP intake is written to; None where this process takes none."""
    base_url: str = "http://127.0.0.1:8470"
    is_demo: bool = False
    zone: str = LOCAL_ZONE
    session_life: Micros = accounts.SESSION_LIFE
    """How long a session lives that is opened from now on."""
    totp_roles: frozenset[str] = frozenset()
    """Roles that must have a second factor."""
    policy: Policy = DEFAULT_POLICY
    """How long is kept by the settings."""
    reserve_bytes: int = 0
    """Intake stops when the disk has less left."""
    source_products: Mapping[str, bool] = field(default_factory=dict)
    """What there are configurations for, and whether a token belongs into each."""
    source_config: Callable[[str, str | None, str], str] = lambda product, address, lang: ""
    """The configuration of a product, for the address given or this server's own, in a language."""
    agencies: Mapping[str, str] = field(default_factory=dict)
    """Names of agencies by code; empty where any may be declared."""
    version: str = "0"
    console_folder: Path | None = None
    """The built console; None serves the API alone."""
    shared_addresses: tuple[str, ...] = ()
    """Own addresses that stand for many (translation, proxies); they link no incidents."""
    rules: Callable[[], RuleSet] | None = None
    """Loads the rule set in force; None where a process shows no rules."""
    coverage: Callable[[], Iterable[Coverage]] = tuple
    """What each rule can do here; empty while that is not known."""
    rule_text: Callable[[str, str], str | None] = lambda package, file: None
    """The YAML of a rule's file, by package and name."""
    samples: Callable[[str, str], Sheet] | None = None
    """Tries the samples of a rule's file, by package and name."""
    rule_path: Callable[[str, str], Path | None] = lambda package, file: None
    """Where a rule's file is, by package and name."""
    rules_folder: Path | None = None
    """Where people's own rules and packages are; None where this process changes none."""
    placeholders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The site's values for ``%name%`` in rules."""
    rules_instead: Callable[[Mapping[str, Path | None]], RuleSet] | None = None
    """The rule set with other folders (None: nothing) in the place of packages, by name."""
    coverage_of: CoverageOf | None = None
    """What each rule of a rule set could do here."""
    draft_samples: Callable[[Path], Sheet] | None = None
    """Tries the samples that lie beside a rule file."""
    playbooks: Callable[[], tuple[Mapping[str, Playbook], Sequence[KydaiError]]] = lambda: ({}, ())
    """The playbooks in force by name, and those that could not be used."""
    notices: Callable[[], Setup] = Setup
    """Where notices go, as set at this moment."""
    ailments: Callable[[], Sequence[Ailment]] = tuple
    """What else is not as it should be (disk, store, processes); cheap, it is asked every second."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, with which rights."""

    name: str
    role: Role
    scope: str = ""
    user_id: int = 0
    channel: Channel = "console"
    session_hash: str = ""
    token_name: str = ""
    token_scope: TokenScope | None = None
    is_demo: bool = False
    must_set_password: bool = False
    """In by a link and without a password yet: whoever else read the link might be them."""
    must_set_totp: bool = False
    """Their role needs a second factor, and they have none yet."""

    @property
    def credential(self) -> str:
        """What they showed: the hash of a session, or the name of a token."""
        return self.session_hash or f"token:{self.token_name}"

    @property
    def actor(self) -> Actor:
        """How the journal names them."""
        name = f"{self.name} (token:{self.token_name})"[:100] if self.token_name else self.name
        return Actor(name, self.channel, self.session_hash[:16], self.is_demo)


def services(request: Request) -> Services:
    """The services of the app that serves the request."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


def bearer(request: Request) -> str | None:
    """The text of a bearer token, if one is given."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def identify(request: Request, svc: Services) -> Caller:
    """Who calls, by bearer token or session cookie. Raises Unauthenticated."""
    now = svc.clock.now()
    if (text := bearer(request)) is not None:
        return by_token(svc, text)
    secret = request.cookies.get(COOKIE)
    if not secret:
        raise failure(Unauthenticated, "api.need_sign_in")
    with svc.database.read() as session:
        found = accounts.find_session(session, secret, now=now)
        if found is None:
            raise failure(Unauthenticated, "api.need_sign_in")
        row, user = found
        is_stale = now - row.seen_at > accounts.SEEN_GRAIN
        caller = Caller(
            user.name,
            Role(user.role),
            user.scope,
            user.id,
            session_hash=row.hash,
            is_demo=svc.is_demo,
            must_set_password=user.password_hash is None,
            must_set_totp=must_set_totp(svc, session, user),
        )
    if is_stale:
        _note(svc, update(Session).where(Session.hash == caller.session_hash).values(seen_at=now))
    return caller


def must_set_totp(svc: Services, session: Transaction, user: User) -> bool:
    """Whether a person's role needs a second factor, and they have none yet."""
    return user.role in svc.totp_roles and not second_factor.is_on(session, user)


def by_token(svc: Services, text: str) -> Caller:
    """The caller behind a bearer token. Raises Unauthenticated."""
    now = svc.clock.now()
    with svc.database.read() as session:
        holder = accounts.find_token(session, text, now=now)
        if holder is None:
            raise failure(Unauthenticated, "api.wrong_token")
        user = holder.user
        token = session.get(Token, holder.token_id)
        is_stale = token is not None and now - (token.used_at or 0) > accounts.SEEN_GRAIN
        caller = Caller(
            user.name,
            Role(user.role),
            user.scope,
            user.id,
            channel="api",
            token_name=holder.token_name,
            token_scope=holder.scope,
            is_demo=svc.is_demo,
        )
        token_id = holder.token_id
    if is_stale:
        _note(svc, update(Token).where(Token.id == token_id).values(used_at=now))
    return caller


def _note(svc: Services, when: Update) -> None:
    """Write when somebody was last seen, if it can be written: on a full disk they are let in all the same, so that
    the answer says what is really wrong, and the next call tries again."""
    try:
        with svc.database.write() as session:
            session.execute(when)
    except Unavailable as error:
        log.warning("Not kept when a session or token was last seen.", why=str(error)[:200])


class Need:
    """A route's right: the roles that may call it. Used as a dependency, it answers with the caller.

    ``whole``: what it shows or changes cannot be cut to a scope, so people with a scope may not call it.
    ``first``: open to a session whose person has set no password, or no second factor that is asked of them, yet.
    """

    def __init__(self, roles: frozenset[Role], *, whole: bool = False, first: bool = False) -> None:
        self.roles = roles
        self.whole = whole
        self.first = first

    def __call__(self, request: Request) -> Caller:
        caller = identify(request, services(request))
        if caller.token_scope not in (None, TokenScope.API):
            raise failure(Refused, "api.token_scope", scope=str(caller.token_scope))
        if caller.must_set_password and not self.first:
            raise failure(Refused, "api.need_password")
        if caller.must_set_totp and not self.first:
            raise failure(Refused, "access.totp.must")
        if caller.role not in self.roles:
            raise failure(Refused, "api.need_role", role=both(f"common.role.{caller.role}"))
        if self.whole and caller.scope:
            raise failure(Refused, "api.need_whole")
        if caller.channel == "console" and request.method not in _SAFE_METHODS:
            check_header(request)
        check_parameters(request)
        request.state.is_in = partial(still_in, request, caller)
        return caller


def still_in(request: Request, caller: Caller) -> bool:
    """Whether a caller may still ask what they asked: not disabled, signed out or given other rights meanwhile."""
    try:
        now = identify(request, services(request))
    except Unauthenticated:
        return False
    return (now.role, now.scope) == (caller.role, caller.scope)


class Anyone:
    """A route that needs no sign-in: health and the ways of signing in."""

    def __call__(self, request: Request) -> None:
        check_parameters(request)


class IngestToken:
    """Hands in events: needs a token of scope ``ingest``, which is good for nothing else.

    A good token is remembered for a few seconds, so that a busy sender does not ask the database each time.
    """

    REMEMBERED = 5 * SECOND

    def __init__(self) -> None:
        self._good: dict[str, tuple[Caller, Micros]] = {}

    async def __call__(self, request: Request) -> Caller:
        svc = services(request)
        text, now = bearer(request), svc.clock.now()
        if text is None:
            raise failure(Unauthenticated, "api.wrong_token")
        key = accounts.digest(text)
        caller, until = self._good.get(key, (None, 0))
        if caller is None or not now < until <= now + self.REMEMBERED:
            caller = await run_in_threadpool(by_token, svc, text)
            if caller.token_scope is not TokenScope.INGEST:
                raise failure(Refused, "api.token_scope", scope=str(caller.token_scope))
            if len(self._good) > 1000:
                self._good.clear()
            self._good[key] = (caller, now + self.REMEMBERED)
        check_parameters(request)
        return caller


def check_header(request: Request) -> None:
    """Refuse a changing request that a foreign page could have sent (it cannot set a header of its own)."""
    if request.headers.get(CSRF_HEADER) != "1":
        raise failure(Refused, "api.need_header")


def _parameters(dependant: Dependant) -> Iterator[str]:
    for each in dependant.query_params:
        yield each.alias
    for inner in dependant.dependencies:
        yield from _parameters(inner)


def check_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: left aside, a mistyped filter would answer another
    question. Every guard asks it, behind the question who calls: strangers learn no names."""
    if not request.query_params:
        return
    known = sorted(set(_parameters(request.scope["route"].dependant)))
    if unknown := sorted(set(request.query_params) - set(known)):
        names = ", ".join(name[:80] for name in unknown[:10])
        raise failure(BadInput, "api.unknown_parameter", names=names, known=", ".join(known) or "–")


READERS = frozenset(Role)
HOUSE = frozenset({Role.ADMIN, Role.SYSADMIN})
JOURNAL = frozenset({Role.ADMIN, Role.AUDITOR})
TOKENS = HOUSE | JOURNAL
ADMINS = frozenset({Role.ADMIN})

Reader = Annotated[Caller, Depends(Need(READERS))]
"""All four roles: it changes nothing."""
Newcomer = Annotated[Caller, Depends(Need(READERS, first=True))]
"""All four roles, before they have set a password or a second factor, too."""
WholeReader = Annotated[Caller, Depends(Need(READERS, whole=True))]
"""Anybody who sees the whole house."""
Triage = Annotated[Caller, Depends(Need(TRIAGE))]
"""Verdicts, incidents, approvals, rules: admin and analyst."""
Ruling = Annotated[Caller, Depends(Need(TRIAGE, whole=True))]
"""What rules ask: admin and analyst who see the whole house, as it holds for every host."""
House = Annotated[Caller, Depends(Need(HOUSE, whole=True))]
"""Sources, store and settings: admin and sysadmin."""
Watch = Annotated[Caller, Depends(Need(TRIAGE | HOUSE, whole=True))]
"""Whoever may be on a shift: all but the auditor."""
Journal = Annotated[Caller, Depends(Need(JOURNAL, whole=True))]
"""The journal and the list of people: admin and auditor."""
TokenReader = Annotated[Caller, Depends(Need(TOKENS, whole=True))]
"""The list of tokens: all but the analyst; a sysadmin sees those for intake."""
Admin = Annotated[Caller, Depends(Need(ADMINS, whole=True))]
Sender = Annotated[Caller, Depends(IngestToken())]
Open = Annotated[None, Depends(Anyone())]

Svc = Annotated[Services, Depends(services)]
