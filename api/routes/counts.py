"""How many events there are, in all and over time: at once, or as a stream that says how far the count is."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from api.asking import Progress, Question, answered, followed
from api.deps import Reader, Svc
from api.errors import Problem
from api.feed import EventStream
from api.shapes import Shape, Time, Truth
from core.clock import DAY, HOUR, MINUTE, SECOND, Micros
from core.errors import BadInput, failure
from core.store import contract

router = APIRouter(prefix="/events", tags=["events"])

MAX_BARS = 400
AUTO_BARS = 80
_STEPS: tuple[Micros, ...] = (
    SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR,
    6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY,
)  # fmt: skip


class Counted(Shape):
    count: int
    truth: Truth


class CountMessage(BaseModel):
    """What the stream of a count says, by the name of its event."""

    progress: Progress
    answer: Counted
    problem: Problem


class Bar(Shape):
    """The events from ``at`` on, for one interval."""

    at: Time
    count: int


class Histogram(Shape):
    interval_seconds: int
    bars: list[Bar]
    total: int
    truth: Truth


class HistogramMessage(BaseModel):
    """What the stream of a histogram says, by the name of its event."""

    progress: Progress
    answer: Histogram
    problem: Problem


def _counted(found: contract.Count) -> Counted:
    return Counted(count=found.count, truth=Truth.of(found.truth))


@router.get("/count")
async def count_events(request: Request, caller: Reader, svc: Svc, question: Question) -> Counted:
    """How many events meet the query."""
    return _counted(await answered(request, caller, question, partial(svc.store.count, question.query)))


@router.get("/count/stream", response_class=EventStream, response_model=None, responses={200: {"model": CountMessage}})
async def follow_count(request: Request, caller: Reader, svc: Svc, question: Question) -> EventStream:
    """The same as events ``progress`` and at last ``answer`` or ``problem``; the model names the data of each."""
    return await followed(request, caller, question, lambda tell: svc.store.count(question.query, tell=tell), _counted)


def interval(span: contract.Span, seconds: int | None) -> Micros:
    """The length of a bar: as asked, or such that about 80 fill the range. Raises BadInput."""
    if span.start is None or span.end is None or span.end <= span.start:
        raise failure(BadInput, "api.open_range")
    length = span.end - span.start
    if seconds is None:
        return next((s for s in _STEPS if length // s <= AUTO_BARS), -(-length // AUTO_BARS // DAY) * DAY)
    if seconds < 1 or length > seconds * SECOND * MAX_BARS:
        raise failure(BadInput, "api.wrong_interval", limit=MAX_BARS)
    return seconds * SECOND


def bar_length(
    question: Question,
    seconds: Annotated[int | None, Query(ge=1, description="Length of a bar; about 80 bars when absent")] = None,
) -> Micros:
    """The length of a bar of this question."""
    return interval(question.query.span, seconds)


Step = Annotated[Micros, Depends(bar_length)]


def _histogram(step: Micros, found: contract.Buckets) -> Histogram:
    bars = [Bar(at=int(b.key), count=b.count) for b in found.buckets]
    return Histogram(
        interval_seconds=step // SECOND, bars=bars, total=sum(b.count for b in bars), truth=Truth.of(found.truth)
    )


@router.get("/histogram")
async def histogram_events(request: Request, caller: Reader, svc: Svc, question: Question, step: Step) -> Histogram:
    """Counts over time, empty bars filled in; days begin at local midnight."""
    ask = partial(svc.store.histogram, question.query, step, zone=svc.zone)
    return _histogram(step, await answered(request, caller, question, ask))


@router.get(
    "/histogram/stream", response_class=EventStream, response_model=None, responses={200: {"model": HistogramMessage}}
)
async def follow_histogram(request: Request, caller: Reader, svc: Svc, question: Question, step: Step) -> EventStream:
    """The same as events ``progress`` and at last ``answer`` or ``problem``; the model names the data of each."""
    return await followed(
        request,
        caller,
        question,
        lambda tell: svc.store.histogram(question.query, step, zone=svc.zone, tell=tell),
        partial(_histogram, step),
    )
