"""Runs searches a few at a time; one whose caller has gone, or that takes too long, is ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from api.errors import TooMany
from core.errors import Unavailable, failure
from core.store.contract import EventStore

T = TypeVar("T")

AT_ONCE = 4
WAITING = 32
LONGEST_SECONDS = 60.0
_LOOK_SECONDS = 0.2


class Searches:
    """The threads that ask the store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="search")
        self._running = 0

    async def run(self, request: Request, ask: Callable[[], T]) -> T:
        """The answer of ``ask``. Raises TooMany when too many wait, Unavailable after 60 s."""
        if self._running >= AT_ONCE + WAITING:
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

        def stop() -> None:
            # one that has ended meanwhile must not stop the next search of its thread
            with changing:
                if thread:
                    self._store.interrupt(thread)

        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_SECONDS
        self._running += 1
        try:
            pending = self._threads.submit(work)
            done = asyncio.wrap_future(pending)
            while not done.done():
                await asyncio.wait({done}, timeout=_LOOK_SECONDS)
                if not done.done() and (loop.time() > until or await request.is_disconnected()):
                    if not pending.cancel():
                        await asyncio.to_thread(stop)  # it waits until the engine has stopped
                    raise failure(Unavailable, "api.search_ended")
            return done.result()
        finally:
            self._running -= 1

    def close(self) -> None:
        """End what runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
