"""The file of groups at rest: records behind one another, each naming the one before it of the same group.

It is a scratch: it has no name, so it is gone with its process.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from core.errors import Unavailable, failure
from detections.correlation_items import Group

Key = tuple[str, Group]
"""Pattern id and group."""

_LENGTH_BITS = 28
_LENGTH = (1 << _LENGTH_BITS) - 1
"""A place is offset and length of a record: 256 MB at most, in a file of 32 GB."""
_SLACK = 16 << 20
_BUFFER = 1 << 20


class _Record(msgspec.Struct, array_like=True):
    pattern: int
    group: Group
    before: int
    data: bytes


_ENCODE = msgspec.msgpack.Encoder()
_DECODE = msgspec.msgpack.Decoder(_Record)


class Log:
    """Records of groups. Every method raises Unavailable when the disk fails or is full."""

    def __init__(self, folder: Path | None) -> None:
        """``folder`` takes the file, made when first needed; None is the machine's folder for such."""
        self._folder = folder
        self._file: int | None = None
        self._end = 0
        self._buffer = bytearray()
        self._patterns: dict[str, int] = {}
        self._names: list[str] = []
        self._dead = 0

    def add(self, key: Key, before: int, data: bytes) -> int:
        """Where the record lies; ``before``: where the one before it does, 0 if there is none."""
        number = self._patterns.get(key[0])
        if number is None:
            number = self._patterns[key[0]] = len(self._names)
            self._names.append(key[0])
        record = _ENCODE.encode((number, key[1], before, data))
        place = (self._end + len(self._buffer)) << _LENGTH_BITS | len(record)
        self._buffer += record
        if len(self._buffer) > _BUFFER:
            self.flush()
        return place

    def flush(self) -> None:
        """Write what was added; before that it cannot be read."""
        try:
            while self._buffer:
                done = os.pwrite(self._open(), self._buffer, self._end)
                self._end += done
                del self._buffer[:done]
        except OSError as error:
            raise failed(str(error)) from error

    def read(self, place: int) -> tuple[Key, list[bytes], int]:
        """Whose the records up to a place are, what they hold, the first one first, and how many bytes they take."""
        data: list[bytes] = []
        owner, size = None, 0
        try:
            while place:
                length = place & _LENGTH
                record = _DECODE.decode(os.pread(self._open(), length, place >> _LENGTH_BITS))
                if owner not in (None, (record.pattern, record.group)):
                    raise failed("two groups have one number")
                owner, place, size = (record.pattern, record.group), record.before, size + length
                data.append(record.data)
        except (OSError, msgspec.MsgspecError) as error:
            raise failed(str(error)) from error
        if owner is None:
            raise failed("nothing is there")
        return (self._names[owner[0]], owner[1]), data[::-1], size

    def forget(self, size: int) -> None:
        """So many bytes are of no use any more."""
        self._dead += size

    @property
    def is_wasteful(self) -> bool:
        """Most of the file is of no use any more."""
        return 2 * self._dead > self._end + _SLACK

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __del__(self) -> None:
        self.close()

    def _open(self) -> int:
        if self._file is None:
            self._file, name = tempfile.mkstemp(".scratch", "correlation-", self._folder)
            Path(name).unlink()
        return self._file


def failed(reason: str) -> Unavailable:
    """The groups at rest cannot be had."""
    return failure(Unavailable, "correlation.cold", reason=reason)
