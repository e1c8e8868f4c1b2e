"""A table taken away as CSV or XLSX: written row by row, closed by its count and by a slip (phiếu trích xuất).

The SHA-256 of the slip is that of everything above it in the form of CSV (UTF-8 without BOM, CRLF): head, rows, the
closing line, an empty line, and the slip's own lines. It is the same in both formats, so core/extract_check.py checks
a workbook that was opened and saved again, too. Below it stand the places for two signatures and nothing else.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import IO, Literal, Self

from core.clock import Micros, from_micros
from core.export import BOM, Cell, Moment, safe_text
from core.extract_xlsx import CELL_UNITS, TIME_FORM, Workbook
from core.words import moment, number, say

Form = Literal["csv", "xlsx"]
SHA = "SHA-256"
SIGNATURES = ("extract.handed_by", "extract.taken_by")
_ROWS_AT_ONCE = 500
_EXACT = 10**15
"""Spreadsheets keep 15 digits of a number: a longer one is a text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is taken away, by whom: ``query`` as it was put (empty: everything), ``start`` and ``end`` of its period."""

    what: str
    query: str
    start: Micros | None
    end: Micros | None
    zone: str
    by: str
    at: Micros
    is_demo: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """What the query counts (``is_least``: that, or more), and in sentences what its answer lacks."""

    count: int
    missing: Sequence[str] = ()
    is_least: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file: ``missing`` are sentences, none when the rows are all that the query finds."""

    rows: int
    sha256: str
    missing: Sequence[str]


def local(at: Micros, zone: str) -> Moment:
    """A time as the house's clocks show it."""
    wall = from_micros(at, zone).replace(tzinfo=None, microsecond=0)
    return Moment(wall, moment(at, "vi", zone), TIME_FORM)


class Extract:
    """Writes one table into ``file``; memory stays bounded. What the disk refuses is raised as OSError; then it is
    left as a context, which gives the rest up."""

    def __init__(self, file: IO[bytes], form: Form, head: Sequence[str], lang: str) -> None:
        self.rows = 0
        self._lang, self._width = lang, len(head)
        self._file = file if form == "csv" else None
        self._book = Workbook(file, say("extract.sheet", lang)) if form == "xlsx" else None
        self._sha = hashlib.sha256()
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text, lineterminator="\r\n")
        self._cuts = 0
        if self._file is not None:
            self._file.write(BOM)
        self._write(list(head))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._book is not None:
            self._book.drop()

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """More rows, each as wide as the head."""
        for row in rows:
            self._write(row)
            self.rows += 1
            if self.rows % _ROWS_AT_ONCE == 0:
                self._flush()

    def close(self, asked: Asked, counted: Counted) -> Made:
        """Write the closing line and the slip."""
        lang, told = self._lang, list(counted.missing)
        if counted.is_least or counted.count != self.rows:
            key = "extract.counted_least" if counted.is_least else "extract.counted"
            told.insert(0, say(key, lang, count=counted.count))
        if self._cuts:
            told.append(say("extract.cuts", lang, count=self._cuts, limit=CELL_UNITS))
        end = say("extract.end", lang, count=self.rows)
        if told:
            end = say("extract.end_missing", lang, count=self.rows, missing=" ".join(told))
        self._write([end, *[""] * (self._width - 1)])
        slip = [[str(self._plain(text)) for text in row] for row in _slip(asked, self.rows, told, lang)]
        self._text.write("\r\n")
        self._csv.writerows(slip)
        self._flush()
        sha = self._sha.hexdigest()
        slip.append([SHA, sha])
        slip += [[say(key, lang), ""] for key in SIGNATURES]
        if self._book is not None:
            self._book.close(say("extract.slip", lang), slip)
        else:
            self._csv.writerows(slip[-3:])
            self._flush()
        return Made(self.rows, sha, told)

    def _write(self, row: Sequence[Cell]) -> None:
        cells = [self._plain(value) for value in row]
        self._csv.writerow(cells)
        if self._book is not None:
            self._book.row(cells, row)

    def _plain(self, value: Cell) -> str | int | float:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _EXACT:
            return value
        text = safe_text(str(value))
        if len(text) * 2 <= CELL_UNITS:
            return text
        units = text.encode("utf-16-le")
        if len(units) // 2 <= CELL_UNITS:
            return text
        self._cuts += 1
        end = say("extract.cut", self._lang, limit=CELL_UNITS)
        return units[: (CELL_UNITS - len(end)) * 2].decode("utf-16-le", "ignore") + end

    def _flush(self) -> None:
        data = self._text.getvalue().encode("utf-8")
        self._sha.update(data)
        if self._file is not None:
            self._file.write(data)
        self._text.seek(0)
        self._text.truncate()


def _slip(asked: Asked, rows: int, missing: Sequence[str], lang: str) -> list[list[str]]:
    whole = say("extract.no", lang, missing=" ".join(missing)) if missing else say("extract.yes", lang)
    facts = {
        "what": asked.what,
        "query": asked.query or say("extract.all", lang),
        "period": _period(asked, lang),
        "rows": number(rows, lang),
        "complete": whole,
        "by": asked.by,
        "at": f"{moment(asked.at, lang, asked.zone)} ({asked.zone})",
        "version": f"Kỳ Đài {version('kydai')}",
    }
    title = [say("extract.slip", lang).upper(), say("common.demo_data", lang) if asked.is_demo else "Kỳ Đài"]
    return [title, *([say(f"extract.{name}", lang), text] for name, text in facts.items())]


def _period(asked: Asked, lang: str) -> str:
    if asked.start is None and asked.end is None:
        return say("extract.any_time", lang)
    ends = [
        say("extract.open", lang) if at is None else moment(at, lang, asked.zone) for at in (asked.start, asked.end)
    ]
    return f"{ends[0]} – {ends[1]} ({asked.zone})"
