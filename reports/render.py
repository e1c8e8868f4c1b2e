"""A document to PDF, XLSX, CSV or JSON, in one language (JSON has both)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import orjson

from core.export import Cell as ExportCell
from core.export import csv_bytes, xlsx_sheets
from core.words import say
from reports.document import Document, Table, said

WIDE = {"incident", "period"}
"""Reports whose tables want the page on its side."""

_HOSTILE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def visible(text: str) -> str:
    """What would be invisible or turn the reading direction, shown escaped."""
    return _HOSTILE.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text)


def _visible(value: Any) -> Any:
    """The same for every string of plain data; before it is JSON, whose escapes would hide them from ``visible``."""
    match value:
        case str():
            return visible(value)
        case dict():
            return {key: _visible(v) for key, v in value.items()}
        case list() | tuple():
            return [_visible(v) for v in value]
    return value


def pdf(document: Document, lang: str) -> bytes:
    """By Typst; the data go in as data and are never read as markup."""
    import typst

    words = {
        "demo": f"{say('common.demo_data', lang)} · {say('common.demo_place', lang)}",
        "made": say("report.made_by", lang),
    }
    inputs = {
        "data": orjson.dumps(_visible(document.as_json())).decode(),
        "words": orjson.dumps(words).decode(),
        "lang": lang,
        "flipped": "yes" if document.name in WIDE else "no",
    }
    layout = files("reports").joinpath("layout.typ").read_bytes()
    result = typst.compile(layout, sys_inputs=inputs)
    assert isinstance(result, bytes)
    return result


def _cells(table: Table, lang: str) -> list[list[ExportCell]]:
    return [[c if isinstance(c, int) else visible(said(c, lang)) for c in row] for row in table.rows]


def xlsx(document: Document, lang: str) -> bytes:
    """One sheet a section."""
    sheets = []
    for section in document.sections:
        heads: list[str] = [said(section.title, lang)]
        rows: list[list[ExportCell]] = [[visible(said(line, lang))] for line in section.lines]
        if section.table is not None:
            heads = [said(c, lang) for c in section.table.columns]
            rows = _cells(section.table, lang)
        sheets.append((said(section.title, lang), heads, rows))
    return xlsx_sheets(sheets)


def csv(document: Document, lang: str) -> bytes:
    """All sections one under the other, the section's title in the first column."""
    rows: list[list[ExportCell]] = []
    for section in document.sections:
        title = said(section.title, lang)
        rows += [[title, visible(said(line, lang))] for line in section.lines]
        if section.table is not None:
            rows.append([title, *(said(c, lang) for c in section.table.columns)])
            rows += [[title, *row] for row in _cells(section.table, lang)]
    width = max((len(r) for r in rows), default=2)
    head = [said(document.title, lang), said(document.subtitle, lang), *[""] * (width - 2)]
    mark = [[say("common.demo_data", lang)]] if document.is_demo else []
    return csv_bytes(head[:width], [*mark, *rows])


def json(document: Document, lang: str) -> bytes:
    return orjson.dumps(document.as_json(), option=orjson.OPT_INDENT_2)


FORMATS: Mapping[str, tuple[Callable[[Document, str], bytes], str]] = {
    "pdf": (pdf, "application/pdf"),
    "xlsx": (xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "csv": (csv, "text/csv; charset=utf-8"),
    "json": (json, "application/json"),
}


def render(document: Document, form: str, lang: str) -> bytes:
    """The document in one of FORMATS."""
    return FORMATS[form][0](document, lang)
