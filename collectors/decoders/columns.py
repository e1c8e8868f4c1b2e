"""Bytes of many records to numpy and Arrow columns: the hot path, one call per column of a batch.

Records lie one after another in one buffer, each ``size`` bytes; a column is a strided view on it. Texts
become dictionaries: only distinct values are rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from ipaddress import IPv6Address
from socket import AF_INET6, inet_ntop
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

TEXT = pa.dictionary(pa.int32(), pa.string())

_INT64_MAX = 2**63 - 1
_NTP_TO_UNIX = 2_208_988_800
_LAST_TIME = 253_402_300_799_999_999


def strided(buffer: bytes, count: int, size: int, offset: int, dtype: str) -> Any:
    """A view on one field of all records."""
    return np.ndarray((count,), dtype, buffer, offset, (size,))


def uints(buffer: bytes, count: int, size: int, offset: int, width: int) -> Ints:
    """Unsigned numbers of 1 to 8 bytes (reduced-size encoding, RFC 7011 section 6.2); above 2^63-1 cut to it."""
    if width in (1, 2, 4):
        values: Ints = strided(buffer, count, size, offset, f">u{width}").astype(np.int64)
        return values
    if width == 8:
        return clip_uint64(strided(buffer, count, size, offset, ">u8"))
    total = np.zeros(count, np.int64)
    for at in range(width):
        total = total << 8 | strided(buffer, count, size, offset + at, "u1")
    return total


def clip_uint64(values: Any) -> Ints:
    clipped: Ints = np.minimum(values, _INT64_MAX).astype(np.int64)
    return clipped


def rows_of_bytes(buffer: bytes, count: int, size: int, offset: int, width: int) -> Bytes:
    """One row of ``width`` bytes a record, contiguous."""
    view = np.ndarray((count, width), np.uint8, buffer, offset, (size, 1))
    return np.ascontiguousarray(view)


def ntp_micros(buffer: bytes, count: int, size: int, offset: int) -> Ints:
    """NTP timestamps (RFC 7011 section 6.1.9) to microseconds since 1970; 0 stays 0."""
    seconds = strided(buffer, count, size, offset, ">u4").astype(np.int64)
    fraction = strided(buffer, count, size, offset + 4, ">u4").astype(np.int64)
    at = (seconds - _NTP_TO_UNIX) * 1_000_000 + (fraction * 1_000_000 >> 32)
    return np.where(seconds > 0, at, 0)


def possible(times: Ints) -> Bools:
    """Which times are after 1970 and can be written as text."""
    return (times > 0) & (times <= _LAST_TIME)


def integers(values: Ints, valid: Bools | None = None) -> Any:
    """An int64 column, null where not valid."""
    return pa.array(values, pa.int64(), mask=None if valid is None else ~valid)


def dictionary(codes: npt.NDArray[np.int32], texts: Sequence[str], valid: Bools | None = None) -> Any:
    """A text column from codes into ``texts``."""
    indices = pa.array(codes, pa.int32(), mask=None if valid is None else ~valid)
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def constant(text: str, count: int) -> Any:
    return dictionary(np.zeros(count, np.int32), [text])


def numbers_as_text(values: Ints) -> Any:
    """Numbers that are names (interface ids, protocol numbers)."""
    encoded = pa.array(values, pa.int64()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string()))


def names_of(values: Ints, names: dict[int, str]) -> Any:
    """Numbers of a small registry as its names; null where it has none."""
    top = max(names) + 1
    codes = np.full(top + 1, -1, np.int32)
    codes[list(names)] = np.arange(len(names), dtype=np.int32)
    picked = codes[np.minimum(values, top)]
    valid = picked >= 0
    return dictionary(picked, list(names.values()), None if valid.all() else valid)


@cache
def _halves() -> tuple[Any, Any]:
    high = pa.array([f"{i >> 8}.{i & 255}." for i in range(65536)])
    low = pa.array([f"{i >> 8}.{i & 255}" for i in range(65536)])
    return high, low


def ipv4_texts(numbers: npt.NDArray[np.uint32]) -> Any:
    """Dotted quads, as a plain Arrow array."""
    high, low = _halves()
    return pc.binary_join_element_wise(
        high.take(pa.array((numbers >> np.uint32(16)).astype(np.int32))),
        low.take(pa.array((numbers & np.uint32(0xFFFF)).astype(np.int32))),
        "",
    )


def ipv4_column(numbers: npt.NDArray[np.uint32]) -> Any:
    encoded = pa.array(numbers).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, ipv4_texts(encoded.dictionary.to_numpy()))


def ipv6_text(packed: bytes) -> str:
    """RFC 5952; dotted only for IPv4-mapped addresses."""
    text = inet_ntop(AF_INET6, packed)
    return text if "." not in text or text.startswith("::ffff:") else str(IPv6Address(packed))


def bytes_column(rows: Bytes, render: Callable[[bytes], str | None]) -> Any:
    """A text column from rows of bytes; each distinct one is rendered once, None is null."""
    count, width = rows.shape
    values = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), count, [None, pa.py_buffer(rows.data)])
    return _rendered(values.dictionary_encode(), render)


def pieces_column(pieces: Iterable[bytes], render: Callable[[bytes], str | None]) -> Any:
    """The same for values of any length."""
    return _rendered(pa.array(pieces, pa.binary()).dictionary_encode(), render)


def _rendered(encoded: Any, render: Callable[[bytes], str | None]) -> Any:
    texts = [render(value) for value in encoded.dictionary.to_pylist()]
    if None not in texts:
        return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(texts, pa.string()))
    codes = encoded.indices.to_numpy()
    absent = np.array([text is None for text in texts])
    return dictionary(codes, [text or "" for text in texts], ~absent[codes])


def mac_text(packed: bytes) -> str:
    """ECS wants upper case and hyphens."""
    return packed.hex("-").upper()


def plain_text(packed: bytes) -> str | None:
    """A text padded with NULs; None when empty, escapes where it is not UTF-8."""
    return packed.split(b"\0", 1)[0].decode("utf-8", "backslashreplace").strip() or None


def hex_text(packed: bytes) -> str | None:
    return f"0x{packed.hex()}" if packed else None


def mapped_ipv4(rows: Bytes) -> tuple[Ints, Bools]:
    """The IPv4 address within IPv4-mapped IPv6 addresses, and which rows are such."""
    prefix = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)
    valid: Bools = (rows[:, :12] == prefix).all(axis=1)
    tail = np.ascontiguousarray(rows[:, 12:]).view(">u4").ravel().astype(np.int64)
    return tail, valid


def text_or_hex(packed: bytes) -> str | None:
    """For values of unknown meaning: their text if they are printable UTF-8, else hexadecimal."""
    try:
        text = packed.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return hex_text(packed)
    return (text or None) if text.isprintable() else hex_text(packed)
