"""Writes what people searched into the journal, several entries in one transaction, before the answers go out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import structlog

from core import audit
from core.audit import Actor
from core.clock import MINUTE, Clock, Micros
from core.db.database import Database
from core.errors import KydaiError

log = structlog.get_logger(__name__)

SAME_SEARCH = MINUTE
"""The same question of the same session within this time is one entry: its histogram, values and next pages."""
_REMEMBERED = 2_000

_Entry = tuple[Actor, str, str, dict[str, Any], Future[None]]


class SearchJournal:
    """A thread that commits what is waiting together. An entry that could not be written fails its search."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._recent: dict[tuple[str, str, str, str], tuple[Micros, Future[None]]] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="search journal", daemon=True)
        self._thread.start()

    def search(self, actor: Actor, query: str, start: str, end: str) -> Future[None]:
        """Note a search over events; the future ends when its entry is committed."""
        now, key = self._clock.now(), (actor.name + actor.session, query, start, end)
        with self._lock:
            at, written = self._recent.get(key, (0, None))
            if written is not None and 0 <= now - at < SAME_SEARCH and not (written.done() and written.exception()):
                return written
            if len(self._recent) >= _REMEMBERED:
                self._recent.clear()
            written = self.note(actor, "events.search", "events", {"query": query, "from": start, "to": end})
            self._recent[key] = (now, written)
        return written

    def note(self, actor: Actor, action: str, obj: str, after: Mapping[str, Any]) -> Future[None]:
        """Note something else that was read or exported."""
        written: Future[None] = Future()
        self._queue.put((actor, action, obj, dict(after), written))
        return written

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting, stop = [first], False
            while not self._queue.empty() and len(waiting) < 200:
                more = self._queue.get()
                if more is None:
                    stop = True
                    break
                waiting.append(more)
            self._write(waiting)
            if stop:
                return

    def _write(self, entries: list[_Entry]) -> None:
        try:
            with self._database.write() as session:
                for actor, action, obj, after, _ in entries:
                    audit.record(session, actor, action, obj, now=self._clock.now(), after=after)
        except KydaiError as error:
            log.error("Searches could not be written into the journal.", count=len(entries), error=str(error))
            for *_, written in entries:
                written.set_exception(error)
        else:
            for *_, written in entries:
                written.set_result(None)

    def close(self) -> None:
        """Write what is waiting and end the thread."""
        self._queue.put(None)
        self._thread.join()
