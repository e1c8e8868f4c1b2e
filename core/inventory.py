"""The inventory of sources: a table that a person fills in, read back all or nothing.

One row a source. Columns are named in Vietnamese or English; a wrong cell is named by row and column with what is
expected, and then nothing is changed. What no column of ours takes is wrong, too: nothing is left out without a word.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openpyxl.utils import get_column_letter
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import LOCAL_ZONE
from core.db.models import Source
from core.followed import SOURCE
from core.inventory_table import unusable
from core.query.fold import fold
from core.store.retention import DEFAULT_POLICY
from core.words import LANGUAGES, both, say

MAX_SHOWN = 100
"""Characters of a wrong cell that are shown."""
NEAR_FOR = 50
"""So many wrong cells are told what is like them: to look costs 10 ms among 200 agencies, and writers may wait."""
COLUMNS = (
    "name",
    "addresses",
    "product",
    "system",
    "agency",
    "place",
    "level",
    "owner",
    "zone",
    "expected",
    "silence",
    "relay",
    "retention",
)
_LISTS = ("addresses", "expected")
_LONGEST = {"name": 200, "product": 100, "system": 200, "agency": 200, "place": 200, "owner": 200, "retention": 32}
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
    place: str = ""
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
    """One of COLUMNS; else the letters that a spreadsheet shows above it."""
    value: str
    reason: dict[str, str]

    @property
    def title(self) -> dict[str, str]:
        """The column as a person reads it."""
        if self.column in COLUMNS:
            return both(f"inventory.column.{self.column}")
        return dict.fromkeys(LANGUAGES, self.column)


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
         say("inventory.example.place", lang), "3", "", LOCAL_ZONE, "nginx.access system.auth", "", "", ""],
        ["relay01", "10.20.1.5", "rsyslog", "", "", "", "2", "", LOCAL_ZONE, "", "", "x", ""],
    ]  # fmt: skip
    return headers(lang), examples


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).replace("\u00a0", " ").strip()


def cells_of(source: Source) -> dict[str, str]:
    """A declared source as a row of the inventory would declare it, by column."""
    return {
        "name": source.name,
        "addresses": " ".join(source.keys),
        "product": source.product,
        "system": source.system,
        "agency": source.agency,
        "place": source.place,
        "level": str(source.level or ""),
        "owner": source.owner,
        "zone": source.zone,
        "expected": " ".join(source.expected),
        "silence": "" if source.silence_limit_s is None else str(max(1, source.silence_limit_s // 60)),
        "relay": "x" if source.is_relay else "",
        "retention": "" if source.retention == "default" else source.retention,
    }


def filled(session: Session, lang: str) -> tuple[list[str], list[list[str]]]:
    """Header and a row for each declared source: what was imported, to be changed and imported again."""
    rows = session.scalars(select(Source).where(Source.is_declared, Source.name != SOURCE).order_by(Source.name))
    return headers(lang), [[*cells_of(row).values()] for row in rows]


def plan(
    session: Session,
    cells: Sequence[Sequence[str]],
    name: str = "",
    classes: Collection[str] = DEFAULT_POLICY.months,
    agencies: Mapping[str, str] = {},
) -> Plan:
    """Check a table against the sources there are; changes nothing.

    ``classes``: the retention classes there are. ``agencies``: names by code; where there are any, no other agency is
    taken, and a code stands for its name. Raises BadInput for an unusable header.
    """
    if not cells:
        raise unusable(name, "empty")
    result = Plan()
    places = _places(cells[0], name, result)
    by_text = {fold(known): name for code, name in agencies.items() for known in (code, name)}
    rows: dict[str, tuple[int, Row]] = {}
    spoilt: set[int] = set()
    for number, line in enumerate(cells[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        wrong = len(result.wrong)
        _refuse_extra(number, line, len(cells[0]), result)
        values = {c: (_clean(line[i]) if i < len(line) else "") for c, i in places.items()}
        row = _read_row(number, values, result, classes, agencies, by_text)
        if row.name in rows:
            said = both("inventory.twice", row=str(rows[row.name][0]))
            result.wrong.append(Wrong(number, "name", row.name, said))
        elif row.name:
            rows[row.name] = number, row
        if len(result.wrong) > wrong:
            spoilt.add(number)
    known = {row.name: row for row in session.scalars(select(Source))}
    _refuse_other_spellings(rows, [source for name, source in known.items() if name not in rows], result)
    # the book of sources finds one by its name as by its addresses
    owners = {key.lower(): s.name for s in known.values() if s.name not in rows for key in (s.name, *s.keys)}
    for number, row in rows.values():
        for key in dict.fromkeys((row.name.lower(), *row.keys)):
            if (other := owners.setdefault(key, row.name)) != row.name:
                column, reason = ("addresses", "address_twice") if key in row.keys else ("name", "name_taken")
                result.wrong.append(Wrong(number, column, key, both(f"inventory.{reason}", other=other)))
        if number in spoilt:
            continue
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


def _refuse_other_spellings(rows: Mapping[str, tuple[int, Row]], others: Sequence[Source], result: Plan) -> None:
    """One agency written in two ways would be two: a scope over one of them would not see the other's sources."""
    for column in ("system", "agency", "place"):
        spelt = {fold(getattr(source, column)): getattr(source, column) for source in others}
        for number, row in rows.values():
            text = getattr(row, column)
            if text and (other := spelt.setdefault(fold(text), text)) != text:
                result.wrong.append(Wrong(number, column, text[:MAX_SHOWN], both("inventory.spelt", other=other)))


def _places(header: Sequence[str], name: str, result: Plan) -> dict[str, int]:
    """Where each column stands. A title that is none of ours is wrong, and so is one that stands twice."""
    titles = {fold(say(f"inventory.column.{c}", lang)): c for c in COLUMNS for lang in LANGUAGES}
    titles |= {c: c for c in COLUMNS}
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        if not (title := " ".join(_clean(cell).split())):
            continue
        column = titles.get(fold(title))
        letter = get_column_letter(place + 1)
        if column is None:
            near = get_close_matches(fold(title), titles, 1)
            reason = both("inventory.no_column")
            if near:
                reason = both("inventory.near_column", near=both(f"inventory.column.{titles[near[0]]}"))
            result.wrong.append(Wrong(1, letter, title[:MAX_SHOWN], reason))
        elif column in places:
            first = get_column_letter(places[column] + 1)
            result.wrong.append(Wrong(1, letter, title, both("inventory.column_twice", first=first)))
        else:
            places[column] = place
    if "name" not in places:
        raise unusable(name, "header", 1)
    return places


def _refuse_extra(number: int, line: Sequence[str], width: int, result: Plan) -> None:
    """A cell outside the columns of the first row would be lost; the first one of a row is named."""
    for place, cell in enumerate(line[width:], width + 1):
        if cell.strip():
            said = both("inventory.extra")
            result.wrong.append(Wrong(number, get_column_letter(place), cell[:MAX_SHOWN], said))
            return


def _read_row(
    number: int,
    cells: dict[str, str],
    result: Plan,
    classes: Collection[str],
    agencies: Mapping[str, str],
    by_text: Mapping[str, str],
) -> Row:
    """The row by its good cells; every wrong one is noted."""
    bad: set[str] = set()

    def wrong(column: str, key: str, value: str | None = None, **values: object) -> None:
        shown = cells[column] if value is None else value
        bad.add(column)
        result.wrong.append(Wrong(number, column, shown[:MAX_SHOWN], both(f"inventory.{key}", **values)))

    for column, cell in cells.items():
        # in a list, line ends and tabs stand between the items
        if not (" ".join(cell.split()) if column in _LISTS else cell).isprintable():
            wrong(column, "control")
        elif cell.startswith("="):
            wrong(column, "formula")
        elif len(cell) > (limit := _LONGEST.get(column, MAX_SHOWN)):
            wrong(column, "long", limit=limit)

    def good(column: str) -> str:
        return "" if column in bad else cells.get(column, "")

    def items(column: str) -> tuple[str, ...]:
        return tuple(good(column).replace(",", " ").replace(";", " ").split())

    if not cells["name"]:
        wrong("name", "name")
    keys = {text: _key(text) for text in items("addresses")}
    if unknown := [text for text, key in keys.items() if key is None]:
        wrong("addresses", "address", ", ".join(unknown))
    agency = _agency(good("agency"), by_text)
    if agency is None:
        if len(result.wrong) < NEAR_FOR:
            wrong("agency", "agency", near=_near_agency(good("agency"), agencies))
        else:
            wrong("agency", "agency_unknown")
    if good("level") not in {"", "1", "2", "3", "4", "5"}:
        wrong("level", "level")
    zone = good("zone") or LOCAL_ZONE
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        wrong("zone", "zone")
    if (silence := good("silence")) and not (silence.isdecimal() and 1 <= int(silence) <= 43_200):
        wrong("silence", "silence")
    relay = good("relay").lower()
    if relay not in _YES | _NO:
        wrong("relay", "relay")
    retention = good("retention") or "default"
    if retention not in classes:
        wrong("retention", "retention", classes=", ".join(sorted(classes)))
    return Row(
        good("name"),
        tuple(key for key in keys.values() if key),
        good("product"),
        good("system"),
        agency or "",
        good("place"),
        int(good("level")) if good("level") else None,
        good("owner"),
        zone,
        items("expected"),
        int(good("silence")) * 60 if good("silence") else None,
        relay in _YES,
        retention,
    )


def _agency(text: str, by_text: Mapping[str, str]) -> str | None:
    """The name of an agency that is given by its code or its name; None if there is no such agency."""
    if not text or not by_text:
        return text
    return by_text.get(fold(text))


def _near_agency(text: str, agencies: Mapping[str, str]) -> str:
    known = {fold(each): f"{code} {name}" for code, name in agencies.items() for each in (code, name)}
    near = get_close_matches(fold(text), known, 3, 0.4)
    return ", ".join(dict.fromkeys(known[each] for each in near or list(known)[:3]))


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


STORED = ("product", "system", "agency", "place", "level", "owner", "zone", "silence_limit_s", "is_relay", "retention")


def _changes(before: Source, row: Row) -> list[str]:
    changed = [name for name in STORED if getattr(before, name) != getattr(row, name)]
    if set(before.keys) != set(row.keys):
        changed.append("keys")
    if set(before.expected) != set(row.expected):
        changed.append("expected")
    if not before.is_declared:
        changed.append("is_declared")
    return changed
