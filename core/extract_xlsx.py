"""A workbook written row by row into a file that need not be sought in: tables of a million rows in little memory.

Texts are typed as texts (and shown as such: no id loses its zeros), times are times, a sheet that is full is followed
by another with the same head.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import IO
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from core.export import Cell, Moment

CELL_UNITS = 32_767
"""What the format allows a cell, in units of UTF-16."""
SHEET_ROWS = 1_048_576
_MEASURED, _NARROWEST, _WIDEST = 200, 8, 60
_ROWS_AT_ONCE = 500
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no zones
_SECONDS = 86_400
_HEAD, _TEXT, _TIME = 1, 2, 3
TIME_FORM = "dd/mm/yyyy hh:mm:ss"
_FIRST_YEAR = 1900
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""What the format would read as a character's number."""
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="{TIME_FORM}"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    "</fills><borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs><cellXfs>"
    '<xf/><xf fontId="1" applyFont="1"/><xf numFmtId="49" applyNumberFormat="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


class Workbook:
    """Sheets of one table, the first row of ``row`` its head, and at last a sheet of pairs."""

    def __init__(self, file: IO[bytes], title: str) -> None:
        self._zip = ZipFile(file, "w", ZIP_DEFLATED, compresslevel=3)
        self._title = title
        self._titles: list[str] = []
        self._sheet: IO[bytes] | None = None
        self._head = ""
        self._widths: list[int] = []
        self._first: list[tuple[str, Sequence[int]]] = []
        self._waiting: list[str] = []
        self._written = 0

    def drop(self) -> None:
        """Give it up: what could not be written is not tried again when it is forgotten."""
        self._zip.fp = None

    def row(self, cells: Sequence[str | int | float], values: Sequence[Cell]) -> None:
        """A row as ``cells`` show it; ``values`` say which of them are times."""
        text = "".join(map(_cell, cells, values)) if self._head else "".join(_text(str(c), _HEAD) for c in cells)
        if not self._head:
            self._head = text
        if self._sheet is None:
            self._first.append((text, [len(str(cell)) for cell in cells]))
            if len(self._first) >= _MEASURED:
                self._begin()
        else:
            self._put(text)

    def close(self, title: str, pairs: Sequence[Sequence[str | int | float]]) -> None:
        """The last sheet and the parts that name all of them."""
        if self._sheet is None:
            self._begin()
        self._end()
        self._open(title, [24, 90], is_table=False)
        for pair in pairs:
            self._put(_text(str(pair[0]), _HEAD) + _text(str(pair[1]), _TEXT))
        self._end()
        for name, text in _parts(self._titles).items():
            self._zip.writestr(name, text)
        self._zip.close()

    def _begin(self) -> None:
        """Open the first sheet, as wide as its first rows ask."""
        columns = zip(*(lengths for _, lengths in self._first), strict=True)
        self._widths = [max(_NARROWEST, min(_WIDEST, max(column) + 2)) for column in columns]
        self._open(self._title, self._widths)
        for text, _ in self._first:
            self._put(text)

    def _open(self, title: str, widths: Sequence[int], *, is_table: bool = True) -> None:
        self._titles.append(title)
        self._sheet = self._zip.open(f"xl/worksheets/sheet{len(self._titles)}.xml", "w", force_zip64=True)
        self._written = 0
        pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' if is_table else ""
        columns = "".join(
            f'<col min="{at}" max="{at}" width="{width}" customWidth="1"/>' for at, width in enumerate(widths, 1)
        )
        self._sheet.write(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView>'
            f"</sheetViews><cols>{columns}</cols><sheetData>".encode()
        )

    def _put(self, text: str) -> None:
        if self._written == SHEET_ROWS:
            self._end()
            self._open(f"{self._title} {len(self._titles) + 1}", self._widths)
            self._put(self._head)
        self._written += 1
        self._waiting.append(f'<row r="{self._written}">{text}</row>')
        if len(self._waiting) == _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        assert self._sheet is not None
        self._sheet.write("".join(self._waiting).encode())
        self._waiting.clear()

    def _end(self) -> None:
        self._flush()
        assert self._sheet is not None
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()


def _cell(shown: str | int | float, value: Cell) -> str:
    if isinstance(value, Moment) and value.at.year >= _FIRST_YEAR:
        since = value.at - _DAY_ZERO
        return f'<c s="{_TIME}"><v>{since.days + since.seconds / _SECONDS!r}</v></c>'
    return _text(shown, _TEXT) if isinstance(shown, str) else f"<c><v>{shown!r}</v></c>"


def _text(text: str, style: int) -> str:
    if not text:
        return f'<c s="{style}"/>'
    written = escape(_ESCAPED.sub("_x005F_", text))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{written}</t></is></c>'


def _parts(titles: Sequence[str]) -> dict[str, str]:
    numbers = range(1, len(titles) + 1)
    sheets = "".join(
        f'<sheet name="{escape(title)}" sheetId="{n}" r:id="rId{n}"/>' for n, title in zip(numbers, titles, strict=True)
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_KIND}.worksheet+xml"/>' for n in numbers
    )
    return {
        "xl/workbook.xml": (
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{related}'
            f'<Relationship Id="rIdS" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'
        ),
        "xl/styles.xml": _STYLES,
        "_rels/.rels": (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "[Content_Types].xml": (
            f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>{kinds}</Types>'
        ),
    }
