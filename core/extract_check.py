"""Whether a file that was taken away is still what its slip (phiếu trích xuất) says: offline, from the file alone.

What was changed by accident or in passing is found. Who rewrites rows and slip together makes a file that fits
itself, so the SHA-256 is to be compared with the signed paper or with the journal's entry of the export.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from core.errors import BadInput, Place, cause, failure
from core.export import BOM
from core.extract import SHA, SIGNATURES
from core.words import LANGUAGES, say

_LINE = re.compile(rb"\r\n" + SHA.encode() + rb",([0-9a-f]{64})\r\n")
_TAIL = 262_144
"""A slip is a few lines, its query at most 10,000 characters."""
_AT_ONCE = 1 << 20
_CODED = re.compile("_x([0-9A-Fa-f]{4})_")
_ENDS = {lang: [say(key, lang) for key in SIGNATURES] for lang in LANGUAGES}


@dataclass(frozen=True, slots=True)
class Checked:
    """The slip's lines, the SHA-256 that it states and the one that the file has; ``is_added``: something was written
    below the slip, where no SHA-256 covers it."""

    slip: Sequence[tuple[str, str]]
    stated: str
    found: str
    is_added: bool

    @property
    def is_whole(self) -> bool:
        return self.stated == self.found and not self.is_added


def check(path: Path) -> Checked:
    """Read the file as ``core.extract`` writes it. Raises BadInput when it cannot be read or has no slip."""
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return _workbook(path, file)
            return _table(path, file)
    except OSError as error:
        raise failure(BadInput, "extract.error.read", place=Place(str(path)), why=cause(error)) from error
    except (zipfile.BadZipFile, ParseError, KeyError, ValueError, csv.Error) as error:
        raise failure(BadInput, "extract.error.damaged", place=Place(str(path))) from error


def _none(path: Path) -> BadInput:
    return failure(BadInput, "extract.error.no_slip", place=Place(str(path)))


def _table(path: Path, file: IO[bytes]) -> Checked:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    lines = list(_LINE.finditer(tail))
    if not lines:
        raise _none(path)
    left = size - len(tail) + lines[-1].start() + 2
    file.seek(0)
    start = len(BOM) if file.read(len(BOM)) == BOM else 0
    file.seek(start)
    sha, left = hashlib.sha256(), left - start
    while data := file.read(min(_AT_ONCE, left)):
        sha.update(data)
        left -= len(data)
    above = tail[: lines[-1].start() + 2].rpartition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    below = tail[lines[-1].end() :].decode("utf-8", "replace")
    rows = [_pair(row) for row in csv.reader(io.StringIO(above, newline=""))]
    return _checked(rows, lines[-1][1].decode(), sha.hexdigest(), csv.reader(io.StringIO(below, newline="")))


def _pair(row: Sequence[str]) -> tuple[str, str]:
    return row[0] if row else "", row[1] if len(row) > 1 else ""


def _checked(slip: list[tuple[str, str]], stated: str, found: str, below: Any) -> Checked:
    rest = [row for row in below if any(row)]
    is_added = [row[0] for row in rest] not in _ENDS.values() or any(cell for row in rest for cell in row[2:])
    return Checked(slip, stated, found, is_added)


def _workbook(path: Path, file: IO[bytes]) -> Checked:
    from openpyxl import load_workbook  # a third of a second that most commands need not spend

    book = load_workbook(file, read_only=True)
    try:
        *tables, last = book.worksheets
        slip = [list(_texts(row, 2)) for row in last.iter_rows(values_only=True)]
        at = max((n for n, row in enumerate(slip) if row[0] == SHA), default=None)
        if at is None or not tables:
            raise _none(path)
        sha, text = hashlib.sha256(), io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        for row in _rows(tables):
            writer.writerow(row)
            if text.tell() > _AT_ONCE:
                _take(sha, text)
        text.write("\r\n")
        writer.writerows(slip[:at])
        _take(sha, text)
    finally:
        book.close()
    return _checked([_pair(row) for row in slip[:at]], slip[at][1], sha.hexdigest(), slip[at + 1 :])


def _take(sha: Any, text: io.StringIO) -> None:
    sha.update(text.getvalue().encode("utf-8"))
    text.seek(0)
    text.truncate()


def _rows(sheets: Sequence[Any]) -> Iterator[list[str]]:
    """The rows of the sheets as of one table, its head once."""
    width = 0
    for number, sheet in enumerate(sheets):
        for at, row in enumerate(sheet.iter_rows(values_only=True)):
            width = width or len(row)
            if at or not number:
                yield list(_texts(row, width))


def _texts(row: Sequence[Any], width: int) -> Iterator[str]:
    """Cells as CSV has them."""
    for value in (*row, *[None] * (width - len(row))):
        if value is None:
            yield ""
        elif isinstance(value, datetime):
            # a day's fraction is a little off the second
            yield format(value + timedelta(milliseconds=500), "%d/%m/%Y %H:%M:%S")
        else:
            yield _CODED.sub(lambda m: chr(int(m[1], 16)), str(value))
