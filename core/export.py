"""Tables as CSV and XLSX bytes in which hostile text stays text.

A text that a spreadsheet would take for a formula gets an apostrophe in front (headers too); in XLSX every text
is typed as text besides. Control characters become their visible pictures (U+2400 …), so no file holds an ESC or
NUL. Numbers stay numbers, and times are times in XLSX.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """A local time: a text in CSV, a time shown in ``form`` (``dd/mm/yyyy hh:mm:ss``) in XLSX."""

    at: datetime
    text: str
    form: str

    def __str__(self) -> str:
        return self.text


Cell = str | int | float | bool | Moment | None

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_REPLACEMENT = 0xFFFD
# lone surrogates and the two non-characters cannot be written as UTF-8 or XML
_UNWRITABLE = (*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_PICTURES = {c: 0x2400 + c for c in range(32) if c not in (9, 10)} | {0x7F: 0x2421}
_PICTURES |= dict.fromkeys(_UNWRITABLE, _REPLACEMENT)
_XLSX_CHARACTERS = 32_767
_TITLE_CHARACTERS = 31
_FORBIDDEN_IN_TITLES = re.compile(r"[\[\]:*?/\\]")
_NARROWEST, _WIDEST, _MEASURED = 8, 60, 1_000
"""Widths of columns in characters, and the rows that they are taken from."""
BOM = b"\xef\xbb\xbf"


class Head(list[Cell]):
    """A row of titles of columns below the first."""


def safe_text(value: str) -> str:
    """The text as it may stand in a cell."""
    guarded = "'" + value if value.lstrip(" \n").startswith(_FORMULA) else value
    return guarded.translate(_PICTURES)


def _cell(value: Cell) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_text(str(value)) if isinstance(value, str | Moment) else value


def csv_bytes(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """UTF-8 with BOM, comma, CRLF (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_text(h) for h in headers])
    writer.writerows([_cell(v) for v in row] for row in rows)
    return BOM + text.getvalue().encode("utf-8")


def xlsx_bytes(headers: Sequence[str], rows: Iterable[Sequence[Cell]], *, title: str = "Kỳ Đài") -> bytes:
    """One sheet; see xlsx_sheets."""
    return xlsx_sheets([(title, headers, rows)])


def xlsx_sheets(sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Cell]]]]) -> bytes:
    """Sheets of (title, headers, rows), head row bold and fixed, columns as wide as their texts need within reason.
    A text is cut at the format's 32,767 characters."""
    from openpyxl import Workbook  # a third of a second that most commands need not spend
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    for title, headers, rows in sheets:
        sheet = book.create_sheet(_sheet_title(title, book.sheetnames))
        sheet.freeze_panes = "A2"
        body = list(rows)
        for at, width in _widths([Head(headers), *body]).items():
            sheet.column_dimensions[get_column_letter(at + 1)].width = width
        for row in (Head(headers), *body):
            sheet.append([_xlsx_cell(sheet, v, bold=isinstance(row, Head), wrap=len(row) > 1) for v in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet_title(title: str, taken: Sequence[str]) -> str:
    """At most 31 characters, none of those that Excel forbids, and not one that is there already."""
    base = safe_text(_FORBIDDEN_IN_TITLES.sub("-", title)).strip("'") or "-"
    for number in count(1):
        end = "" if number == 1 else f" {number}"
        if (made := base[: _TITLE_CHARACTERS - len(end)] + end) not in taken:
            return made
    raise AssertionError("count does not end")


def _widths(rows: Sequence[Sequence[Cell]]) -> dict[int, int]:
    """The width of each column; a sentence that stands alone in its row runs over the next columns."""
    widths: dict[int, int] = {}
    for row in rows[:_MEASURED]:
        for at, value in enumerate(row if len(row) > 1 else ()):
            longest = max(map(len, str(value).split("\n")))
            widths[at] = min(_WIDEST, max(widths.get(at, _NARROWEST), longest + 2))
    return widths


def _xlsx_cell(sheet: Any, value: Cell, *, bold: bool = False, wrap: bool = False) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font

    shown = _cell(value)
    made = WriteOnlyCell(sheet, value=(shown[:_XLSX_CHARACTERS] or None) if isinstance(shown, str) else shown)
    if isinstance(value, Moment):
        made.value, made.number_format = value.at, value.form
    elif isinstance(shown, str) and shown:
        made.data_type = "s"
    if wrap and shown != "":
        made.alignment = Alignment(wrap_text=isinstance(value, str), vertical="top")
    if bold:
        made.font = Font(bold=True)
    return made
