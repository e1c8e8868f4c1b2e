"""The stream: ticks, changes within the listener's scope, and an end that says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, update

from api import feed as feed_module
from api.deps import COOKIE, Services
from api.feed import Changes, Feed, Watch, encode
from core import accounts
from core.audit import Actor
from core.clock import MINUTE, SECOND, StillClock
from core.db.models import Alert, Incident, Run, Session, Source, User
from tests.api.conftest import NOW, Client
from tests.api.rows import alert

Message = tuple[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(feed_module, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(feed_module, "SESSION_SECONDS", 0.02)


def read(part: bytes) -> Message:
    fields = dict(line.split(": ", 1) for line in part.decode().strip().splitlines())
    return fields["event"], orjson.loads(fields["data"])


async def until(stream: AsyncIterator[bytes], name: str) -> dict[str, Any]:
    async for part in stream:
        said, data = read(part)
        if said == name:
            return data
    raise AssertionError(f"the stream ended without {name}")


def run(work: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work(), 10))


def incident(**changes: Any) -> Incident:
    values: dict[str, Any] = {
        "number": "VV-2026-0001", "title": {"vi": "a", "en": "b"}, "level": "high", "first_at": NOW, "last_at": NOW,
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Incident(**values | changes)


def test_the_first_tick_comes_at_once_with_the_numbers_of_the_menu(services: Services) -> None:
    with services.database.write() as session:
        session.add_all([incident(), alert(), alert(), alert(host="db01"), alert(status="closed")])
        session.add(Source(name="fw", is_declared=True))
        session.add(
            Run(key="k", playbook="block", version="1", definition={}, status="waiting_approval", created_at=NOW,
                updated_at=NOW)
        )  # fmt: skip

    async def work() -> Message:
        return read(await anext(aiter(Feed(services).follow("", ""))))

    name, tick = run(work)
    assert name == "tick"
    assert tick["counts"] == {"queue": 2, "incidents": 1, "waiting_runs": 1, "sources": 1}
    assert tick["health"]["status"] == "not_ready"
    assert tick["health"]["ailments"][0]["key"] == "pipeline"


def test_changes_reach_those_who_may_see_them(services: Services, clock: StillClock) -> None:
    with services.database.write() as session:
        session.add_all([alert(system="A"), alert(system="B")])

    async def work() -> tuple[dict[str, Any], dict[str, Any]]:
        feed = Feed(services)
        whole, part = feed.follow("", ""), feed.follow("kydai.system: A", "")
        for stream in (whole, part):
            await until(stream, "tick")
        await until(whole, "tick")
        clock.advance(1)
        with services.database.write() as session:
            session.execute(update(Alert).values(status="acknowledged", updated_at=clock.now()))
            session.add(incident(updated_at=clock.now()))
        found = await until(whole, "change"), await until(part, "change")
        feed.close()
        return found

    whole, part = run(work)
    assert [a["system"] for a in whole["alerts"]] == ["A", "B"]
    assert {a["status"] for a in whole["alerts"]} == {"acknowledged"}
    assert [i["number"] for i in whole["incidents"]] == ["VV-2026-0001"]
    assert [a["system"] for a in part["alerts"]] == ["A"]
    assert part["incidents"] == []


def test_a_late_commit_with_an_earlier_time_is_not_missed(services: Services) -> None:
    watch = Watch(NOW)
    with services.database.read() as session:
        assert not watch.look(session, NOW)
    with services.database.write() as session:
        session.add(alert(updated_at=NOW - 5 * SECOND))
    with services.database.read() as session:
        assert watch.look(session, NOW + SECOND).alerts == [1]
        assert not watch.look(session, NOW + 2 * SECOND)
        assert not watch.look(session, NOW + MINUTE)


def test_more_than_fits_is_said(services: Services) -> None:
    watch = Watch(NOW)
    with services.database.write() as session:
        watch.look(session, NOW)
        session.add_all([alert(updated_at=NOW) for _ in range(feed_module.AT_ONCE + 1)])
    with services.database.read() as session:
        seen = watch.look(session, NOW)
    assert seen.more
    assert len(seen.alerts) == feed_module.AT_ONCE


def test_the_stream_ends_with_the_session(services: Services, client: Client) -> None:
    browser = client("analyst")
    session_hash = accounts.digest(browser.cookies[COOKIE])

    async def work() -> dict[str, Any]:
        stream = Feed(services).follow("", session_hash)
        await until(stream, "tick")
        await until(stream, "tick")
        with services.database.write() as session:
            session.execute(delete(Session))
        return await until(stream, "bye")

    assert run(work) == {"reason": "session"}


@pytest.mark.parametrize("change", ["revoked", "disabled", "another scope"])
def test_the_stream_of_a_token_ends_with_what_it_may_see(services: Services, change: str) -> None:
    actor = Actor("an", "cli")
    with services.database.write() as session:
        user = accounts.add_user(session, actor, "khoa", accounts.Role.AUDITOR, now=NOW)
        accounts.make_token(session, actor, user, "soi", accounts.TokenScope.API, now=NOW)

    async def work() -> dict[str, Any]:
        stream = Feed(services).follow("", "token:soi")
        await until(stream, "tick")
        await until(stream, "tick")
        with services.database.write() as session:
            if change == "revoked":
                accounts.revoke_token(session, actor, "soi", now=NOW)
            else:
                values = {"is_disabled": True} if change == "disabled" else {"scope": "kydai.system: A"}
                session.execute(update(User).where(User.name == "khoa").values(**values))
        return await until(stream, "bye")

    assert run(work) == {"reason": "session"}


def test_stopping_and_being_too_slow_are_said(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stopped() -> dict[str, Any]:
        feed = Feed(services)
        stream = feed.follow("", "")
        await until(stream, "tick")
        feed.close()
        return await until(stream, "bye")

    assert run(stopped) == {"reason": "stop"}
    monkeypatch.setattr(feed_module, "_BACKLOG", 1)

    async def slow() -> dict[str, Any]:
        feed = Feed(services)
        stream = feed.follow("", "")
        await until(stream, "tick")
        (listener,) = feed._listeners
        while not listener.is_slow:
            await asyncio.sleep(0.01)
        return await until(stream, "bye")

    assert run(slow) == {"reason": "slow"}


def test_an_event_is_one_block_of_lines() -> None:
    made = encode("change", Changes(alerts=[], incidents=[], runs=[], more=False))
    assert made == b'event: change\ndata: {"alerts":[],"incidents":[],"runs":[],"more":false}\n\n'
