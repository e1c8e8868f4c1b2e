"""The file of an inventory as rows of texts: CSV, or XLSX with one filled sheet.

CSV is UTF-8 or UTF-16, with commas, semicolons or tabs, as spreadsheets of different countries write it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.cell.read_only import EMPTY_CELL, ReadOnlyCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import range_boundaries
from openpyxl.xml.constants import SHARED_STRINGS

from core.errors import BadInput, Place, failure

MAX_ROWS = 10_000
MAX_COLUMNS = 200
MAX_BYTES = 16 << 20
MAX_UNPACKED = 64 << 20
_MAX_TAGS = 1 << 20
"""Of the texts of a workbook, four or more a text: those of 10,000 full rows, and not a minute of work."""
_SHEETS_NAMED = 5
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]{0,40}?ref="([A-Z]+\d+:[A-Z]+\d+)"')
_LONGEST_MERGED = 100


def unusable(name: str, key: str, line: int | None = None, **values: object) -> BadInput:
    """A file of which nothing can be used."""
    return failure(BadInput, f"inventory.file.{key}", place=Place(name, line), **values)


def read_table(name: str, data: bytes) -> list[list[str]]:
    """Cells of a CSV or XLSX file as text; a formula without its value is its own text.

    Cells merged down one column all hold what the merged cell shows. Raises BadInput.
    """
    if len(data) > MAX_BYTES:
        raise unusable(name, "large", limit=MAX_BYTES >> 20)
    is_xlsx = data.startswith(b"PK\x03\x04") or Path(name).suffix.lower() == ".xlsx"
    cells = _read_xlsx(name, data) if is_xlsx else _read_csv(name, data)
    if len(cells) > MAX_ROWS + 1:
        raise unusable(name, "rows", limit=MAX_ROWS)
    for number, row in enumerate(cells, 1):
        if any(cell.strip() for cell in row[MAX_COLUMNS:]):
            raise unusable(name, "columns", number, limit=MAX_COLUMNS)
    return cells


def _read_csv(name: str, data: bytes) -> list[list[str]]:
    is_utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # what Excel calls Unicode text
    try:
        text = data.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise unusable(name, "not_utf8") from error
    first, _, rest = text.partition("\n")
    delimiter = max(",;\t", key=first.count)
    if first.strip().lower() in ("sep=,", "sep=;", "sep=\t"):  # a line for Excel, which does not show it as a row
        delimiter, text = first[4], rest
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    begun = 1
    try:
        for row in islice(reader, MAX_ROWS + 2):  # one more than is taken, to be refused
            rows.append(row)
            begun = reader.line_num + 1
    except csv.Error as error:
        raise unusable(name, "cell_long" if "limit" in str(error) else "quote", begun) from error
    return rows


def _read_xlsx(name: str, data: bytes) -> list[list[str]]:
    """The one sheet that holds anything, read twice: what its formulas gave when it was saved, and the formulas."""
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            is_small = unpacked <= MAX_UNPACKED
            is_few = is_small and _tags_of_texts(data, archive) <= _MAX_TAGS
            filled = _filled_sheets(data, archive) if is_few else {}
    except Exception as error:  # on a file that is no workbook openpyxl may raise anything
        raise unusable(name, "not_xlsx") from error
    if not is_small:
        raise unusable(name, "unpacked", limit=MAX_UNPACKED >> 20)
    if not is_few:
        raise unusable(name, "texts", limit=MAX_ROWS)
    if len(filled) > 1:
        raise unusable(name, "sheets", count=len(filled), names=", ".join(list(filled)[:_SHEETS_NAMED]))
    rows, merged = next(iter(filled.values()), ([], []))
    for ref in merged:
        _unmerge(name, rows, ref)
    return rows


def _unmerge(name: str, rows: list[list[str]], ref: str) -> None:
    """Write what a merged cell shows into each row that it spans and that holds anything else."""
    left, top, right, bottom = (bound or 1 for bound in range_boundaries(ref))
    column = left - 1
    shown = rows[top - 1][column] if len(rows) >= top and len(rows[top - 1]) >= left else ""
    if not shown.strip():
        return
    if right > left:
        raise unusable(name, "merged", top, ref=ref)
    for row in rows[top:bottom]:
        if row:
            row.extend([""] * (left - len(row)))
            row[column] = shown


def _merged_in(archive: ZipFile, path: str) -> list[str]:
    """The merged cells of a sheet (``A2:A5``), which reading row by row does not tell."""
    found: dict[str, None] = {}
    with archive.open(path.lstrip("/")) as sheet:
        before = b""
        while block := sheet.read(1 << 20):
            found |= dict.fromkeys(ref.decode() for ref in _MERGED.findall(before + block))
            before = block[-_LONGEST_MERGED:]
    return list(found)


def _tags_of_texts(data: bytes, archive: ZipFile) -> int:
    """How many tags the texts have that all sheets share; they are read whole before the first row is."""
    book: Any = ExcelReader(io.BytesIO(data), read_only=True)
    book.read_manifest()
    part = book.package.find(SHARED_STRINGS)
    if part is None:
        return 0
    with archive.open(part.PartName[1:]) as texts:
        return sum(block.count(b"<") for block in iter(lambda: texts.read(1 << 20), b""))


def _filled_sheets(data: bytes, archive: ZipFile) -> dict[str, tuple[list[list[str]], list[str]]]:
    """Rows and merged cells of each sheet that holds anything."""
    values, written = (
        load_workbook(io.BytesIO(data), read_only=True, data_only=is_value) for is_value in (True, False)
    )
    if not values.worksheets:
        raise ValueError("there is no sheet")
    filled: dict[str, tuple[list[list[str]], list[str]]] = {}
    for shown, formulas in zip(values.worksheets, written.worksheets, strict=True):
        rows = [
            _trimmed([_cell(*cell) for cell in zip_longest(*pair, fillvalue=EMPTY_CELL)])
            for pair in zip(_rows(shown), _rows(formulas), strict=True)
        ]
        if any(rows):
            filled[shown.title] = rows, _merged_in(archive, cast("Any", shown)._worksheet_path)
    return filled


def _rows(sheet: Any) -> Iterator[Any]:
    # what a sheet says of its own size is often wrong: too small with some programs, all columns with others
    sheet.reset_dimensions()
    sheet._get_row = partial(_filled_row, sheet)  # openpyxl's own is as wide as the last cell, be it empty
    return iter(sheet.iter_rows(max_row=MAX_ROWS + 2))


def _filled_row(sheet: Any, cells: Sequence[dict[str, Any]], *_: object) -> list[Any]:
    """What a row holds, as far as its last filled cell. All that is behind the columns that are taken stands in one
    place behind them, to be refused."""
    row: list[Any] = []
    for cell in cells:
        if cell["value"] is not None and str(cell["value"]).strip():
            place = min(cell["column"], MAX_COLUMNS + 1)
            row.extend([EMPTY_CELL] * (place - len(row)))
            row[place - 1] = ReadOnlyCell(sheet, **cell)
    return row


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1].strip():
        row.pop()
    return row


def _cell(shown: Any, written: Any) -> str:
    value = shown.value
    if written.data_type == "f" and (value is None or shown.data_type == "e"):
        return written.value if isinstance(written.value, str) else "="
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
