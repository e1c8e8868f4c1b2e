"""``kydai ingest``: files through the whole pipeline, in this process, beside a running ``kydai up`` or without one.

Each run has a spool of its own; what was read is remembered in step 2, so that a second run adds only what is new.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import delete, or_, select

from collectors import evtx_records
from collectors.files import FileReader, Raw, fingerprint
from collectors.unpacking import HEAD_BYTES
from collectors.walking import is_stream
from core.db import outbox
from core.db.models import DecoderState, IngestedFile, Meta, SpoolPosition
from core.errors import BadInput, Refused
from core.event import Frame, FrameKind, new_ulid
from core.spool import Position, Spool, SpoolReader
from kydai.books import PREFIX as BOOK
from kydai.context import Context
from kydai.pipeline import MARK, FileMark, Parts, Pipeline

CHUNK = 5_000
PREFIX = "ingest-"
"""Of the names of the runs' spools."""


@dataclass(slots=True)
class Ingested:
    """What a run did."""

    files: int = 0
    raws: int = 0
    alerts: int = 0
    without_template: int = 0
    """Flow datagrams whose template is in none of the files."""
    unchanged: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    bad: list[BadInput] = field(default_factory=list)


class Ingest:
    """One run over files."""

    def __init__(self, context: Context, parts: Parts, *, source: str | None, parser: str | None, again: bool) -> None:
        self.context = context
        self.source = source
        self.parser = parser
        self.again = again
        name = f"{PREFIX}{new_ulid(context.clock.now())}"
        limits = context.settings.spool
        self.spool = Spool(
            context.settings.spool_folder / name,
            context.clock,
            quota_bytes=limits.quota_mb << 20,
            reserve_bytes=limits.reserve_mb << 20,
        )
        self.pipeline = Pipeline(name, self.spool.folder, parts, is_replay=True)
        self.result = Ingested()

    def take(self, name: str, progress: Callable[[int], None]) -> None:
        """One file; a bad one is noted and the others go on."""
        try:
            self._take(name, progress)
        except BadInput as error:
            self.result.bad.append(error)

    def _take(self, name: str, progress: Callable[[int], None]) -> None:
        reader = FileReader(name)
        if not reader.head:
            self.result.empty.append(name)
            return
        path, source = _text(str(Path(name).resolve())), self.source or ""
        by_name = fingerprint(f"{source}\0{path}".encode())
        mark = FileMark(fingerprint(reader.head), len(reader.head), 0, "", path, by_name, source)
        if not is_stream(name):
            known = None
            if reader.is_evtx:
                mark, known = self._known_log(reader, mark)
            elif not self.again:
                known = self._known(name, mark, reader.head)
            if known is not None and not self.again:
                mark = known
            if known is not None or reader.is_evtx:
                reader = FileReader(name)
        start = mark.offset
        chunk: list[Frame] = []
        tail, is_behind = b"", False
        try:
            for raw in reader.raws(start):
                if len(chunk) >= CHUNK and not is_behind:
                    self._run(name, mark._replace(tail_print=fingerprint(tail)), chunk, progress)
                    chunk = []
                chunk.append(self._frame(name, raw))
                mark, tail, is_behind = mark._replace(offset=raw.position), reader.tail, raw.is_behind
        except BadInput as error:
            self.result.bad.append(error)  # what was read before the file broke off is taken
        if chunk:
            self._run(name, mark._replace(tail_print=fingerprint(tail)), chunk, progress)
            self.result.files += 1
        elif start:
            self.result.unchanged.append(name)

    def _frame(self, name: str, raw: Raw) -> Frame:
        file = _text(Path(name).name)
        source = self.source or ("stdin" if is_stream(name) else file)
        meta = {"receiver": "file", "file": file, "replay": "1"}
        if self.parser:
            meta["parser"] = self.parser
        kind, key = raw.kind, f"file:{source}"
        if kind is FrameKind.FLOW:
            key = f"flow:{raw.exporter}"
        if raw.reason:
            kind, meta["reason"] = FrameKind.DOOR, raw.reason
        return Frame(key, raw.captured_at or self.context.clock.now(), raw.data, kind, 0, meta)

    def _run(self, name: str, mark: FileMark, chunk: list[Frame], progress: Callable[[int], None]) -> None:
        if not is_stream(name):
            last = chunk[-1]
            chunk[-1] = replace(last, meta={**last.meta, MARK: mark.dump()})
        self.spool.append(chunk)
        self.result.raws += len(chunk)
        while self.pipeline.step():
            pass
        progress(len(chunk))

    def _known(self, name: str, mark: FileMark, head: bytes) -> FileMark | None:
        """How far a file that was read before was read; None for a new or a changed one (decision 5)."""
        with self.context.database.read() as session:
            rows = session.scalars(
                select(IngestedFile)
                .where(
                    IngestedFile.source == mark.source,
                    IngestedFile.length <= len(head),
                    or_(IngestedFile.length < HEAD_BYTES, IngestedFile.print == mark.print),
                )
                .order_by(IngestedFile.offset.desc())
            ).all()
        for row in rows:
            tail = _tail_read_then(name, row)
            if tail is None:
                continue
            known = mark._replace(print=row.print, length=row.length, offset=row.offset)
            if row.path == mark.path or _is_link(row.path, name):
                return known
            if _tail_read_then(row.path, row) is None:  # it is gone from there, or something else is: renamed
                return known._replace(moved_from=row.name)
            if HEAD_BYTES in (row.length, len(tail)) or not _has_more(name, row.offset):
                return known
        return None

    def _known_log(self, reader: FileReader, mark: FileMark) -> tuple[FileMark, FileMark | None]:
        """The mark of a Windows event log, keyed by its first record; and how far the same log was read before.

        It holds nothing unread before the last record read then when it has the same number of records from the same
        first one to that; or when no number was missing among those read, and it begins with none before their first:
        a full log drops its oldest (decision 5).
        """
        with self.context.database.read() as session:
            rows = session.scalars(select(IngestedFile).where(IngestedFile.source == mark.source)).all()
        by_tail = defaultdict(list)
        for row in rows:
            by_tail[row.tail_print].append(row)
        first, offset, tail_print = mark._replace(print="", length=0), 0, ""
        try:
            for raw in reader.raws():
                tail = fingerprint(raw.data)
                if not first.print:
                    first = mark._replace(print=tail, length=evtx_records.number(raw.data))
                for row in by_tail.get(tail, ()):
                    is_same = (row.print, row.offset) == (first.print, raw.position)
                    is_whole = evtx_records.number(raw.data) - row.length + 1 == row.offset
                    if is_same or (is_whole and 0 < row.length <= first.length):
                        offset, tail_print = raw.position, tail
        except BadInput:
            pass  # it is told when the records are taken
        return first, first._replace(offset=offset, tail_print=tail_print) if offset else None

    def finish(self) -> Ingested:
        """Give up what waits for a template, hand the replay over to correlation and clear the spool away."""
        self.pipeline.end()
        self.result.alerts, self.result.without_template = self.pipeline.alerts, self.pipeline.without_template
        close_run(self.context, self.spool, has_raws=bool(self.result.raws))
        return self.result


def _text(path: str) -> str:
    """A name of bytes that are not UTF-8, with these escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _tail_read_then(path: str, row: IngestedFile) -> bytes | None:
    """What stands before the place where reading ended then; None when the file does not begin with all of that."""
    try:
        reader = FileReader(path) if Path(path).is_file() else None
        if reader is None or fingerprint(reader.head[: row.length]) != row.print:
            return None
        tail = reader.tail_before(row.offset)
    except (BadInput, OSError):  # a place that may not be looked at
        return None
    return tail if tail is not None and fingerprint(tail) == row.tail_print else None


def _has_more(name: str, offset: int) -> bool:
    try:
        return next(FileReader(name).raws(offset), None) is not None
    except BadInput:
        return False  # it breaks off there, which is told when it is read


def _is_link(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def close_run(context: Context, spool: Spool, *, has_raws: bool) -> None:
    """A run's frames are all committed: its correlations may be judged, nothing of it is needed any more.

    How far it is committed is known for as long as its spool is there, so that a kill repeats nothing.
    """
    name = spool.folder.name
    if has_raws:
        with context.database.write() as session:
            outbox.put(session, "replay_end", name, {"spool": name}, now=context.clock.now())
    spool.close()
    shutil.rmtree(spool.folder, ignore_errors=True)
    _forget_gone(context, name)


def _forget_gone(context: Context, name: str) -> None:
    """Forget how far this run is committed, and those that were killed here, when their spools are gone."""
    mine = or_(SpoolPosition.spool == name, SpoolPosition.spool.startswith(PREFIX))
    with context.database.write() as session:
        for row in session.scalars(select(SpoolPosition).where(mine)).all():
            if not (context.settings.spool_folder / row.spool).exists():
                session.delete(row)
                session.execute(delete(DecoderState).where(DecoderState.key.startswith(f"{row.spool}:")))
                session.execute(delete(Meta).where(Meta.key == BOOK + row.spool))


def take_up(context: Context, parts: Parts) -> int:
    """Finish runs that were killed: commit what their spools hold up to the last mark; returns how many.

    What stands behind the last mark was never recorded as read, so the next run reads it from the file.
    """
    count = 0
    for folder in sorted(context.settings.spool_folder.glob(f"{PREFIX}*")):
        try:
            spool = Spool(folder, context.clock, reserve_bytes=0)
        except Refused:
            continue  # its run is alive
        pipeline, end = Pipeline(folder.name, folder, parts, is_replay=True), _last_mark(folder)
        while end is not None and pipeline.step(until=end):
            pass
        pipeline.end()
        close_run(context, spool, has_raws=end is not None)
        count += 1
    return count


def _last_mark(folder: Path) -> Position | None:
    reader, position, found = SpoolReader(folder), Position(), None
    while (batch := reader.read(position)).frames:
        for segment, record, frame in batch.frames:
            if MARK in frame.meta:
                found = Position(segment, record + 1)
        position = batch.position
    return found
