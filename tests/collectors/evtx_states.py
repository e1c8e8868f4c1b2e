"""Earlier and later states of one Windows event log, made from a real file as Windows would have left them."""

from __future__ import annotations

import struct
import zlib

from collectors.evtx_records import CHUNK, HEADER

_RECORD = b"\x2a\x2a\0\0"


def earlier(data: bytes, records: int) -> bytes:
    """The log when it held only its first ``records`` records: headers, counts and checksums as they were then."""
    made, left = [], records
    for at in range(HEADER, len(data), CHUNK):
        if not left or data[at : at + 8] != b"ElfChnk\0":
            break
        chunk, taken = _cut(bytearray(data[at : at + CHUNK]), left)
        made.append(chunk)
        left -= taken
    return ring(data, made, records + 1)


def chunks(data: bytes) -> list[bytes]:
    """The chunks in use."""
    found = (data[at : at + CHUNK] for at in range(HEADER, len(data), CHUNK))
    return [chunk for chunk in found if chunk.startswith(b"ElfChnk\0")]


def ring(data: bytes, chunks: list[bytes], next_record: int) -> bytes:
    """A log of these chunks, as they stand in the file, under the header of ``data``."""
    header = bytearray(data[:HEADER])
    struct.pack_into("<QQQ", header, 8, 0, max(len(chunks) - 1, 0), next_record)
    struct.pack_into("<H", header, 42, len(chunks))
    struct.pack_into("<I", header, 124, zlib.crc32(header[:120]))
    return bytes(header) + b"".join(chunks)


def _cut(chunk: bytearray, records: int) -> tuple[bytes, int]:
    at, last_at, taken = 512, 0, 0
    while taken < records and chunk[at : at + 4] == _RECORD:
        last_at, taken = at, taken + 1
        at += struct.unpack_from("<I", chunk, at + 4)[0]
    first_number, _, first_id = struct.unpack_from("<QQQ", chunk, 8)
    chunk[at:] = bytes(CHUNK - at)
    struct.pack_into("<QQQQ", chunk, 8, first_number, first_number + taken - 1, first_id, first_id + taken - 1)
    struct.pack_into("<III", chunk, 44, last_at, at, zlib.crc32(chunk[512:at]))
    struct.pack_into("<I", chunk, 124, zlib.crc32(chunk[:120] + chunk[128:512]))
    return bytes(chunk), taken
