"""Searches run a few at a time; one whose caller has gone, or that takes too long, is ended."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api import searching
from api.errors import TooMany, Unauthenticated
from api.searching import Searches
from core.errors import Unavailable


class Store:
    """Notes which threads were interrupted, and lets them go on."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.interrupted: list[int] = []

    def interrupt(self, thread: int | None = None) -> int:
        assert thread is not None
        self.interrupted.append(thread)
        self.gate.set()
        return 1


class Request:
    def __init__(self, is_gone: bool = False, is_in: bool = True) -> None:
        self.is_gone = is_gone
        self.state = SimpleNamespace(is_in=lambda: is_in)

    async def receive(self) -> dict[str, str]:
        if not self.is_gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}


def run(searches: Searches, ask: Any, is_gone: bool = False) -> Any:
    return asyncio.run(searches.run(cast(Any, Request(is_gone)), ask))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def searches(store: Store) -> Any:
    made = Searches(cast(Any, store))
    yield made
    store.gate.set()
    made.close()


def test_an_answer_comes_back_and_an_error_too(searches: Searches) -> None:
    assert run(searches, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        run(searches, lambda: 1 // 0)


def test_a_caller_who_has_gone_ends_the_search(searches: Searches, store: Store) -> None:
    thread: list[int] = []

    def ask() -> bool:
        thread.append(threading.get_ident())
        return store.gate.wait(10)

    with pytest.raises(Unavailable):
        run(searches, ask, is_gone=True)
    assert store.interrupted == thread


def test_a_caller_who_is_signed_out_ends_the_search(
    searches: Searches, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "STILL_IN_SECONDS", 0.01)
    with pytest.raises(Unauthenticated):
        asyncio.run(searches.run(cast(Any, Request(is_in=False)), lambda: store.gate.wait(10)))
    assert len(store.interrupted) == 1


def test_a_caller_who_goes_between_two_reads_ends_the_search_too(
    searches: Searches, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt, asked = store.interrupt, []

    def at_the_third(thread: int | None = None) -> int:
        asked.append(thread)
        return interrupt(thread) if len(asked) == 3 else 0

    monkeypatch.setattr(store, "interrupt", at_the_third)
    with pytest.raises(Unavailable):
        run(searches, lambda: store.gate.wait(10), is_gone=True)
    assert len(store.interrupted) == 1


def test_a_search_that_has_just_ended_does_not_stop_the_next_of_its_thread(
    searches: Searches, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "_threads", ThreadPoolExecutor(1))
    first_may_end, next_began = threading.Event(), threading.Event()

    class Gone(Request):
        async def receive(self) -> dict[str, str]:
            first_may_end.set()
            assert next_began.wait(10)  # without leaving the loop, which has not heard of the first's end
            return {"type": "http.disconnect"}

    def ask_next() -> bool:
        next_began.set()
        return store.gate.wait(10)

    async def both() -> bool:
        first = asyncio.create_task(searches.run(cast(Any, Gone()), lambda: first_may_end.wait(10)))
        second = asyncio.create_task(searches.run(cast(Any, Request()), ask_next))
        with suppress(Unavailable):  # its answer may have been heard of with its caller's going
            await first
        store.gate.set()
        return await second

    assert asyncio.run(both())
    assert store.interrupted == []


def test_a_search_that_takes_too_long_is_ended(store: Store) -> None:
    with pytest.raises(Unavailable):
        run(Searches(cast(Any, store), longest_seconds=0.0), lambda: store.gate.wait(10))
    assert len(store.interrupted) == 1


def test_too_many_are_told_to_come_again(searches: Searches, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WAITING", 1)

    async def crowd() -> list[Any]:
        async def one() -> Any:
            return await searches.run(cast(Any, Request()), lambda: store.gate.wait(10))

        waiting = [asyncio.create_task(one()) for _ in range(searching.AT_ONCE + 1)]
        await asyncio.sleep(0)
        with pytest.raises(TooMany):
            await one()
        store.gate.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(crowd()) == [True] * (searching.AT_ONCE + 1)
