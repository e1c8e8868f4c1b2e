"""Sources: states, balances hour by hour, the check of one, the inventory."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from api import sources
from api.deps import House, Reader, Services, Svc
from api.scope import Sight, sight
from api.shapes import Shape, Words
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
from core import inventory
from core.clock import DAY, Micros
from core.errors import BadInput, NotFound, failure
from core.export import csv_bytes, xlsx_bytes
from core.inventory_table import read_table
from core.ledger import Events, Raws
from core.query.fold import fold
from core.query.tree import And, Comparison, Equals
from core.sources import SourceState, views
from core.store import contract
from core.times import in_order

router = APIRouter(prefix="/sources", tags=["sources"])

SAMPLES = 3
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


class SourceCheck(Shape):
    """What is wrong with one source, what was heard of it, and raws that nobody could parse."""

    source: SourceRow
    problems: list[SourceProblem]
    heard: list[Heard]
    unparsed: list[str]
    said: Said
    """Of the last 24 hours, as the balance."""
    receivers: list[ReceiverSaid]


class WrongCell(Shape):
    """A cell of an inventory that cannot be used; rows count from 1 with the header as row 1."""

    row: int
    column: str
    title: Words
    value: str
    reason: Words


class ImportPlan(Shape):
    """What an import does or would do; nothing is done while a cell is wrong."""

    added: list[str]
    changed: dict[str, list[str]]
    unchanged: int
    wrong: list[WrongCell]
    is_applied: bool


class Zone(BaseModel):
    source: str = Field(min_length=1, max_length=200)
    zone: str = Field(min_length=1, max_length=64, description="IANA name")


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
    words = fold(text or "").split()
    items = []
    for view, balance, spark in found:
        about = fold(" ".join((view.name, view.product, view.system, view.agency, *view.hosts)))
        if (not state or view.state in state) and all(word in about for word in words):
            items.append(sources.row(view, balance, spark))
    return SourceList(items=items, totals=sources.totals(found))


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
        )

    found: SourceCheck = await request.app.state.searches.run(request, ask)
    return found


@router.get("/template", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def get_template(_: Reader, format: Literal["csv", "xlsx"] = "xlsx", language: Literal["vi", "en"] = "vi") -> Response:
    """An empty inventory with two example rows."""
    head, rows = inventory.template(language)
    data = xlsx_bytes(head, rows) if format == "xlsx" else csv_bytes(head, rows)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" if format == "xlsx" else "text/csv"
    disposition = f'attachment; filename="kydai-sources.{format}"'
    return Response(data, media_type=kind, headers={"content-disposition": disposition})


@router.post(
    "/import",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file itself: CSV (UTF-8) or XLSX.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_inventory(
    request: Request,
    caller: House,
    svc: Svc,
    name: Annotated[str, Query(max_length=255, description="The file's name; .xlsx is read as such")] = "",
    preview: bool = True,
) -> ImportPlan:
    """Check an inventory and, unless it is a preview or a cell is wrong, take it over: all or nothing."""
    data = await request.body()

    def work() -> ImportPlan:
        cells = read_table(name.replace("/", "_") or "inventory.csv", data)
        with svc.database.write() as session:
            plan = inventory.plan(session, cells, name, svc.policy.months)
            is_applied = not preview and not plan.wrong
            if is_applied:
                inventory.apply(session, caller.actor, plan, svc.clock.now())
        wrong = [
            WrongCell(
                row=w.row,
                column=w.column,
                title=Words(**w.title),
                value=w.value[:200],
                reason=Words(**w.reason),
            )
            for w in plan.wrong
        ]
        return ImportPlan(
            added=plan.added,
            changed=plan.changed,
            unchanged=len(plan.unchanged),
            wrong=wrong,
            is_applied=is_applied,
        )

    if not data:
        raise failure(BadInput, "api.empty_file")
    found: ImportPlan = await request.app.state.searches.run(request, work)
    return found


@router.post("/zone", status_code=204)
def set_zone(body: Zone, caller: House, svc: Svc) -> None:
    """Mend the time zone of a declared source; events read from now on use it."""
    with svc.database.write() as session:
        inventory.set_zone(session, caller.actor, body.source, body.zone, svc.clock.now())
