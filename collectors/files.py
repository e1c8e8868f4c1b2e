"""Files to raws: plain, .gz, .zst, UTF-16, JSON lines, .evtx, captures of flow datagrams, standard input.

A reader gives raws with the position behind each, so that a second run goes on where the first ended. Nothing is
read unbounded: a line beyond 16 MiB is cut off as *too_long*, and unpacking streams.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from collectors import evtx_records
from collectors.joining import AuditJoiner
from collectors.parsers.iis import is_needed
from collectors.pcap import FlowFile, is_flow_file
from collectors.unpacking import BREAKS, HEAD_BYTES, archive, head, unpacked
from collectors.walking import STDIN
from core.clock import Micros
from core.errors import BadInput, Place, cause, failure, reason
from core.event import FrameKind

MAX_LINE = 16 << 20
KEPT_OF_TOO_LONG = 64 << 10
MAX_DOCUMENTS = 64 << 20
HELD_FOR = 1_000
"""Lines; a record of several lines that is open for longer is let go, so that there is a place to go on from."""

_WHITE = re.compile(r"[\s,]*")
_DIRECTIVES = re.compile(rb"^(?:\xef\xbb\xbf)?(#Fields:[^\r\n]*)", re.MULTILINE)


class Raw(NamedTuple):
    """One raw of a file; ``position`` is where reading goes on behind it (bytes, or records of an EVTX)."""

    data: bytes
    position: int
    kind: FrameKind = FrameKind.LOG
    exporter: str = ""
    """Of a flow datagram."""
    captured_at: Micros | None = None
    """Of a flow datagram, when the capture says."""
    reason: str = ""
    """Why it is turned away."""
    is_behind: bool = False
    """Lines before ``position`` are still held, to be joined: whoever goes on there loses them."""


def fingerprint(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class FileReader:
    """One file, read once from the beginning; positions count unpacked bytes or records."""

    def __init__(self, name: str) -> None:
        """Open it. Raises BadInput with the reason."""
        self.name = name
        try:
            raw: BinaryIO = sys.stdin.buffer if name == STDIN else Path(name).open("rb")  # noqa: SIM115 - read as long as the reader lives
            self._stream = unpacked(raw)
            self.head = head(self._stream)
            self.tail = b""
            """What stands before the position of the raw given last: 1,024 bytes, the beginning of that document, or
            all of that record of an EVTX, which has its own number and so is like no other."""
        except BREAKS as error:
            raise failure(BadInput, "common.error.read", place=Place(name), why=cause(error)) from error
        if kind := archive(self.head):
            raise failure(BadInput, "collectors.archive", place=Place(name), kind=kind)

    @property
    def is_evtx(self) -> bool:
        return self.head.startswith(b"ElfFile\0")

    @property
    def is_capture(self) -> bool:
        return is_flow_file(self.head)

    def raws(self, start: int = 0) -> Iterator[Raw]:
        """Raws behind the position ``start``. Raises BadInput when the file breaks off in a bad way."""
        try:
            if self.is_evtx:
                yield from self._evtx(start)
            elif self.is_capture:
                yield from self._capture(start)
            elif self._is_json_spread_over_lines():
                yield from self._documents(start)
            else:
                yield from self._lines(start)
        except BREAKS as error:
            raise self._breaks_off(error) from error

    def tail_before(self, position: int) -> bytes | None:
        """The tail at a position (None when the file is shorter); the reader is used up by it. Raises BadInput."""
        if self.is_evtx or self.is_capture or self._is_json_spread_over_lines():
            return next((raw.data[:HEAD_BYTES] for raw in self.raws() if raw.position == position), None)
        left = position
        while left:
            try:
                part = self._stream.read(min(left, 1 << 20))
            except BREAKS as error:
                raise self._breaks_off(error) from error
            if not part:
                return None
            self.tail, left = (self.tail + part)[-HEAD_BYTES:], left - len(part)
        return self.tail

    def _breaks_off(self, error: Exception) -> BadInput:
        return failure(BadInput, "collectors.breaks_off", place=Place(self.name), why=cause(error))

    def _lines(self, start: int) -> Iterator[Raw]:
        at, begun = 0, b""  # begun: the line that had no end yet when it was read; grown since, it comes again, whole
        columns = _Columns()
        while at < start and (part := self._stream.read(min(start - at, 1 << 20))):
            at += len(part)
            self.tail = (self.tail + part)[-HEAD_BYTES:]
            whole, newline, begun = (begun + part).rpartition(b"\n")
            begun = begun[:MAX_LINE]
            if newline:
                columns.look(whole)
        joiner, held_for, broken = AuditJoiner(), 0, None
        try:
            while line := self._stream.readline(MAX_LINE):
                if held_for >= HELD_FOR and not joiner.goes_on("", line):
                    yield from _let_go(joiner, at)
                at += len(line)
                self.tail = (self.tail + line)[-HEAD_BYTES:]
                if line.strip(b"\r\n"):
                    line = begun + line
                begun = b""
                made, reason = [], ""
                if not line.endswith(b"\n") and len(line) >= MAX_LINE:
                    rest = line
                    while rest and not rest.endswith(b"\n"):
                        rest = self._stream.readline(MAX_LINE)
                        at += len(rest)
                        self.tail = (self.tail + rest)[-HEAD_BYTES:]
                    made, reason = [line[:KEPT_OF_TOO_LONG]], "too_long"
                elif text := line.rstrip(b"\r\n"):
                    made = joiner.feed("", columns.feed(text), 0)
                held_for = held_for + 1 if joiner.open else 0
                yield from (Raw(one, at, reason=reason, is_behind=bool(joiner.open)) for one in made)
        except BREAKS as error:
            broken = error
        yield from _let_go(joiner, at)
        if broken is not None:
            raise broken

    def _is_json_spread_over_lines(self) -> bool:
        """A JSON document whose first line does not hold it whole (pretty-printed, or a list of documents)."""
        first = self.head.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")[0].strip()
        return first in (b"{", b"[", b"[{") or first.startswith(b"[{")

    def _documents(self, start: int) -> Iterator[Raw]:
        data = self._stream.read(MAX_DOCUMENTS + 1)
        if len(data) > MAX_DOCUMENTS:
            raise failure(BadInput, "collectors.large_json", place=Place(self.name), limit=MAX_DOCUMENTS >> 20)
        # bytes that are not UTF-8 pass through unchanged: a raw is the text as it stands in the file
        text, count = data.decode("utf-8", "surrogateescape"), 0
        try:
            for document in _documents_in(text):
                count += 1
                if count > start:
                    raw = document.encode("utf-8", "surrogateescape")
                    self.tail = raw[:HEAD_BYTES]
                    yield Raw(raw, count)
        except (ValueError, RecursionError) as error:  # of numbers, too, with more digits than Python reads
            raise failure(BadInput, "collectors.not_json", place=Place(self.name), reason=reason(error)) from error

    def _evtx(self, start: int) -> Iterator[Raw]:
        # the library wants a seekable file; a folder of these is small beside memory, and reads are bounded
        for count, text in evtx_records.read(self._stream.read(1 << 31), self.name):
            if count > start:
                self.tail = text
                yield Raw(text, count)

    def _capture(self, start: int) -> Iterator[Raw]:
        file = FlowFile(self._stream)
        for count, one in enumerate(file, 1):
            if count > start:
                self.tail = one.data[:HEAD_BYTES]
                yield Raw(one.data, count, FrameKind.FLOW, one.exporter, one.at)
        counts = file.counts
        if lost := counts["cut"] + counts["fragments"] + counts["bad_block"]:
            raise failure(
                BadInput, "collectors.capture_lost", place=Place(self.name), count=lost, flows=counts["flows"]
            )
        if not counts["flows"]:
            raise failure(BadInput, "collectors.no_flows", place=Place(self.name), count=counts["packets"])


def _documents_in(text: str) -> Iterator[str]:
    """JSON documents one after another, or the members of lists of them."""
    decoder, at, is_list = json.JSONDecoder(), len(text) - len(text.lstrip("\ufeff")), False
    while (at := _WHITE.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches anywhere
        if text[at] == ("]" if is_list else "["):
            is_list, at = not is_list, at + 1
            continue
        _, end = decoder.raw_decode(text, at)
        yield text[at:end]
        at = end
    if is_list:
        raise json.JSONDecodeError("the list has no end", text, at)


class _Columns:
    """The ``#Fields:`` line (W3C, IIS) above the lines whose columns it names; it goes with each that needs it."""

    def __init__(self) -> None:
        self._directive = b""

    def look(self, lines: bytes) -> None:
        """Remember the last directive in these whole lines."""
        if b"#Fields:" in lines and (found := _DIRECTIVES.findall(lines)):
            self._directive = found[-1] + b"\n" if is_needed(found[-1].decode("utf-8", "replace")) else b""

    def feed(self, line: bytes) -> bytes:
        if line[:1] == b"#" or line[:4] == codecs.BOM_UTF8 + b"#":
            self.look(line)
            return line
        return self._directive + line if self._directive else line


def _let_go(joiner: AuditJoiner, at: int) -> Iterator[Raw]:
    held = [raw for _, raw in joiner.due(0, everything=True)]
    yield from (Raw(raw, at, is_behind=count < len(held)) for count, raw in enumerate(held, 1))
