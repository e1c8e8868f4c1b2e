"""A document to PDF, XLSX, CSV or JSON, in one language (JSON has both)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from core.clock import SECOND, to_micros
from core.export import Cell, Head, Moment, csv_bytes, xlsx_sheets
from core.words import LANGUAGES, number, say
from reports.document import Document, Section, Text, said, value_of
from reports.numbers import ARROW, numbers_of

# invisible signs, bidi controls, the old marks of language, and what no file may hold
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


_TIMES = {
    "vi": ("%d/%m/%Y %H:%M:%S", "dd/mm/yyyy hh:mm:ss"),
    "en": ("%Y-%m-%d %H:%M:%S", "yyyy-mm-dd hh:mm:ss"),
}
"""How words write a time (core.words.moment), and how a spreadsheet shows it so."""
_ENDS = re.compile(r"[?&](from=[^&]+&to=\S+)")


def visible(text: str) -> str:
    """What would be invisible or turn the reading direction, shown escaped."""
    return _HOSTILE.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text)


def shown(text: Text, lang: str) -> str:
    """A text of the document as it may be printed."""
    return visible(said(text, lang))


def mark(document: Document, lang: str) -> str:
    """What every page and sheet of a demonstration carries, else nothing."""
    return f"{say('common.demo_data', lang)} · {say('common.demo_place', lang)}" if document.is_demo else ""


def truth(document: Document, lang: str) -> str:
    """What the whole says of its numbers."""
    return say("report.truth.complete" if document.is_complete else "report.truth.incomplete", lang)


def made(document: Document, lang: str) -> str:
    """By whom and when."""
    by, at = say("report.made_by", lang), say("report.made_at", lang)
    return f"{by} {visible(document.made_by)} {at} {said(document.made_at, lang)}"


def anchor(document: Document, lang: str) -> str:
    """Where the journal stood, so that a journal cut shorter later is found out."""
    if document.anchor is None:
        return ""
    return say("report.anchor", lang, seq=document.anchor["seq"], hash=document.anchor["hash"])


def reruns(section: Section, lang: str) -> list[str]:
    """How to have again the numbers that sentences tell, an address once; columns of numbers say it themselves."""
    cells = [c for row in section.table.rows for c in row] if section.table is not None else []
    told = [section.lead, *section.lines, *(c for c in cells if "numbers" in c)]
    found: dict[str, dict[str, str]] = {}
    for each in (n for text in told for n in numbers_of(text)):
        asked, _, field = each["rerun"].partition(ARROW)
        value = each["value"]
        found.setdefault(asked, {})[field] = value if isinstance(value, str) else number(value, lang)
    ends = Counter(m[1] for asked in found if (m := _ENDS.search(asked)) is not None)
    common = next((end for end, times in ends.most_common(1) if times > 1), "")
    if common:
        found = {asked.replace(f"?{common}", "").replace(f"&{common}", ""): fields for asked, fields in found.items()}
    lines = [
        asked + ";".join(f"{ARROW}{field}: {value}" if field else f": {value}" for field, value in fields.items())
        for asked, fields in found.items()
    ]
    if not lines:
        return []
    head = say("report.rerun_with", lang, ends=common) if common else say("report.rerun", lang)
    return [head, *(visible(line) for line in lines)]


def pdf(document: Document, lang: str) -> bytes:
    """By Typst: the data go in as data and are never read as markup."""
    data = {
        "lang": lang,
        "title": shown(document.title, lang),
        "subtitle": shown(document.subtitle, lang),
        "mark": mark(document, lang),
        "truth": truth(document, lang),
        "made": made(document, lang),
        "anchor": anchor(document, lang),
        "page": say("report.page", lang),
        "sections": [_printed(section, lang) for section in document.sections],
    }
    folder = files("reports.definitions").joinpath(document.name)
    own = folder.joinpath("layout.typ")
    layout = own if own.is_file() else files("reports").joinpath("layout.typ")
    import typst

    result = typst.Compiler(layout.read_bytes(), font_paths=_fonts()).compile(
        format="pdf", sys_inputs={"data": orjson.dumps(data).decode()}, timestamp=_seconds(document)
    )
    assert isinstance(result, bytes)
    return result


@cache
def _fonts() -> Any:
    """Ours first, then those of the machine for scripts that ours lack."""
    import typst

    return typst.Fonts(font_paths=[str(files("reports").joinpath("fonts"))])


def _seconds(document: Document) -> int:
    """When it was made, so that the same document gives the same bytes."""
    return to_micros(str(value_of(document.made_at))) // SECOND


def _printed(section: Section, lang: str) -> dict[str, Any]:
    table = section.table
    return {
        "title": shown(section.title, lang),
        "lead": shown(section.lead, lang),
        "how": shown(section.how, lang),
        "lines": [shown(line, lang) for line in section.lines],
        "reruns": reruns(section, lang),
        "table": table
        and {
            "columns": [shown(c, lang) for c in table.columns],
            "rows": [[shown(c, lang) for c in row] for row in table.rows],
            "right": table.right,
            "code": table.code,
            "widths": table.widths,
            "strong": table.strong,
        },
    }


def xlsx(document: Document, lang: str) -> bytes:
    """A first sheet that says what this is, then one sheet a section; numbers are numbers."""
    head = [[line] for line in _head(document, lang)]
    return xlsx_sheets(
        [
            (said(document.title, lang), [shown(document.title, lang)], head),
            *(
                (said(s.title, lang), [mark(document, lang) or shown(s.title, lang)], _rows(s, lang))
                for s in document.sections
            ),
        ]
    )


def _head(document: Document, lang: str) -> list[str]:
    lines = [mark(document, lang), shown(document.subtitle, lang), made(document, lang), truth(document, lang)]
    lines.append(anchor(document, lang))
    return [line for line in lines if line]


def _rows(section: Section, lang: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = [[shown(text, lang)] for text in (section.lead, section.how) if text]
    if section.table is not None:
        rows.append(Head(shown(c, lang) for c in section.table.columns))
        rows += [[_cell(c, lang) for c in row] for row in section.table.rows]
    return rows + [[line] for line in (*(shown(line, lang) for line in section.lines), *reruns(section, lang))]


def _cell(text: Text, lang: str) -> Cell:
    """A number as a number and a time as a time where nothing more is said of it, everything else as it is shown."""
    value, told = value_of(text), shown(text, lang)
    if isinstance(value, int) and told.lstrip("-−").replace(".", "").replace(",", "").isdecimal():
        return value
    if isinstance(value, str):
        read, form = _TIMES[lang]
        is_whole = len(told) > len("2026-11-25 14:30")
        read, form = (read, form) if is_whole else (read[:-3], form[:-3])
        return Moment(datetime.strptime(told, read), told, form)  # noqa: DTZ007 - a spreadsheet knows no zones
    return told


def csv(document: Document, lang: str) -> bytes:
    """All sections one under the other, the section's title in the first column."""
    rows: list[Sequence[Cell]] = [[line] for line in _head(document, lang)]
    for section in document.sections:
        title = shown(section.title, lang)
        rows += [[title, *row] for row in _rows(section, lang)]
    return csv_bytes([shown(document.title, lang)], rows)


def json(document: Document, lang: str) -> bytes:
    """The plain document in both languages, with the mark of a demonstration."""
    marks = {code: mark(document, code) for code in LANGUAGES} if document.is_demo else None
    plain = {"mark": marks, "truth": {code: truth(document, code) for code in LANGUAGES}, **document.as_json()}
    return orjson.dumps(_writable(plain), option=orjson.OPT_INDENT_2)


def _writable(value: Any) -> Any:
    """Lone surrogates cannot be written as UTF-8; they are shown escaped."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return visible(value)
        return value
    if isinstance(value, Mapping):
        return {k: _writable(v) for k, v in value.items()}
    return [_writable(v) for v in value] if isinstance(value, list | tuple) else value


FORMATS: Mapping[str, tuple[Callable[[Document, str], bytes], str]] = {
    "pdf": (pdf, "application/pdf"),
    "xlsx": (xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "csv": (csv, "text/csv; charset=utf-8"),
    "json": (json, "application/json"),
}


def render(document: Document, form: str, lang: str) -> bytes:
    """The document in one of FORMATS."""
    return FORMATS[form][0](document, lang)
