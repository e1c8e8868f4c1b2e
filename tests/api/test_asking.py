"""What is told of a search while it runs: behind the journal's entry, in order, and to nobody who has left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError
from structlog.testing import capture_logs

from api.asking import Asked, followed
from api.searching import Searches
from core.errors import Unavailable, failure
from core.store.contract import Query
from core.store.telling import Counting, TellCount


class Number(BaseModel):
    number: int


class House:
    """A request and all behind it: the store can be stopped, the journal is kept open, who listens may leave."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()
        self.searches = Searches(cast(Any, self))
        self.written: Future[None] = Future()
        self.said: list[bytes] = []
        self.leaves_after = 100
        self.headers = {"accept-language": "en"}
        self.url = SimpleNamespace(path="/api/v1/events/count/stream")
        self.method = "GET"
        self.state = SimpleNamespace(is_in=lambda: True)
        self.app = SimpleNamespace(state=SimpleNamespace(searches=self.searches, journal=self))

    def interrupt(self, thread: int | None = None) -> int:
        self.interrupted.set()
        return 1

    def search(self, *_: object) -> Future[None]:
        return self.written

    async def receive(self) -> dict[str, str]:
        while len(self.said) < self.leaves_after:
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message.get("body"):
            self.said.append(message["body"])

    async def follow(
        self, ask: Callable[[TellCount], int], shape: Callable[[int], BaseModel] = lambda n: Number(number=n)
    ) -> None:
        caller = cast(Any, SimpleNamespace(actor=None))
        question = Asked("x", "", "", Query())
        stream = await followed(cast(Any, self), caller, question, ask, shape)
        await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, cast(Any, self.receive), cast(Any, self.send))


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.interrupted.set()
    made.searches.close()


def two_parts(tell: TellCount) -> int:
    tell(Counting(1, 2, 3))
    tell(Counting(2, 2, 7))
    return 7


PROGRESS = [
    b'event: progress\ndata: {"done":1,"whole":2,"found":3}\n\n',
    b'event: progress\ndata: {"done":2,"whole":2,"found":7}\n\n',
]


def test_how_far_it_is_is_told_and_then_the_answer(house: House) -> None:
    house.written.set_result(None)
    asyncio.run(house.follow(two_parts))
    assert house.said == [*PROGRESS, b'event: answer\ndata: {"number":7}\n\n']


def test_nothing_is_told_before_the_entry_is_written(house: House) -> None:
    ended = threading.Event()

    def ask(tell: TellCount) -> int:
        try:
            return two_parts(tell)
        finally:
            ended.set()

    async def wait() -> None:
        following = asyncio.create_task(house.follow(ask))
        while not ended.is_set():
            await asyncio.sleep(0)
        assert house.said == []
        house.written.set_exception(failure(Unavailable, "api.database_busy"))
        with pytest.raises(Unavailable):
            await following

    asyncio.run(wait())
    assert house.said == []


def test_what_fails_on_the_way_is_told_as_a_problem_and_at_once_as_any_other(house: House) -> None:
    house.written.set_result(None)

    def breaks(tell: TellCount) -> int:
        tell(Counting(1, 2, 3))
        raise failure(Unavailable, "store.error.memory")

    asyncio.run(house.follow(breaks))
    first, last = house.said
    assert first == PROGRESS[0]
    assert last.startswith(b"event: problem\ndata: {")
    assert b'"status":503' in last
    house.said.clear()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(house.follow(lambda _: 1 // 0))
    assert house.said == []


class Unshaped(BaseModel):
    letters: str


def breaks_on_the_way(tell: TellCount) -> int:
    return two_parts(tell) // 0


@pytest.mark.parametrize(
    ("ask", "shape"), [(breaks_on_the_way, Number), (two_parts, Unshaped)], ids=["while asked", "when written"]
)
def test_what_nobody_foresaw_is_logged_and_told_as_a_problem_too(
    house: House, ask: Callable[[TellCount], int], shape: type[BaseModel]
) -> None:
    house.written.set_result(None)
    with capture_logs() as logs:
        asyncio.run(house.follow(ask, lambda n: shape.model_validate({"number": n})))
    assert house.said[:-1] == PROGRESS
    assert house.said[-1].startswith(b"event: problem\ndata: {")
    assert b'"status":500' in house.said[-1]
    assert b"division" not in house.said[-1], "what broke is ours to know"
    (entry,) = logs
    assert (entry["log_level"], entry["path"]) == ("error", "/api/v1/events/count/stream")
    assert isinstance(entry["exc_info"], ZeroDivisionError | ValidationError)


def test_who_leaves_ends_the_search(house: House) -> None:
    house.written.set_result(None)
    house.leaves_after = 1

    def ask(tell: TellCount) -> int:
        tell(Counting(1, 2, 3))
        assert house.interrupted.wait(10), "nobody stopped it"
        raise failure(Unavailable, "store.error.stopped")

    async def leave() -> None:
        await house.follow(ask)
        while not house.interrupted.is_set():
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(leave(), 20))
    assert house.said == PROGRESS[:1]
