"""The spool: raws on disk before they are acknowledged.

**An ack means: in the spool, ``fdatasync`` done; nothing else.**

A spool is a folder of segments ``<ULID>.spool`` under one lock. A segment is a header and blocks (core/spool_block.py).
One ``append`` writes whole blocks and syncs once. A writer that starts, meets a new UTC hour, a full segment or an
error opens a new segment, so event ids never repeat; a torn tail is cut when the folder is opened. Readers (other
processes too) follow a position and never need the lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import shutil
import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from core.clock import HOUR, SECOND, Clock, Micros, hour_of
from core.durable import make_folder, sync_folder
from core.errors import Refused, Unavailable, cause, failure
from core.event import Frame, Stored, is_ulid, new_ulid, ulid_time
from core.spool_block import HEADER_BYTES, decode, encode, next_block, read_header

SUFFIX = ".spool"
HEADER = b"KYDAISP1"
BLOCK_FRAMES = 2_000
BLOCK_BYTES = 4 << 20
SEGMENT_BYTES = 128 << 20


class Position(NamedTuple):
    """The next record to read; ("", 0) is the beginning."""

    segment: str = ""
    record: int = 0


BEGINNING = Position()


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that can no longer be read (a damaged block); ``count`` is None when even that is not known."""

    segment: str
    first: int
    count: int | None


@dataclass(slots=True)
class Batch:
    """What a read gave: frames in order, where to go on, and what was damaged on the way."""

    frames: list[Stored] = field(default_factory=list)
    position: Position = BEGINNING
    gaps: list[Gap] = field(default_factory=list)


class FileLayer(Protocol):
    """The system calls that durability depends on; tests hand in one that loses what was not synced."""

    def open(self, path: Path) -> int: ...
    def write(self, fd: int, data: bytes) -> None: ...
    def sync(self, fd: int) -> None: ...
    def truncate(self, fd: int, length: int) -> None: ...
    def close(self, fd: int) -> None: ...
    def sync_folder(self, path: Path) -> None: ...
    def free_bytes(self, path: Path) -> int: ...


class RealFiles:
    """The operating system."""

    def open(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)

    def truncate(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    def close(self, fd: int) -> None:
        os.close(fd)

    def sync_folder(self, path: Path) -> None:
        sync_folder(path)

    def free_bytes(self, path: Path) -> int:
        return shutil.disk_usage(path).free


def segments(folder: Path) -> list[str]:
    """ULIDs of the folder's segments, oldest first."""
    return sorted(p.stem for p in folder.glob("*" + SUFFIX) if is_ulid(p.stem))


class Spool:
    """The writing side, one a folder. Not safe for several threads: give them a GroupCommit."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *,
        files: FileLayer | None = None,
        quota_bytes: int = 16 << 30,
        reserve_bytes: int = 512 << 20,
        after: str = "",
    ) -> None:
        """Lock the folder and cut a torn tail. Every new segment is named behind ``after``, where the reader stands: in
        a folder that was restored without its spools none is behind it by itself when the clock is. Raises Refused
        when another process has it."""
        make_folder(folder, mode=0o700)
        self.folder = folder
        self.clock = clock
        self.files = files or RealFiles()
        self.quota_bytes = quota_bytes
        self.reserve_bytes = reserve_bytes
        self.cut_bytes = 0
        """Bytes of torn tail that were cut when the folder was opened."""
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise failure(Refused, "store.spool.in_use", folder=folder) from None
        self._fd: int | None = None
        self._segment = ""
        self._size = 0
        self._record = 0
        self._checked_at = -1.0
        self._free = 0
        known = segments(folder)
        self._last_ulid_at = max((ulid_time(each) for each in (after, *known[-1:]) if is_ulid(each)), default=0)
        found = {s: (folder / (s + SUFFIX)).stat() for s in known}
        self._used = sum(status.st_size for status in found.values())
        now, ticks = clock.now(), clock.monotonic()
        self._ended = {s: ticks - max(0, now - status.st_mtime_ns // 1000) / SECOND for s, status in found.items()}
        """When the last frame of each segment was written, by the clock that nobody sets."""
        if known:
            self._cut_tail(known[-1])

    def _cut_tail(self, segment: str) -> None:
        path = self.folder / (segment + SUFFIX)
        data = path.read_bytes()
        at = len(HEADER)
        end = at if data.startswith(HEADER) else 0
        # what is damaged before a whole block is no torn tail: what was acknowledged stands behind it
        while (found := next_block(data, at)) is not None:
            end = at = found[0] + HEADER_BYTES + found[1].length
        if end < len(data):
            self.cut_bytes = len(data) - end
            fd = self.files.open(path)
            try:
                self.files.truncate(fd, end)
                self.files.sync(fd)
            finally:
                self.files.close(fd)

    def append(self, frames: Sequence[Frame]) -> list[Stored]:
        """Write frames durably and give each its place; returns only after ``fdatasync``.

        Raises Refused when the disk or the quota is full (nothing was written), Unavailable when a write or a sync
        failed: those frames are not acknowledged, and the next append opens a new segment.
        """
        if not frames:
            return []
        self._refuse_when_full()
        now = self.clock.now()
        stamped = [
            # a third of what replace costs, and this is done to every raw
            f if f.arrival_at else Frame(f.source, f.created_at, f.data, f.kind, now, f.meta)
            for f in frames
        ]
        began = None
        try:
            # not while the clock is behind the segment: it went back, and each append would open one
            if self._fd is None or self._size >= SEGMENT_BYTES or hour_of(ulid_time(self._segment)) < hour_of(now):
                self._open_segment(now)
            assert self._fd is not None
            first, written, began = self._record, 0, self._size
            for part in _split(stamped):
                block = encode(first + written, part)
                self.files.write(self._fd, block)
                self._size += len(block)
                self._used += len(block)
                written += len(part)
            self.files.sync(self._fd)
        except OSError as error:
            self._abandon(began)
            raise failure(Unavailable, "store.spool.write", folder=self.folder, why=cause(error)) from error
        self._record = first + written
        return [Stored(self._segment, first + i, f) for i, f in enumerate(stamped)]

    def _refuse_when_full(self) -> None:
        ticks = self.clock.monotonic()
        if ticks - self._checked_at >= 1:
            self._checked_at = ticks
            self._free = self.files.free_bytes(self.folder)
        if self._free < self.reserve_bytes:
            free, reserve = self._free >> 20, self.reserve_bytes >> 20
            raise failure(Refused, "store.spool.disk", folder=self.folder, free=free, reserve=reserve)
        if self._used > self.quota_bytes:
            used, quota = self._used >> 20, self.quota_bytes >> 20
            raise failure(Refused, "store.spool.quota", folder=self.folder, used=used, quota=quota)

    def _open_segment(self, now: Micros) -> None:
        self._close_segment()
        # one millisecond apart at least, so that names sort in the order of writing
        at = max(now, self._last_ulid_at + 1000)
        self._last_ulid_at = at - at % 1000
        self._segment = new_ulid(at)
        self._fd = self.files.open(self.folder / (self._segment + SUFFIX))
        self.files.write(self._fd, HEADER)
        self.files.sync(self._fd)
        self.files.sync_folder(self.folder)
        self._size, self._record = len(HEADER), 0

    def _abandon(self, end: int | None) -> None:
        # after a failed sync the page cache cannot be trusted: never sync this file again, leave it to readers; but
        # without what was not acknowledged, which comes again
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._ended[self._segment] = self.clock.monotonic()
            if end is not None:
                with suppress(OSError):
                    self.files.truncate(fd, end)
                    self._used -= self._size - end
            self.files.close(fd)

    def _close_segment(self) -> None:
        if self._fd is not None:
            self.files.close(self._fd)
            self._fd = None
            self._ended[self._segment] = self.clock.monotonic()

    def delete_before(self, position: Position, *, grace: Micros = HOUR) -> list[str]:
        """Unlink segments that lie wholly behind the position and whose last frame is older than ``grace``."""
        gone = []
        for segment in segments(self.folder):
            if segment >= position.segment or segment == self._segment:
                break
            ticks = self.clock.monotonic()
            if ticks - self._ended.setdefault(segment, ticks) < grace / SECOND:
                break
            path = self.folder / (segment + SUFFIX)
            size = path.stat().st_size
            path.unlink()
            self._used -= size
            del self._ended[segment]
            gone.append(segment)
        return gone

    def close(self) -> None:
        """Close the segment and give up the lock."""
        self._close_segment()
        os.close(self._lock)


def _split(frames: Sequence[Frame]) -> list[list[Frame]]:
    parts: list[list[Frame]] = [[]]
    size = 0
    for frame in frames:
        if parts[-1] and (len(parts[-1]) >= BLOCK_FRAMES or size + len(frame.data) > BLOCK_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(frame)
        size += len(frame.data)
    return parts


class SpoolReader:
    """The reading side: follows a folder from a position, in this or another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._at: tuple[Position, int] | None = None
        """A position and its byte offset, so that going on does not walk the segment again."""

    def read(self, position: Position, *, frames: int = 5_000, size: int = 16 << 20, durable: bool = False) -> Batch:
        """Whole blocks from ``position`` until at least ``frames`` or ``size`` bytes; empty at the end.

        A block still being written ends the read; damaged ones are skipped and reported as a gap. ``durable``: what
        is given is on disk, even where its writer has not come to the sync. Without that, events that a power cut
        leaves in the store may be gone from the spool, and the door would take them for new when they are sent again.
        Raises OSError when the sync fails.
        """
        batch = Batch(position=position)
        taken = 0
        known = [s for s in segments(self.folder) if s >= position.segment]
        for index, segment in enumerate(known):
            if segment != batch.position.segment:
                batch.position = Position(segment, 0)
            is_last = index == len(known) - 1
            taken += self._read_segment(segment, is_last, batch, frames, size - taken, durable)
            if len(batch.frames) >= frames or taken >= size:
                break
        return batch

    def _read_segment(self, segment: str, is_last: bool, batch: Batch, frames: int, size: int, durable: bool) -> int:
        taken = 0
        with (self.folder / (segment + SUFFIX)).open("rb") as file:
            start = self._at[1] if self._at and self._at[0] == batch.position else len(HEADER)
            file.seek(start)
            while len(batch.frames) < frames and taken < size:
                here = file.tell()
                head = read_header(file.read(HEADER_BYTES), 0)
                if head is None:
                    file.seek(here)
                    rest = file.read()
                    found = next_block(rest, 0)
                    if found is not None and found[1].first >= batch.position.record:
                        file.seek(here + found[0])
                        lost = found[1].first - batch.position.record
                        batch.gaps.append(Gap(segment, batch.position.record, lost))
                        batch.position = Position(segment, found[1].first)
                        continue
                    if rest and not is_last:
                        batch.gaps.append(Gap(segment, batch.position.record, None))
                    break
                length, crc, first, count = head
                if first + count <= batch.position.record:
                    file.seek(length, os.SEEK_CUR)
                    continue
                payload = file.read(length)
                if len(payload) < length:
                    if not is_last:
                        batch.gaps.append(Gap(segment, first, count))
                    break
                if zlib.crc32(payload) != crc:
                    batch.gaps.append(Gap(segment, first, count))
                else:
                    decoded = decode(payload)
                    skip = max(0, batch.position.record - first)
                    batch.frames.extend(Stored(segment, first + i, f) for i, f in enumerate(decoded) if i >= skip)
                taken += length
                batch.position = Position(segment, first + count)
                self._at = (batch.position, file.tell())
            if taken and durable:
                end = file.tell()
                os.fdatasync(file.fileno())
                if os.fstat(file.fileno()).st_size < end:
                    raise OSError(errno.ESTALE, "the writer took back what it could not sync")
        return taken

    def oldest_waiting(self, position: Position) -> Micros | None:
        """Arrival of the first frame at or behind the position; None when everything was read."""
        found = SpoolReader(self.folder).read(position, frames=1, size=1)
        return found.frames[0].frame.arrival_at if found.frames else None


class GroupCommit:
    """Lets many threads append: what is waiting when a sync ends goes into the next one together."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._queue: queue.SimpleQueue[tuple[Sequence[Frame], Future[list[Stored]]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"spool {spool.folder.name}", daemon=True)
        self._thread.start()

    def submit(self, frames: Sequence[Frame]) -> Future[list[Stored]]:
        """A future that ends when the frames are on disk, or with Refused or Unavailable."""
        done: Future[list[Stored]] = Future()
        self._queue.put((frames, done))
        return done

    def append(self, frames: Sequence[Frame]) -> list[Stored]:
        """Wait until the frames are on disk."""
        return self.submit(frames).result()

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            waiting, stop, size = [first], False, len(first[0])
            while size < 50_000 and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    stop = True
                    break
                waiting.append(more)
                size += len(more[0])
            try:
                stored = self.spool.append([f for frames, _ in waiting for f in frames])
            except (Refused, Unavailable) as error:
                for _, done in waiting:
                    done.set_exception(error)
            else:
                at = 0
                for frames, done in waiting:
                    done.set_result(stored[at : at + len(frames)])
                    at += len(frames)
            if stop:
                return

    def close(self) -> None:
        """Write what is waiting and stop the thread; the spool stays open."""
        self._queue.put(None)
        self._thread.join()
