"""The inventory of sources: brought in as a file, edited in place, and undone."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from api.deps import House, Reader, Svc
from api.scope import sight
from api.shapes import Id, Shape, Time, Words
from core import adoption, inventory, inventory_changes, planned
from core.db.models import Source
from core.errors import BadInput, failure
from core.export import csv_bytes, xlsx_bytes
from core.followed import SOURCE
from core.inventory import COLUMNS, Plan
from core.inventory_table import MAX_ROWS, read_table
from core.times import read_time

router = APIRouter(prefix="/sources", tags=["sources"])

Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Name], Field(min_length=1, max_length=MAX_ROWS)]


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
    entry: int | None
    """Of the journal; it undoes all of it within 24 hours."""


class Declared(Shape):
    """A declared source: each column of the inventory as the text that a person would write there."""

    name: str
    cells: dict[str, str]


class Inventory(Shape):
    """What is declared, relays among it."""

    items: list[Declared]
    agencies: dict[str, str]
    """Names by code; where there are any, no other agency is taken."""
    retention: list[str]
    """The retention classes that there are."""


class Edit(BaseModel):
    """Texts for columns (all but ``name``), for every source that is named."""

    sources: Names
    changes: dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=10_000)]] = Field(min_length=1)


class Chosen(BaseModel):
    sources: Names


class StrangerRow(Shape):
    """Undeclared senders that are one machine, with the row that would declare it."""

    senders: list[str]
    cells: dict[str, str]
    """By column, as a person would write them; guessed."""
    why: list[Words]
    """What was guessed from what."""
    hosts: list[str]
    datasets: list[str]
    last_at: Time | None


class Strangers(Shape):
    items: list[StrangerRow]
    agencies: dict[str, str]


class Adoption(BaseModel):
    """Rows to declare, by column; the first is row 2 where a cell is wrong, as in an import."""

    rows: list[dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=10_000)]]] = Field(
        min_length=1, max_length=MAX_ROWS
    )


class Configurable(Shape):
    product: str
    takes_token: bool


class Configuration(Shape):
    product: str
    text: str


class NewMaintenance(BaseModel):
    """Sources that will be silent, until when and why."""

    sources: Names
    until: str = Field(max_length=64, description="RFC 3339, now+4h, 2026-11-28T08:00")
    reason: str = Field(max_length=2000)
    owner: str = Field("", max_length=200, description="Who answers for it; the caller when empty")


class InventoryUndo(BaseModel):
    entry: Id


class InventoryChanged(Shape):
    """How many sources changed, and the entry of the journal that undoes it."""

    sources: int
    entry: int


def answer(plan: Plan, entry: int | None) -> ImportPlan:
    """``entry``: None where nothing was to be done."""
    wrong = [
        WrongCell(row=w.row, column=w.column, title=Words(**w.title), value=w.value[:200], reason=Words(**w.reason))
        for w in plan.wrong
    ]
    return ImportPlan(
        added=plan.added,
        changed=plan.changed,
        unchanged=len(plan.unchanged),
        wrong=wrong,
        is_applied=entry is not None and not plan.wrong,
        entry=entry or None,
    )


@router.get("/declared")
def list_declared(caller: Reader, svc: Svc) -> Inventory:
    """Every declared source as its row of the inventory, by name."""
    seen = sight(caller.scope)
    query = select(Source).where(Source.is_declared, Source.name != SOURCE).order_by(Source.name)
    with svc.database.read() as session:
        items = [
            Declared(name=row.name, cells=inventory.cells_of(row))
            for row in session.scalars(query)
            if seen.sees(row.system, row.agency)
        ]
    return Inventory(items=items, agencies=dict(svc.agencies), retention=sorted(svc.policy.months))


@router.get("/strangers")
def list_strangers(caller: Reader, svc: Svc) -> Strangers:
    """Senders that nobody declared, with a guess what they are; none within a scope, for they belong to nobody."""
    with svc.database.read() as session:
        found = adoption.strangers(session, svc.clock.now()) if sight(caller.scope).is_whole else []
    return Strangers(items=[StrangerRow.model_validate(row) for row in found], agencies=dict(svc.agencies))


@router.post("/adopt")
def adopt_strangers(body: Adoption, caller: House, svc: Svc) -> ImportPlan:
    """Declare senders, checked as an import is: all or nothing."""
    if strange := {column for row in body.rows for column in row} - set(COLUMNS):
        raise failure(BadInput, "inventory.not_editable", column=min(strange), columns=", ".join(COLUMNS))
    cells = [[*COLUMNS], *([row.get(column, "") for column in COLUMNS] for row in body.rows)]
    with svc.database.write() as session:
        plan = adoption.check(session, cells, svc.policy.months, svc.agencies)
        if plan.wrong:
            return answer(plan, None)
        return answer(plan, adoption.adopt(session, caller.actor, plan, svc.clock.now()))


@router.get("/configurations")
def list_configurations(_: Reader, svc: Svc) -> list[Configurable]:
    """What there are ready configurations for, by name."""
    return [Configurable(product=name, takes_token=token) for name, token in sorted(svc.source_products.items())]


@router.get("/configuration")
def get_configuration(
    _: Reader, svc: Svc, product: Annotated[str, Query(max_length=40)],
    address: Annotated[str | None, Query(max_length=253, description="Of this server, as senders reach it")] = None,
    language: Literal["vi", "en"] = "vi",
) -> Configuration:  # fmt: skip
    """A ready configuration that makes a product send here; ``PASTE_TOKEN_HERE`` stands where a token belongs."""
    return Configuration(product=product, text=svc.source_config(product, address or None, language))


@router.get("/template", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def get_template(
    caller: Reader, svc: Svc, format: Literal["csv", "xlsx"] = "xlsx", language: Literal["vi", "en"] = "vi",
    filled: bool = False,
) -> Response:  # fmt: skip
    """An inventory with two example rows, or with the sources that are declared."""
    head, rows = inventory.template(language)
    if filled:
        declared = list_declared(caller, svc).items
        head, rows = inventory.headers(language), [[*each.cells.values()] for each in declared]
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
        with svc.database.read() if preview else svc.database.write() as session:
            plan = inventory.plan(session, cells, name, svc.policy.months, svc.agencies)
            if preview or plan.wrong:
                return answer(plan, None)
            return answer(plan, inventory_changes.apply(session, caller.actor, plan, svc.clock.now()))

    if not data:
        raise failure(BadInput, "api.empty_file")
    found: ImportPlan = await request.app.state.searches.run(request, work)
    return found


@router.post("/edit")
def edit_sources(body: Edit, caller: House, svc: Svc) -> ImportPlan:
    """Change columns of declared sources, checked as an import is: all or nothing."""
    with svc.database.write() as session:
        plan, entry = inventory_changes.edit(
            session, caller.actor, body.sources, body.changes, svc.clock.now(), classes=svc.policy.months,
            agencies=svc.agencies,
        )  # fmt: skip
    return answer(plan, entry)


@router.post("/remove")
def remove_sources(body: Chosen, caller: House, svc: Svc) -> InventoryChanged:
    """Take sources out of the inventory; their events and balances stay."""
    with svc.database.write() as session:
        entry = inventory_changes.remove(session, caller.actor, body.sources, svc.clock.now())
    return InventoryChanged(sources=len(set(body.sources)), entry=entry)


@router.post("/maintenance")
def begin_maintenance(body: NewMaintenance, caller: House, svc: Svc) -> InventoryChanged:
    """Let sources be silent without an alert until a time; one under maintenance gets the new end and reason."""
    end = read_time(body.until, svc.clock.now(), svc.zone)
    with svc.database.write() as session:
        owner = body.owner or caller.name
        entry = planned.begin(session, caller.actor, body.sources, end, body.reason, owner, svc.clock.now())
    return InventoryChanged(sources=len(set(body.sources)), entry=entry)


@router.post("/maintenance/end")
def end_maintenance(body: Chosen, caller: House, svc: Svc) -> InventoryChanged:
    """End the maintenance of sources now."""
    with svc.database.write() as session:
        entry = planned.finish(session, caller.actor, body.sources, svc.clock.now())
    return InventoryChanged(sources=len(set(body.sources)), entry=entry)


@router.post("/undo")
def undo_inventory(body: InventoryUndo, caller: House, svc: Svc) -> InventoryChanged:
    """Put back what an entry of the journal changed in the inventory, within 24 hours and if nothing came after."""
    with svc.database.write() as session:
        count, entry = inventory_changes.undo(session, caller.actor, body.entry, svc.clock.now())
    return InventoryChanged(sources=count, entry=entry)
