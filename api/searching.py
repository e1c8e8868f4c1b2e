"""Runs searches a few at a time; one whose caller has gone or was signed out, or that takes too long, is ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError

from api.errors import TooMany, Unauthenticated
from core.errors import Unavailable, failure
from core.store.contract import EventStore

T = TypeVar("T")

AT_ONCE = 4
WAITING = 32
LONGEST_SECONDS = 60.0
STILL_IN_SECONDS = 5.0
"""Between two looks at whether the caller may still ask: exports and backtests take long."""
_TRIES = 50
_BETWEEN_SECONDS = 0.02


async def _has_left(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _is_out(request: Request) -> None:
    """Return when the caller is signed out, as one who is disabled; what cannot be asked is asked again."""
    while True:
        await asyncio.sleep(STILL_IN_SECONDS)
        with suppress(SQLAlchemyError, Unavailable):
            if not await run_in_threadpool(request.state.is_in):
                return


def unheard(done: asyncio.Future[Any]) -> None:
    """Nobody waits for how a stopped search ended: take its error, or the loop complains of it."""
    if not done.cancelled():
        done.exception()


class Searches:
    """The threads that ask the store."""

    def __init__(self, store: EventStore, at_once: int = AT_ONCE, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._store = store
        self._at_once = at_once
        self._longest_seconds = longest_seconds
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="search")
        self._running = 0

    async def run(self, request: Request, ask: Callable[[], T]) -> T:
        """The answer of ``ask``. Raises TooMany when too many wait, Unavailable when it takes too long, Unauthenticated
        when the caller is signed out meanwhile."""
        if self._running >= self._at_once + WAITING:
            raise failure(TooMany, "api.search_busy")
        thread = 0  # that asks now
        changing = threading.Lock()

        def work() -> T:
            nonlocal thread
            with changing:
                thread = threading.get_ident()
            try:
                return ask()
            finally:
                with changing:
                    thread = 0

        def stop() -> bool:
            # one that has ended meanwhile must not stop the next search of its thread
            with changing:
                return bool(thread and self._store.interrupt(thread))

        left, out = asyncio.ensure_future(_has_left(request)), asyncio.ensure_future(_is_out(request))
        self._running += 1
        try:
            pending = self._threads.submit(work)
            done = asyncio.wrap_future(pending)
            either: set[asyncio.Future[Any]] = {done, left, out}
            await asyncio.wait(either, timeout=self._longest_seconds, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            done.add_done_callback(unheard)
            for _ in range(_TRIES):  # between two of its reads there is nothing to stop
                # the engine's stop waits until it has stopped
                if pending.cancel() or await asyncio.to_thread(stop) or done.done():
                    break
                await asyncio.wait({done}, timeout=_BETWEEN_SECONDS)
            if out.done():
                raise failure(Unauthenticated, "api.need_sign_in")
            raise failure(Unavailable, "api.search_ended")
        finally:
            left.cancel()
            out.cancel()
            self._running -= 1

    def close(self) -> None:
        """End what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
