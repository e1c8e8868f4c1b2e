"""What a file is packed in, taken off: gzip, zstd, UTF-16. Bounded, one part after another.

What is cut off is an error behind all that could be read, never an end. Archives of other kinds are named.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES = 1024
PART = 4096
"""Compressed bytes taken at once: zstd makes at most about 128 MiB of them."""
BREAKS = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading an unpacked stream can raise."""
BUFFER = 1 << 20

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ARCHIVES = (
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"BZh", "bzip2"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (257, b"ustar", "tar"),
)


def unpacked(raw: BinaryIO) -> io.BufferedReader:
    """The plain bytes of a stream; text in UTF-16 (with its mark) as UTF-8. Raises what ``BREAKS`` names."""
    stream = _buffered(raw)
    start = head(stream)
    if start.startswith(b"\x1f\x8b"):
        stream = io.BufferedReader(_Gzip(stream), BUFFER)
    elif start.startswith(b"\x28\xb5\x2f\xfd"):
        stream = io.BufferedReader(_Zstd(stream), BUFFER)
    encoding = _UTF16.get(head(stream)[:2])
    return stream if encoding is None else io.BufferedReader(_Utf8(stream, encoding), BUFFER)


def _buffered(raw: BinaryIO) -> io.BufferedReader:
    return raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)  # type: ignore[arg-type]  # a BinaryIO does


def head(stream: io.BufferedReader) -> bytes:
    """The first 1,024 bytes, still to be read."""
    found = b""
    while len(found) < HEAD_BYTES:
        more = stream.peek(HEAD_BYTES)
        if len(more) <= len(found):
            break
        found = more[:HEAD_BYTES]
    return found


def archive(start: bytes) -> str:
    """The name of the kind of archive that begins like this, of those that are not read; else empty."""
    return next((kind for at, mark, kind in _ARCHIVES if start.startswith(mark, at)), "")


class _Gzip(io.RawIOBase):
    """A gzip file that gives what it has before it says that it is cut; the library's own reading drops it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._file = gzip.GzipFile(fileobj=stream)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._file.readinto1(buffer)


class _Zstd(io.RawIOBase):
    """Frames of zstd, one after another; a cut one is an error, which the library's own reader hides."""

    def __init__(self, stream: BinaryIO) -> None:
        self._source = stream
        self._frame = self._new()
        self._ready = memoryview(b"")
        self._has_begun = False

    def _new(self) -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._ready:
            rest = self._frame.unused_data
            if self._frame.eof:
                self._frame, self._has_begun = self._new(), False
            part = rest or self._source.read(PART)
            if not part:
                if self._has_begun:
                    raise EOFError("the compressed file ends within a frame")
                return 0
            self._has_begun = True
            self._ready = memoryview(self._frame.decompress(part))
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


class _Utf8(io.RawIOBase):
    """UTF-16 as UTF-8; half a pair of surrogates passes, and is no UTF-8 then."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._source = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while not self._ready:
            part = self._source.read(PART)
            if not part:
                if self._decoder.getstate()[0]:
                    raise EOFError("the text ends within a character")
                return 0
            self._ready = self._decoder.decode(part).encode("utf-8", "surrogatepass")
        count = min(len(view), len(self._ready))
        view[:count], self._ready = self._ready[:count], self._ready[count:]
        return count
