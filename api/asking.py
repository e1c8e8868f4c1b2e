"""Questions to the event store: as they come, and how they are answered. Each is in the journal before its answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel

from api.deps import Caller, Reader, Svc
from api.errors import problem_of, unforeseen
from api.feed import EventStream, encode, event_stream
from api.scope import sight
from api.searching import Searches, unheard
from api.shapes import Shape
from api.times import From, To, span
from core.errors import KydaiError, Unavailable, failure
from core.query.language import parse
from core.store import contract
from core.store.telling import Counting, TellCount

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it came, and as the store takes it."""

    text: str
    start: str
    end: str
    query: contract.Query


def asked(
    caller: Reader,
    svc: Svc,
    query: Annotated[str, Query(max_length=10_000, description="KQL or Lucene spelling")] = "",
    start: From = None,
    end: To = None,
    include_replaced: bool = False,
) -> Asked:
    """The query, the time range and the caller's scope. Raises QueryError with the place."""
    node = parse(query, now=svc.clock.now(), zone=svc.zone)
    wanted = contract.Query(node, span(svc, start, end), sight(caller.scope).node, include_replaced)
    return Asked(query, start or "", end or "", wanted)


Question = Annotated[Asked, Depends(asked)]


def _note(request: Request, caller: Caller, question: Asked) -> asyncio.Future[None]:
    written: Future[None] = request.app.state.journal.search(caller.actor, question.text, question.start, question.end)
    return asyncio.wrap_future(written)


async def answered(request: Request, caller: Caller, question: Asked, ask: Callable[[], T]) -> T:
    """Ask the store while the journal's entry is written; answer when both are done."""
    written = _note(request, caller, question)
    found: T = await request.app.state.searches.run(request, ask)
    await written
    return found


class Progress(Shape):
    """How far a count is: of about ``whole`` events ``done`` are looked through, and at least ``found`` match."""

    done: int
    whole: int
    found: int


async def followed(
    request: Request, caller: Caller, question: Asked, ask: Callable[[TellCount], T], shape: Callable[[T], BaseModel]
) -> EventStream:
    """As ``answered``, but as server-sent events, as ``streamed`` sends them."""
    return await streamed(request, _note(request, caller, question), request.app.state.searches, ask, shape)


async def streamed(
    request: Request,
    written: asyncio.Future[None],
    searches: Searches,
    ask: Callable[[TellCount], T],
    shape: Callable[[T], BaseModel],
) -> EventStream:
    """Server-sent events: ``progress`` again and again, and at last ``answer`` or ``problem``; the first of them behind
    what is to be ``written``.

    What fails before anything is told is raised, and so answered as anywhere. Who leaves ends the search.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[Counting | None] = asyncio.Queue()

    gone = threading.Event()

    def tell(now: Counting) -> None:
        if gone.is_set():  # between two reads of the store there is nothing to stop
            raise failure(Unavailable, "api.search_ended")
        loop.call_soon_threadsafe(told.put_nowait, now)

    def ended(search: asyncio.Future[T]) -> None:
        gone.set()
        unheard(search)
        told.put_nowait(None)

    search: asyncio.Future[T] = asyncio.ensure_future(searches.run(request, lambda: ask(tell)))
    search.add_done_callback(ended)
    first = await told.get()
    await written
    if first is None:
        search.result()

    async def events() -> AsyncIterator[bytes]:
        now = first
        while now is not None:
            yield encode("progress", Progress.model_validate(now))
            now = await told.get()
        try:
            last = encode("answer", shape(search.result()))
        except KydaiError as error:
            last = encode("problem", problem_of(request, error))
        except Exception as error:  # noqa: BLE001 - its status is sent: nothing further out could still answer it
            last = encode("problem", unforeseen(request, error))
        yield last

    return event_stream(events())
