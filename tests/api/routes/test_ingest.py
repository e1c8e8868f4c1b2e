"""Handing in events: the answer comes after the disk, resends are known, and a full disk says when to come again."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

import orjson
import pytest
from fastapi.testclient import TestClient

from api import intake
from api.deps import Services
from api.resends import Met
from api.routes.ingest import Door, open_door
from core import accounts
from core.clock import StillClock
from core.errors import Refused, Unavailable
from core.event import Frame, FrameKind, Stored
from core.spool import GroupCommit, Position, Spool, SpoolReader
from tests.api.conftest import CLI, Client

URL = "/api/v1/ingest"


@pytest.fixture
def sender(client: Client, token: Callable[..., str]) -> TestClient:
    made = client()
    made.headers["authorization"] = f"Bearer {token('ingest')}"
    del made.headers["x-kydai"]
    return made


def in_spool(spool: Spool) -> list[Stored]:
    return SpoolReader(spool.folder).read(Position()).frames


def test_what_is_answered_for_is_on_disk(sender: TestClient, spool: Spool, clock: StillClock) -> None:
    body = b'{"message":"a","event.id":"1"}\n{"message":"b","event.id":"2"}\nnonsense\n{"message":"a","event.id":"1"}'
    answer = sender.post(URL, content=body)
    assert answer.json() == {
        "accepted": 2,
        "duplicates": 1,
        "rejected": [{"line": 3, "reason": "not_json"}],
    }
    found = [s.frame for s in in_spool(spool)]
    assert [(f.kind, f.data) for f in found] == [
        (FrameKind.LOG, b"a"), (FrameKind.LOG, b"b"), (FrameKind.DOOR, b""), (FrameKind.DOOR, b"nonsense"),
    ]  # fmt: skip
    assert {f.source for f in found} == {"token:ingest-0"}
    assert {f.created_at for f in found} == {clock.now()}
    again = sender.post(URL, content=gzip.compress(body), headers={"content-encoding": "gzip"}).json()
    assert (again["accepted"], again["duplicates"]) == (0, 3)


def test_a_parameter_that_there_is_not_is_refused(sender: TestClient) -> None:
    assert sender.post(URL, params={"sorce": "x"}, content=b"{}").status_code == 400


def test_large_bodies_take_the_same_way(sender: TestClient, spool: Spool) -> None:
    body = b"\n".join(orjson.dumps({"message": f"line {i}", "event.id": i, "n": i}) for i in range(8000))
    assert sender.post(URL, content=body).json()["accepted"] == 8000
    assert sender.post(URL, content=body).json()["duplicates"] == 8000


def test_only_a_living_ingest_token_may_hand_in(
    client: Client, token: Callable[..., str], sender: TestClient, services: Services, clock: StillClock
) -> None:
    assert client().post(URL, content=b"{}").status_code == 401
    assert client("admin").post(URL, content=b"{}").status_code == 401
    other = client()
    other.headers["authorization"] = f"Bearer {token('api', 'admin')}"
    assert other.post(URL, content=b"{}").status_code == 403
    assert sender.get("/api/v1/auth/me").status_code == 403
    assert sender.post(URL, content=b"").json() == {"accepted": 0, "duplicates": 0, "rejected": []}
    with services.database.write() as session:
        accounts.revoke_token(session, CLI, "ingest-0", now=clock.now())
    clock.advance(6)
    assert sender.post(URL, content=b"{}").status_code == 401


def test_bad_bodies_are_refused_whole(sender: TestClient, spool: Spool) -> None:
    assert sender.post(URL, content=b"x", headers={"content-encoding": "gzip"}).status_code == 400
    assert sender.post(URL, content=b"x", headers={"content-encoding": "br"}).status_code == 415
    too_long = {"content-length": str(intake.BODY_BYTES + 1)}
    assert sender.post(URL, content=b"x", headers=too_long).status_code == 413
    assert in_spool(spool) == []


def test_a_full_disk_says_when_to_come_again(
    sender: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services.intake is not None
    body = b'{"message":"a","event.id":"1"}'
    for error, status in ((Refused("the disk is full."), 429), (Unavailable("sync failed"), 503)):

        def fail(frames: object, error: Exception = error) -> Future[list[Stored]]:
            done: Future[list[Stored]] = Future()
            done.set_exception(error)
            return done

        with monkeypatch.context() as patch:
            patch.setattr(services.intake, "submit", fail)
            answer = sender.post(URL, content=body)
        assert answer.status_code == status
        assert int(answer.headers["retry-after"]) > 0
    assert sender.post(URL, content=body).json()["accepted"] == 1, "what failed is no duplicate"


def test_too_much_at_once_is_refused(sender: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.routes.ingest.IN_FLIGHT_BYTES", 10)
    assert sender.post(URL, content=b'{"message":"abc"}').status_code == 429


def test_the_same_id_in_two_requests_at_once_is_taken_once(spool: Spool) -> None:
    commit = GroupCommit(spool)
    door = Door(commit)
    lines, rejects = intake.read_lines(b'{"message":"a","event.id":"1"}')

    async def both() -> list[list[Met]]:
        return await asyncio.gather(*(door.take(lines, rejects, "token:a", 5) for _ in range(3)))

    assert asyncio.run(both()) == [[Met.NEW], [Met.AGAIN], [Met.AGAIN]]
    commit.close()


def test_of_three_requests_at_once_the_next_is_taken_when_the_first_is_refused(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = GroupCommit(spool)
    door = Door(commit)
    lines, rejects = intake.read_lines(b'{"message":"a","event.id":"1"}')
    real, calls = commit.submit, 0

    def once_full(frames: Sequence[Frame]) -> Future[list[Stored]]:
        nonlocal calls
        calls += 1
        if calls > 1:
            return real(frames)
        done: Future[list[Stored]] = Future()
        done.set_exception(Refused("the disk is full."))
        return done

    monkeypatch.setattr(commit, "submit", once_full)

    async def three() -> list[list[Met] | BaseException]:
        takes = (door.take(lines, rejects, "token:a", 5) for _ in range(3))
        return await asyncio.gather(*takes, return_exceptions=True)

    first, *others = asyncio.run(three())
    assert isinstance(first, Refused)
    assert others == [[Met.NEW], [Met.AGAIN]]
    assert len([s for s in in_spool(spool) if s.frame.kind is FrameKind.LOG]) == 1
    commit.close()


def test_an_id_with_another_content_is_taken_and_flagged(sender: TestClient, spool: Spool) -> None:
    body = b'{"x":1,"event.id":1}\n{"x":1,"event.id":"1"}\n{"x":2,"event.id":"1"}\n{"x":1,"event.id":1}'
    assert sender.post(URL, content=body).json()["duplicates"] == 1
    assert sender.post(URL, content=b'{"x":3,"event.id":1}\n' + body).json()["duplicates"] == 4
    taken = [s.frame for s in in_spool(spool) if s.frame.kind is FrameKind.LOG]
    assert [(f.data[:6], "id_reused" in f.meta) for f in taken] == [
        (b'{"x":1', False), (b'{"x":1', True), (b'{"x":2', True), (b'{"x":3', True),
    ]  # fmt: skip


def test_a_restart_still_knows_the_last_hour(sender: TestClient, services: Services) -> None:
    body = b'{"message":"a","event.id":"1"}'
    assert sender.post(URL, content=body).json()["accepted"] == 1
    door = open_door(services)
    assert door is not None
    lines, _ = intake.read_lines(body)
    assert asyncio.run(door.take(lines, [], "token:ingest-0", services.clock.now())) == [Met.AGAIN]


def test_a_process_without_intake_says_so(services: Services) -> None:
    assert open_door(replace(services, intake=None)) is None
