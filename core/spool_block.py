"""The blocks of a spool's segments. A block is

    length u32 | crc32 of the payload u32 | first record u64 | frames u32 | crc32 of these 20 bytes u32 | payload

with a payload of zstd over msgpack.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import zstandard

from core.clock import Micros
from core.event import Frame, FrameKind

_BLOCK = struct.Struct("<IIQI")
_CHECK = struct.Struct("<I")
HEADER_BYTES = _BLOCK.size + _CHECK.size
MAX_PAYLOAD = 256 << 20

_MAY_BEGIN = re.compile(rb"(?s)(?!\0{4})(?=.{12}\0{4})")
"""A length, and a record below 2^32: what lies between is not worth a checksum, holes least of all."""

_Row = tuple[str, Micros, Micros, str, dict[str, str], bytes]
_KINDS = {kind.value: kind for kind in FrameKind}
_decoder = msgspec.msgpack.Decoder(list[_Row])
_encoder = msgspec.msgpack.Encoder()


class Header(NamedTuple):
    """What a block says of itself."""

    length: int
    crc: int
    first: int
    frames: int


def encode(first: int, frames: Sequence[Frame]) -> bytes:
    """One block, header and payload."""
    rows = [(f.source, f.created_at, f.arrival_at, f.kind.value, dict(f.meta), f.data) for f in frames]
    payload = zstandard.ZstdCompressor(level=1).compress(_encoder.encode(rows))
    head = _BLOCK.pack(len(payload), zlib.crc32(payload), first, len(frames))
    return head + _CHECK.pack(zlib.crc32(head)) + payload


def decode(payload: bytes) -> list[Frame]:
    """The frames of a payload whose checksum is right."""
    rows = _decoder.decode(zstandard.ZstdDecompressor().decompress(payload, max_output_size=1 << 31))
    return [Frame(s, c, d, _KINDS[k], a, m) for s, c, a, k, m, d in rows]


def read_header(data: bytes, at: int) -> Header | None:
    """The header that begins there; None when none does, or a damaged one."""
    head = data[at : at + _BLOCK.size]
    check = data[at + _BLOCK.size : at + HEADER_BYTES]
    if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(head):
        return None
    header = Header(*_BLOCK.unpack(head))
    return header if header.length <= MAX_PAYLOAD else None


def next_block(data: bytes, start: int) -> tuple[int, Header] | None:
    """The first whole block at ``start`` or behind it: where it begins, and its header."""
    at = start
    while (found := _MAY_BEGIN.search(data, at)) is not None:
        at = found.start()
        header = read_header(data, at)
        if header is not None:
            payload = memoryview(data)[at + HEADER_BYTES : at + HEADER_BYTES + header.length]
            if len(payload) == header.length and zlib.crc32(payload) == header.crc:
                return at, header
        at += 1
    return None
