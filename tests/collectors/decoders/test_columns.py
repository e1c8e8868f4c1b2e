from __future__ import annotations

import struct
from ipaddress import ip_address

import numpy as np
import pytest

from collectors.decoders import columns as c


@pytest.mark.parametrize("width", range(1, 9))
def test_unsigned_numbers_of_every_width(width: int) -> None:
    values = [0, 1, 255, (1 << (8 * width - 1)) - 1]
    size = width + 3
    buffer = b"".join(b"x" + v.to_bytes(width, "big") + b"yz" for v in values)
    assert c.uints(buffer, 4, size, 1, width).tolist() == values


def test_numbers_beyond_int64_are_cut_to_it() -> None:
    assert c.uints(b"\xff" * 8, 1, 8, 0, 8).tolist() == [2**63 - 1]


def test_ntp_times() -> None:
    # 2026-11-25T01:26:00.5Z
    seconds = 1_795_569_960 + 2_208_988_800
    buffer = struct.pack("!II", seconds, 1 << 31) + bytes(8)
    assert c.ntp_micros(buffer, 2, 8, 0).tolist() == [1_795_569_960_500_000, 0]


def test_ipv4_texts() -> None:
    quads = np.array([0, 0xFFFFFFFF, 0xC0000207, 0xC0000207], np.uint32)
    assert c.ipv4_column(quads).to_pylist() == ["0.0.0.0", "255.255.255.255", "192.0.2.7", "192.0.2.7"]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1::1"),
        ("::6568:c711", "::6568:c711"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("::", "::"),
    ],
)
def test_ipv6_texts(address: str, text: str) -> None:
    assert c.ipv6_text(ip_address(address).packed) == text


def test_mapped_addresses_show_their_ipv4() -> None:
    packed = b"".join(ip_address(a).packed for a in ("::ffff:192.0.2.7", "2001:db8::1"))
    values, valid = c.mapped_ipv4(np.frombuffer(packed, np.uint8).reshape(2, 16))
    assert valid.tolist() == [True, False]
    assert values[0] == int(ip_address("192.0.2.7"))


def test_names_of_a_registry_and_what_it_does_not_name() -> None:
    column = c.names_of(np.array([6, 250, 17, 0, 5], np.int64), {6: "tcp", 17: "udp", 0: "none"})
    assert column.to_pylist() == ["tcp", None, "udp", "none", None]


def test_numbers_that_are_names() -> None:
    assert c.numbers_as_text(np.array([5, 12, 5], np.int64)).to_pylist() == ["5", "12", "5"]


def test_bytes_are_rendered_once_and_may_be_null() -> None:
    seen: list[bytes] = []

    def render(value: bytes) -> str | None:
        seen.append(value)
        return c.plain_text(value)

    rows = np.frombuffer(b"abc\0\0\0\0\0abc\0", np.uint8).reshape(3, 4)
    assert c.bytes_column(rows, render).to_pylist() == ["abc", None, "abc"]
    assert len(seen) == 2
    assert c.pieces_column([b"x", b"", b"x"], c.plain_text).to_pylist() == ["x", None, "x"]


def test_renderers() -> None:
    assert c.mac_text(bytes.fromhex("005056b386e7")) == "00-50-56-B3-86-E7"
    assert c.plain_text("cổng ra".encode() + b"\0junk") == "cổng ra"
    assert c.plain_text(b"a\xffb") == "a\\xffb"
    assert c.hex_text(b"\0\x01") == "0x0001"
    assert c.hex_text(b"") is None
    assert c.text_or_hex(b"/index.html\0") == "/index.html"
    assert c.text_or_hex(b"\x01\x02") == "0x0102"
    assert c.text_or_hex(b"\xff") == "0xff"
    assert c.text_or_hex(b"\0") is None


def test_possible_times() -> None:
    assert c.possible(np.array([0, -5, 1, 2**62], np.int64)).tolist() == [False, False, True, False]
