"""Sources: states, balances hour by hour, the check of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from api import exports, source_tables, sources, tables
from api.deps import Reader, Services, Svc
from api.scope import Sight, sight
from api.shapes import Shape
from api.source_tables import filtered, take_balances, take_sources
from api.sources import (
    Balances,
    Heard,
    LedgerHour,
    ReceiverSaid,
    Said,
    SaidStream,
    SilenceRow,
    SourceProblem,
    SourceRow,
    SourceTotals,
)
from api.times import From, To, moment
from core import arrival
from core.arrival import Arrival, Finding
from core.clock import DAY, Micros
from core.errors import BadInput, NotFound, failure
from core.extract import Counted, Extract, Form
from core.ledger import Events, Raws
from core.query.tree import And, Comparison, Equals
from core.sources import SourceState, views
from core.store import contract
from core.times import in_order

router = APIRouter(prefix="/sources", tags=["sources"])

SAMPLES = 3
_LONG = {"event.original", "message", "kydai.original_b64"}
LONGEST = 366 * DAY
Name = Annotated[str, Query(min_length=1, max_length=200)]


class SourceList(Shape):
    """All sources and the sums over them; the sums do not follow the filters."""

    items: list[SourceRow]
    totals: SourceTotals


class SourceLedger(Shape):
    """The balances over a range of hours."""

    hours: list[LedgerHour]
    total: Balances
    senders: int
    """How many sources sent anything."""
    said: Said
    streams: list[SaidStream]
    """What is numbered apart, when one source is asked for."""
    numbering: int
    """How many sources number what they send; of the others it is unknown whether anything was lost on the way."""
    receivers: list[ReceiverSaid]
    kernel_drops: int
    """By all receivers."""
    refused: int
    """Of all receivers, because the disk or the spool's quota was full."""


class SilenceList(Shape):
    """Silences, the first to begin first."""

    items: list[SilenceRow]


class FieldRead(Shape):
    name: str
    value: str


class Arrived(Shape):
    """What the newest event of a source says of it."""

    finding: Finding
    dataset: str
    zone_minutes: int
    lacking: list[str]
    """Fields that a complete configuration gives and that none of the last events has."""
    original: str
    fields: list[FieldRead]
    received_at: str | None
    """``event.created`` of it."""


class SourceCheck(Shape):
    """What is wrong with one source, what was heard of it, and raws that nobody could parse."""

    source: SourceRow
    problems: list[SourceProblem]
    heard: list[Heard]
    unparsed: list[str]
    said: Said
    """Of the last 24 hours, as the balance."""
    receivers: list[ReceiverSaid]
    arrived: Arrived | None
    """Of the newest event, when it is asked for."""


@router.get("")
def list_sources(
    caller: Reader,
    svc: Svc,
    state: Annotated[list[SourceState] | None, Query()] = None,
    text: Annotated[str | None, Query(max_length=200, description="Words of name, product, system or host")] = None,
) -> SourceList:
    """Every source, by name."""
    with svc.database.read() as session:
        found = sources.rows(session, svc.clock.now(), sight(caller.scope))
    items = [sources.row(*each) for each in filtered(found, state, text or "")]
    return SourceList(items=items, totals=sources.totals(found))


@router.get("/export", response_class=Response, responses=exports.CONTENT)
async def export_sources(
    request: Request,
    caller: Reader,
    svc: Svc,
    state: Annotated[list[SourceState] | None, Query()] = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
    format: Form = "csv",
    language: exports.Language = "vi",
) -> Response:
    """The sources found as a file with its slip, by name."""

    def fill(extract: Extract) -> Counted:
        with svc.database.read() as session:
            found = sources.rows(session, svc.clock.now(), sight(caller.scope))
        return take_sources(filtered(found, state, text or ""), extract, svc.zone, language)

    head = tables.heads(source_tables.SOURCES, language)
    order = exports.Order("sources", "sources", format, language, head, contract.Span())
    return await exports.taken(request, caller, svc, order, fill)


@router.get("/ledger/export", response_class=Response, responses=exports.CONTENT)
async def export_ledger(
    request: Request,
    caller: Reader,
    svc: Svc,
    source: Annotated[str | None, Query(max_length=200)] = None,
    start: From = None,
    end: To = None,
    format: Form = "csv",
    language: exports.Language = "vi",
) -> Response:
    """The balances as a file with its slip, a row for each hour and source; of the last 24 hours without a range."""
    first, last = _span(svc, start, end)
    seen = sight(caller.scope)
    with svc.database.read() as session:
        names = _names(session, svc, seen, source)
    within = {source} if source is not None else None if seen.is_whole else names

    def fill(extract: Extract) -> Counted:
        with svc.database.read() as session:
            return take_balances(session, within, first, last, extract, svc.zone, language)

    head = tables.heads(source_tables.BALANCES, language)
    order = exports.Order("balances", "balances", format, language, head, contract.Span(first, last))
    return await exports.taken(request, caller, svc, order, fill)


@router.get("/ledger")
def get_ledger(
    caller: Reader, svc: Svc, source: Annotated[str | None, Query(max_length=200)] = None, start: From = None,
    end: To = None,
) -> SourceLedger:  # fmt: skip
    """The balances hour by hour, of one source or of all; the last 24 hours when no range is given."""
    first, last = _span(svc, start, end)
    seen = sight(caller.scope)
    with svc.database.read() as session:
        names = _names(session, svc, seen, source)
        within = None if seen.is_whole else names
        found, senders = sources.hours(session, source, first, last, within)
        statement, numbering = sources.said(session, source, first, last, within)
        receivers = sources.receivers(session, first, last, seen)
    return SourceLedger(
        hours=found,
        total=_sum(found),
        senders=senders,
        said=sources.said_of(statement),
        streams=sources.streams_of(statement) if source is not None else [],
        numbering=numbering,
        receivers=receivers,
        kernel_drops=sum(receiver.kernel_drops for receiver in receivers),
        refused=sum(receiver.refused for receiver in receivers),
    )


@router.get("/silences")
def list_silences(
    caller: Reader, svc: Svc, source: Annotated[str | None, Query(max_length=200)] = None, start: From = None,
    end: To = None,
) -> SilenceList:  # fmt: skip
    """When declared sources sent nothing for longer than they may; of the last 24 hours when no range is given."""
    first, last = _span(svc, start, end)
    with svc.database.read() as session:
        names = _names(session, svc, sight(caller.scope), source)
        return SilenceList(items=sources.silences(session, source, first, last, names))


def _span(svc: Services, start: str | None, end: str | None) -> tuple[Micros, Micros]:
    """The range asked for, the last 24 hours when none is given. Raises BadInput."""
    last = moment(svc, end, is_end=True) or svc.clock.now()
    first = moment(svc, start)
    first = last - DAY if first is None else first
    in_order(first, last, start, end or "now")
    if last - first > LONGEST:
        raise failure(BadInput, "api.ledger_too_long", days=LONGEST // DAY)
    return first, last


def _names(session: Session, svc: Services, seen: Sight, source: str | None) -> set[str]:
    """The sources that the caller sees. Raises NotFound for one that is asked for and not among them."""
    names = {view.name for view in views(session, svc.clock.now()) if seen.sees(view.system, view.agency)}
    if source is not None and source not in names:
        raise failure(NotFound, "api.no_source")
    return names


def _sum(hours: list[LedgerHour]) -> Balances:
    whole = Balances(
        raws=dict.fromkeys(map(str, Raws), 0),
        events=dict.fromkeys(map(str, Events), 0),
        holds=True,
        raws_off_by=0,
        events_off_by=0,
    )
    for hour in hours:
        for mine, other in ((whole.raws, hour.balance.raws), (whole.events, hour.balance.events)):
            for bucket, count in other.items():
                mine[bucket] = mine.get(bucket, 0) + count
        whole.raws_off_by += hour.balance.raws_off_by
        whole.events_off_by += hour.balance.events_off_by
        # hours that are off by opposite counts are off all the same
        whole.holds = whole.holds and hour.balance.holds
    return whole


@router.get("/check")
async def check_source(
    source: Name,
    request: Request,
    caller: Reader,
    svc: Svc,
    dataset: Annotated[str | None, Query(max_length=100, description="Of what was heard only this")] = None,
    newest: Annotated[bool, Query(description="Read the newest event, too")] = False,
) -> SourceCheck:
    """What is wrong with a source, and what to do about it."""
    seen = sight(caller.scope)

    def ask() -> SourceCheck:
        with svc.database.read() as session:
            found = sources.rows(session, svc.clock.now(), seen)
            view, balance, spark = next((f for f in found if f[0].name == source), (None, None, None))
            if view is None or balance is None or spark is None:
                raise failure(NotFound, "api.no_source")
            wrong = sources.problems(view, balance, svc.zone)
            heard = sources.heard(session, source, dataset)
            now = svc.clock.now()
            statement, _ = sources.said(session, source, now - DAY, now, None)
            receivers = sources.receivers(session, now - DAY, now, seen)
        samples: list[str] = []
        if balance.raws["unparsed"]:
            where = And(
                (
                    Equals("kydai.source", source, Comparison.CI),
                    Equals("event.dataset", "kydai.unparsed", Comparison.CI),
                )
            )
            question = contract.Query(where, scope=seen.node)
            rows = svc.store.search(question, limit=SAMPLES, fields=["event.original", "message"])
            samples = [str(e.get("event.original") or e.get("message") or "")[:2000] for e in rows.events]
        return SourceCheck(
            source=sources.row(view, balance, spark),
            problems=wrong,
            heard=heard,
            unparsed=samples,
            said=sources.said_of(statement),
            receivers=receivers,
            arrived=_arrived(arrival.look(svc.store, source, view.last_at, seen.node)) if newest else None,
        )

    found: SourceCheck = await request.app.state.searches.run(request, ask)
    return found


def _arrived(found: Arrival) -> Arrived:
    event = found.event or {}
    return Arrived(
        finding=found.finding,
        dataset=str(event.get("event.dataset", "")),
        zone_minutes=found.zone_minutes,
        lacking=list(found.lacking),
        original=str(event.get("event.original") or event.get("message") or "")[:2000],
        fields=[FieldRead(name=name, value=str(event[name])[:500]) for name in sorted(event) if name not in _LONG],
        received_at=None if found.event is None else str(event.get("event.created")),
    )
