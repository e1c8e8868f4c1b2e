"""The inventory of sources: a table that a person fills in, read back all or nothing.

One row a source. Columns are named in Vietnamese or English; a wrong cell is named by row and column with what is
expected, and then nothing is changed. Reading is CSV (UTF-8, comma or semicolon) or XLSX.
"""

from __future__ import annotations

import csv
import io
import ipaddress
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import LOCAL_ZONE, Micros
from core.db.models import Meta, Source
from core.errors import BadInput, NotFound, Place
from core.words import LANGUAGES, both, say

MAX_ROWS = 10_000
MAX_BYTES = 16 << 20
COLUMNS = (
    "name",
    "addresses",
    "product",
    "system",
    "agency",
    "level",
    "owner",
    "zone",
    "expected",
    "silence",
    "relay",
    "retention",
)
_YES = {"x", "1", "có", "co", "yes", "true", "đúng"}
_NO = {"", "0", "không", "khong", "no", "false"}


@dataclass(frozen=True, slots=True)
class Row:
    """One source as the inventory declares it."""

    name: str
    keys: tuple[str, ...] = ()
    product: str = ""
    system: str = ""
    agency: str = ""
    level: int | None = None
    owner: str = ""
    zone: str = LOCAL_ZONE
    expected: tuple[str, ...] = ()
    silence_limit_s: int | None = None
    is_relay: bool = False
    retention: str = "default"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A cell that cannot be used; rows count from 1 with the header as row 1, as a spreadsheet shows them."""

    row: int
    column: str
    value: str
    reason: dict[str, str]


@dataclass(slots=True)
class Plan:
    """What an import would do; nothing is done while a cell is wrong."""

    rows: list[Row] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Name → columns that change."""
    unchanged: list[str] = field(default_factory=list)


def headers(lang: str) -> list[str]:
    """The header row of the template."""
    return [say(f"inventory.column.{column}", lang) for column in COLUMNS]


def template(lang: str) -> tuple[list[str], list[list[str]]]:
    """Header and two example rows."""
    examples = [
        ["web01", "10.20.1.10", "nginx", say("inventory.example.system", lang), say("inventory.example.agency", lang),
         "3", "", LOCAL_ZONE, "nginx.access system.auth", "", "", ""],
        ["relay01", "10.20.1.5", "rsyslog", "", "", "2", "", LOCAL_ZONE, "", "", "x", ""],
    ]  # fmt: skip
    return headers(lang), examples


def read_table(name: str, data: bytes) -> list[list[str]]:
    """Cells of a .csv or .xlsx file as text. Raises BadInput."""
    if len(data) > MAX_BYTES:
        raise BadInput(f"larger than {MAX_BYTES >> 20} MB.", place=Place(name))
    if Path(name).suffix.lower() == ".xlsx":
        return _read_xlsx(name, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            "not UTF-8.", place=Place(name), remedy="In Excel, save as 'CSV UTF-8', or hand in the .xlsx itself."
        ) from error
    first = text.partition("\n")[0]
    return list(csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ","))


def _read_xlsx(name: str, data: bytes) -> list[list[str]]:
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        sheet = load_workbook(io.BytesIO(data), read_only=True, data_only=True).worksheets[0]
        rows = sheet.iter_rows(values_only=True, max_row=MAX_ROWS + 2, max_col=40)
        return [["" if cell is None else _cell(cell) for cell in row] for row in rows]
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise BadInput(f"not an XLSX: {error}", place=Place(name)) from error


def _cell(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def plan(session: Session, cells: Sequence[Sequence[str]], name: str = "") -> Plan:
    """Check a table against the sources there are; changes nothing. Raises BadInput for an unusable header."""
    if not cells:
        raise BadInput("the table is empty.", place=Place(name))
    places = _places(cells[0], name)
    result = Plan()
    seen: dict[str, int] = {}
    keys: dict[str, str] = {}
    known = {row.name: row for row in session.scalars(select(Source))}
    for number, line in enumerate(cells[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        row = _read_row(number, {c: (line[i].strip() if i < len(line) else "") for c, i in places.items()}, result)
        if row is None:
            continue
        if row.name in seen:
            result.wrong.append(Wrong(number, "name", row.name, both("inventory.twice", row=str(seen[row.name]))))
            continue
        for key in row.keys:
            if (other := keys.setdefault(key, row.name)) != row.name:
                result.wrong.append(Wrong(number, "addresses", key, both("inventory.address_twice", other=other)))
        seen[row.name] = number
        result.rows.append(row)
        before = known.get(row.name)
        if before is None:
            result.added.append(row.name)
        elif changes := _changes(before, row):
            result.changed[row.name] = changes
        else:
            result.unchanged.append(row.name)
    if len(result.rows) > MAX_ROWS:
        raise BadInput(f"more than {MAX_ROWS} rows.", place=Place(name))
    return result


def _places(header: Sequence[str], name: str) -> dict[str, int]:
    names = {say(f"inventory.column.{c}", lang).lower(): c for c in COLUMNS for lang in LANGUAGES} | {
        c: c for c in COLUMNS
    }
    places = {names[cell.strip().lower()]: i for i, cell in enumerate(header) if cell.strip().lower() in names}
    if "name" not in places:
        raise BadInput(
            "the first row names no column for the source's name.",
            place=Place(name, 1),
            remedy="kydai sources template writes a table with the right header.",
        )
    return places


def _read_row(number: int, cells: dict[str, str], result: Plan) -> Row | None:
    wrong: list[Wrong] = []

    def bad(column: str, key: str) -> None:
        wrong.append(Wrong(number, column, cells.get(column, ""), both(f"inventory.{key}")))

    def items(column: str) -> tuple[str, ...]:
        return tuple(cells.get(column, "").replace(",", " ").replace(";", " ").replace("\n", " ").split())

    if not cells["name"] or len(cells["name"]) > 200:
        bad("name", "name")
    keys = items("addresses")
    for key in keys:
        if not _is_key(key):
            bad("addresses", "address")
            break
    level = cells.get("level", "")
    if level and level not in {"1", "2", "3", "4", "5"}:
        bad("level", "level")
    zone = cells.get("zone", "") or LOCAL_ZONE
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        bad("zone", "zone")
    silence = cells.get("silence", "")
    if silence and not (silence.isdecimal() and 1 <= int(silence) <= 43_200):
        bad("silence", "silence")
    relay = cells.get("relay", "").lower()
    if relay not in _YES | _NO:
        bad("relay", "relay")
    if wrong:
        result.wrong += wrong
        return None
    return Row(
        cells["name"],
        tuple(key.lower() for key in keys),
        cells.get("product", "")[:100],
        cells.get("system", "")[:200],
        cells.get("agency", "")[:200],
        int(level) if level else None,
        cells.get("owner", "")[:200],
        zone,
        items("expected"),
        int(silence) * 60 if silence else None,
        relay in _YES,
        cells.get("retention", "")[:32] or "default",
    )


def _is_key(text: str) -> bool:
    prefix, colon, rest = text.partition(":")
    if colon and prefix in {"udp", "tcp", "flow", "token", "file", "host", "relay"}:
        return bool(rest)
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_STORED = ("product", "system", "agency", "level", "owner", "zone", "silence_limit_s", "is_relay", "retention")


def _changes(before: Source, row: Row) -> list[str]:
    changed = [name for name in _STORED if getattr(before, name) != getattr(row, name)]
    if set(before.keys) != set(row.keys):
        changed.append("keys")
    if set(before.expected) != set(row.expected):
        changed.append("expected")
    if not before.is_declared:
        changed.append("is_declared")
    return changed


def apply(session: Session, actor: audit.Actor, the_plan: Plan, now: Micros) -> None:
    """Write a plan without wrong cells, in the caller's transaction. Raises BadInput when cells are wrong."""
    if the_plan.wrong:
        first = the_plan.wrong[0]
        raise BadInput(f"row {first.row}, {first.column}: {first.reason['en']}", said=first.reason)
    known = {row.name: row for row in session.scalars(select(Source))}
    for row in the_plan.rows:
        if row.name in the_plan.unchanged:
            continue
        before = known.get(row.name)
        was = None if before is None else {name: getattr(before, name) for name in _STORED}
        source = before or Source(name=row.name, created_at=now, is_replay=False)
        for name in _STORED:
            setattr(source, name, getattr(row, name))
        source.keys, source.expected, source.is_declared = list(row.keys), list(row.expected), True
        session.add(source)
        action = "source.change" if before is not None else "source.add"
        audit.record(session, actor, action, f"source:{row.name}", now=now, before=was, after=asdict(row))
    touch(session, now)


def set_zone(session: Session, actor: audit.Actor, name: str, zone: str, now: Micros) -> None:
    """Mend the zone of one declared source; events read from now on use it. Raises NotFound, BadInput."""
    row = session.scalar(select(Source).where(Source.name == name))
    if row is None:
        raise NotFound(f"no declared source is called {name[:100]!r}.", remedy="Declare it with kydai sources import.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        wrong = both("inventory.zone")
        raise BadInput(f"{zone[:100]!r}: {wrong['en']}", said=wrong) from error
    before, row.zone = row.zone, zone
    audit.record(
        session, actor, "source.change", f"source:{name}", now=now, before={"zone": before}, after={"zone": zone}
    )
    touch(session, now)


def touch(session: Session, now: Micros) -> None:
    """Tell pipelines that the sources changed."""
    session.merge(Meta(key="sources", value=str(now)))
