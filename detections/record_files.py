"""Records out of files, for matching rules against them: EVTX, JSON lines, JSON arrays, objects after one another."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import zstandard
from evtx import PyEvtxParser

from core.errors import BadInput, Place, cause, failure, reason

MAX_LINE = 16 * 1024 * 1024
MAX_WHOLE = 1024 * 1024 * 1024
"""Bytes of a file that is one JSON document (or several written over many lines); such a file is read whole."""

_EVTX_MAGIC = b"ElfFile"

Record = Mapping[str, Any]


def records(path: Path) -> Iterator[Record | BadInput]:
    """The records of a file in order; BadInput, with the place, stands for one that cannot be read.

    Told apart by content; ``.gz`` and ``.zst`` are unpacked. Raises BadInput when the file itself cannot be read.
    """
    try:
        with path.open("rb") as file:  # once: it may be a pipe
            magic = file.peek(8)[:8]
            if magic.startswith(_EVTX_MAGIC):
                yield from _evtx(path, file)
                return
            with _unpacked(file, magic) as stream:
                yield from json_records(stream, str(path))
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise failure(BadInput, "common.error.read", place=Place(str(path)), why=cause(error)) from error


def _unpacked(file: BinaryIO, magic: bytes) -> BinaryIO:
    if magic[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(file, "rb"))
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        unpacked = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", unpacked)))
    return file


def _evtx(path: Path, file: BinaryIO) -> Iterator[Record | BadInput]:
    try:
        parser = PyEvtxParser(str(path) if path.is_file() else io.BytesIO(file.read()))
        for found in parser.records_json():
            record = orjson.loads(found["data"]) if found is not None else None
            yield (
                record
                if isinstance(record, dict)
                else failure(BadInput, "rules.record.no_object", place=Place(str(path)))
            )
    except (RuntimeError, ValueError) as error:
        yield failure(BadInput, "rules.record.evtx", place=Place(str(path)), reason=reason(error))


def json_records(stream: BinaryIO, name: str) -> Iterator[Record | BadInput]:
    """The objects of a JSON stream: one a line, or an array, or written over many lines one after the other."""
    line_number = 0
    while True:
        first = stream.readline(MAX_LINE + 1)
        line_number += 1
        if not first:
            return
        if first.strip(b"\xef\xbb\xbf \t\r\n"):
            break
    if first.lstrip(b"\xef\xbb\xbf \t").startswith(b"[") or not _is_whole(first):
        yield from _whole(first + stream.read(MAX_WHOLE + 1), name)
        return
    line = first
    while line:
        if len(line) > MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE)
            yield failure(BadInput, "rules.record.long_line", place=Place(name, line_number), limit=MAX_LINE)
        elif line.strip():
            yield _object(line, name, line_number)
        line = stream.readline(MAX_LINE + 1)
        line_number += 1


def _is_whole(line: bytes) -> bool:
    """Whether a first line can stand for itself: it is JSON, or is none and does not begin an object either."""
    text = line.lstrip(b"\xef\xbb\xbf \t")
    if not text.startswith(b"{") or len(line) > MAX_LINE:
        return True
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.rstrip().endswith(b"}")
    return True


def _object(line: bytes, name: str, line_number: int) -> Record | BadInput:
    try:
        record = orjson.loads(line.strip(b"\xef\xbb\xbf \t\r\n"))
    except orjson.JSONDecodeError as error:
        return failure(BadInput, "rules.record.no_json", place=Place(name, line_number), reason=reason(error))
    if isinstance(record, dict):
        return record
    return failure(BadInput, "rules.record.no_object", place=Place(name, line_number))


def _whole(data: bytes, name: str) -> Iterator[Record | BadInput]:
    if len(data) > MAX_WHOLE:
        yield failure(BadInput, "rules.record.large", place=Place(name), limit=MAX_WHOLE)
        return
    text = data.decode("utf-8-sig", "replace")
    decoder = json.JSONDecoder()
    position = 0
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if position == len(text):
            return
        try:
            found, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, position) + 1
            yield failure(BadInput, "rules.record.no_json", place=Place(name, line), reason=reason(error))
            return
        for record in found if isinstance(found, list) else [found]:
            yield record if isinstance(record, dict) else failure(BadInput, "rules.record.no_object", place=Place(name))
