"""What stands in a segment file between its row groups and its footer, where nothing of the Parquet file refers to it.

Some parts, their checksums and a trailer that says how long each is, with its own: it is found from the end, and not
through the footer, which takes 13 ms to parse.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

_TRAILER = struct.Struct("<8sQQII")
END = struct.Struct("<I4s")
"""The end of a Parquet file: how long its footer is, and a mark."""
WRONG = "the checksum of its index is wrong"


@dataclass(frozen=True, slots=True)
class Tail:
    """``lengths`` of the two parts, which end at ``end``; ``sums``: the checksums that whoever wrote them gave."""

    lengths: tuple[int, int]
    end: int
    sums: list[int]


def footer_of(data: Any) -> int:
    """How long the footer of a Parquet file is, its length and mark included."""
    length, _ = END.unpack(data[len(data) - END.size :])
    return int(length) + END.size


def with_tail(data: Any, mark: bytes, parts: tuple[Any, Any], sums: Sequence[int]) -> Any:
    """The bytes of a Parquet file and the parts as one file (a pyarrow Buffer). ``mark``: eight bytes."""
    cut = len(data) - footer_of(data)
    sink = pa.BufferOutputStream()
    sink.write(data.slice(0, cut))
    for part in parts:
        sink.write(part)
    packed = np.array(sums, dtype="<u4").tobytes()
    told = (mark, *map(len, parts), len(packed))
    sink.write(packed)
    sink.write(_TRAILER.pack(*told, crc32(_TRAILER.pack(*told, 0), crc32(packed))))
    sink.write(data.slice(cut))
    return sink.getvalue()


def tail_of(descriptor: int, mark: bytes) -> Tail | None:
    """What an open file has between; None where it has nothing with that mark. Raises OSError, struct.error."""
    size = os.fstat(descriptor).st_size
    end = size - footer_of(os.pread(descriptor, END.size, size - END.size)) - _TRAILER.size
    there, first, second, of_sums, crc = _TRAILER.unpack(os.pread(descriptor, _TRAILER.size, max(0, end)))
    if there != mark:
        return None
    end -= of_sums
    packed = os.pread(descriptor, of_sums, max(0, end))
    if crc32(_TRAILER.pack(there, first, second, of_sums, 0), crc32(packed)) != crc:
        raise OSError(WRONG)
    return Tail((first, second), end, np.frombuffer(packed, dtype="<u4").tolist())
