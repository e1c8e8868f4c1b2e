"""A data folder, an app over it, and people of every role who are signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import argon2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.deps import COOKIE, Services
from core import accounts
from core.accounts import Role, TokenScope
from core.audit import Actor
from core.clock import SECOND, StillClock
from core.db.database import Database
from core.spool import GroupCommit, Spool
from core.store.segments import SegmentStore

CLI = Actor("setup", "cli")
NOW = 1_795_571_528 * SECOND
"""2026-11-25T01:52:08Z"""


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords by Argon2id of the smallest cost; tests/core/test_accounts.py has the real one."""
    quick = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", quick)
    monkeypatch.setattr(accounts, "_NOBODY", quick.hash("nobody"))


@pytest.fixture
def clock() -> StillClock:
    return StillClock(NOW)


@pytest.fixture
def spool(tmp_path: Path, clock: StillClock) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool" / "api", clock, reserve_bytes=0)
    yield spool
    spool.close()


@pytest.fixture
def services(tmp_path: Path, database: Database, clock: StillClock, spool: Spool) -> Iterator[Services]:
    commit = GroupCommit(spool)
    store = SegmentStore(tmp_path / "store", clock)
    yield Services(database, store, clock, commit)
    store.close()
    commit.close()


Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def shared_app() -> FastAPI:
    """One app for all tests: its routes take longer to build than most tests to run."""
    nothing = cast(Any, None)
    return create_app(Services(nothing, nothing, nothing))


@pytest.fixture
def client(services: Services, shared_app: FastAPI) -> Iterator[Client]:
    """``client()`` is nobody, ``client("analyst")`` a signed-in analyst; ``scope`` limits what they see;
    ``is_new``: without a password yet."""
    app = shared_app
    app.state.services = services
    opened: list[TestClient] = []

    def make(role: str | None = None, scope: str = "", peer: str = "127.0.0.1", is_new: bool = False) -> TestClient:
        made = TestClient(app, client=(peer, 50_000), headers={"x-kydai": "1", "accept-language": "en"})
        made.__enter__()
        opened.append(made)
        if role is not None:
            name = f"{role}{len(opened)}"
            with services.database.write() as session:
                user = accounts.add_user(session, CLI, name, Role(role), now=services.clock.now(), scope=scope)
                user.password_hash = None if is_new else "-"
                secret = accounts.open_session(session, user, now=services.clock.now(), address="127.0.0.1", way="link")
            made.cookies.set(COOKIE, secret)
        return made

    yield make
    for one in opened:
        one.__exit__()


@pytest.fixture
def token(services: Services) -> Callable[..., str]:
    """Makes a token of a scope for a new person of a role."""
    made = iter(range(100))

    def make(scope: str, role: str = "sysadmin") -> str:
        name = f"{scope}-{next(made)}"
        with services.database.write() as session:
            user = accounts.add_user(session, CLI, name, Role(role), now=services.clock.now())
            return accounts.make_token(session, CLI, user, name, TokenScope(scope), now=services.clock.now())[1]

    return make
