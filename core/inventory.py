"""The inventory of sources: a table that a person fills in, read back all or nothing.

One row a source. Columns are named in Vietnamese or English; a wrong cell is named by row and column with what is
expected, and then nothing is changed. Reading is CSV (UTF-8, comma or semicolon) or XLSX.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.clock import LOCAL_ZONE, Micros
from core.db.models import Meta, Source
from core.errors import BadInput, NotFound, Place, failure
from core.words import LANGUAGES, both, say

MAX_ROWS = 10_000
MAX_BYTES = 16 << 20
MAX_UNPACKED = 256 << 20
MAX_SHOWN = 100
"""Characters of a wrong cell that are shown."""
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
_LISTS = ("addresses", "expected")
_LONGEST = {"name": 200, "product": 100, "system": 200, "agency": 200, "owner": 200, "retention": 32}
_LONGEST |= dict.fromkeys(_LISTS, 10_000)
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


def _unusable(name: str, key: str, line: int | None = None, **values: object) -> BadInput:
    return failure(BadInput, f"inventory.file.{key}", place=Place(name, line), **values)


def read_table(name: str, data: bytes) -> list[list[str]]:
    """Cells of a .csv or .xlsx file as text; a formula without its value is its own text. Raises BadInput."""
    if len(data) > MAX_BYTES:
        raise _unusable(name, "large", limit=MAX_BYTES >> 20)
    cells = _read_xlsx(name, data) if Path(name).suffix.lower() == ".xlsx" else _read_csv(name, data)
    if len(cells) > MAX_ROWS + 1:
        raise _unusable(name, "rows", limit=MAX_ROWS)
    return cells


def _read_csv(name: str, data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable(name, "not_utf8") from error
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    begun = 1
    try:
        for row in reader:
            rows.append(row)
            begun = reader.line_num + 1
    except csv.Error as error:
        raise _unusable(name, "cell_long" if "limit" in str(error) else "quote", begun) from error
    return rows


def _read_xlsx(name: str, data: bytes) -> list[list[str]]:
    """The first sheet, read twice: what its formulas gave when it was saved, and the formulas themselves."""
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked <= MAX_UNPACKED:
            values, written = (
                load_workbook(io.BytesIO(data), read_only=True, data_only=is_value)
                .worksheets[0]
                .iter_rows(max_row=MAX_ROWS + 2, max_col=40)
                for is_value in (True, False)
            )
            return [[_cell(*cell) for cell in zip(*pair, strict=True)] for pair in zip(values, written, strict=True)]
    except Exception as error:  # on a file that is no workbook openpyxl may raise anything
        raise _unusable(name, "not_xlsx") from error
    raise _unusable(name, "large", limit=MAX_UNPACKED >> 20)


def _cell(shown: Any, written: Any) -> str:
    value = shown.value
    if written.data_type == "f" and (value is None or shown.data_type == "e"):
        return written.value if isinstance(written.value, str) else "="
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).replace("\u00a0", " ").strip()


def plan(session: Session, cells: Sequence[Sequence[str]], name: str = "") -> Plan:
    """Check a table against the sources there are; changes nothing. Raises BadInput for an unusable header."""
    if not cells:
        raise _unusable(name, "empty")
    places = _places(cells[0], name)
    result = Plan()
    rows: dict[str, tuple[int, Row]] = {}
    for number, line in enumerate(cells[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        row = _read_row(number, {c: (_clean(line[i]) if i < len(line) else "") for c, i in places.items()}, result)
        if row is None:
            continue
        if row.name in rows:
            said = both("inventory.twice", row=str(rows[row.name][0]))
            result.wrong.append(Wrong(number, "name", row.name, said))
        else:
            rows[row.name] = number, row
    known = {row.name: row for row in session.scalars(select(Source))}
    # the book of sources finds one by its name as by its addresses
    owners = {key.lower(): s.name for s in known.values() if s.name not in rows for key in (s.name, *s.keys)}
    for number, row in rows.values():
        for key in dict.fromkeys((row.name.lower(), *row.keys)):
            if (other := owners.setdefault(key, row.name)) != row.name:
                column, reason = ("addresses", "address_twice") if key in row.keys else ("name", "name_taken")
                result.wrong.append(Wrong(number, column, key, both(f"inventory.{reason}", other=other)))
        result.rows.append(row)
        before = known.get(row.name)
        if before is None:
            result.added.append(row.name)
        elif changes := _changes(before, row):
            result.changed[row.name] = changes
        else:
            result.unchanged.append(row.name)
    result.wrong.sort(key=lambda wrong: wrong.row)
    return result


def _places(header: Sequence[str], name: str) -> dict[str, int]:
    names = {say(f"inventory.column.{c}", lang).lower(): c for c in COLUMNS for lang in LANGUAGES} | {
        c: c for c in COLUMNS
    }
    places = {names[cell.strip().lower()]: i for i, cell in enumerate(header) if cell.strip().lower() in names}
    if "name" not in places:
        raise _unusable(name, "header", 1)
    return places


def _read_row(number: int, cells: dict[str, str], result: Plan) -> Row | None:
    wrong: list[Wrong] = []

    def bad(column: str, key: str, **values: object) -> None:
        wrong.append(Wrong(number, column, cells.get(column, "")[:MAX_SHOWN], both(f"inventory.{key}", **values)))

    def items(column: str) -> tuple[str, ...]:
        return tuple(cells.get(column, "").replace(",", " ").replace(";", " ").replace("\n", " ").split())

    for column, cell in cells.items():
        # in a list, line ends and tabs stand between the items
        if not (" ".join(cell.split()) if column in _LISTS else cell).isprintable():
            bad(column, "control")
        elif cell.startswith("="):
            bad(column, "formula")
        elif len(cell) > (limit := _LONGEST.get(column, MAX_SHOWN)):
            bad(column, "long", limit=limit)
    if wrong:
        result.wrong += wrong
        return None
    if not cells["name"]:
        bad("name", "name")
    keys = [_key(text) for text in items("addresses")]
    if None in keys:
        bad("addresses", "address")
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
        tuple(key for key in keys if key),
        cells.get("product", ""),
        cells.get("system", ""),
        cells.get("agency", ""),
        int(level) if level else None,
        cells.get("owner", ""),
        zone,
        items("expected"),
        int(silence) * 60 if silence else None,
        relay in _YES,
        cells.get("retention", "") or "default",
    )


def _key(text: str) -> str | None:
    """An address or transport key in the one spelling that it is found by; None for anything else."""
    prefix, colon, rest = text.partition(":")
    if colon and prefix in {"udp", "tcp", "flow", "token", "file", "host", "relay"}:
        return f"{prefix}:{_address(rest) or rest.lower()}" if rest else None
    return _address(text)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


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
        column = both(f"inventory.column.{first.column}")
        raise failure(BadInput, "inventory.wrong_cell", row=first.row, column=column, reason=first.reason)
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
        raise failure(NotFound, "inventory.unknown", name=name[:100])
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise failure(BadInput, "common.error.zone", zone=zone[:100]) from error
    before, row.zone = row.zone, zone
    audit.record(
        session, actor, "source.change", f"source:{name}", now=now, before={"zone": before}, after={"zone": zone}
    )
    touch(session, now)


def touch(session: Session, now: Micros) -> None:
    """Tell pipelines that the sources changed."""
    session.merge(Meta(key="sources", value=str(now)))
