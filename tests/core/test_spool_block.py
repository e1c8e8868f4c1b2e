"""A block says what it holds, and is found again behind what is damaged."""

from __future__ import annotations

import os

import pytest

from core.event import Frame
from core.spool_block import HEADER_BYTES, decode, encode, next_block, read_header

FRAMES = [Frame("udp:192.0.2.1", 1, b"one", arrival_at=2, meta={"receiver": "syslog"}), Frame("token:a", 3, b"two")]


def test_a_block_comes_back() -> None:
    block = encode(70_000, FRAMES)
    header = read_header(block, 0)
    assert header is not None
    assert (header.first, header.frames, header.length) == (70_000, 2, len(block) - HEADER_BYTES)
    assert decode(block[HEADER_BYTES:]) == FRAMES


@pytest.mark.parametrize("before", [b"", b"\0" * 5000, b"\xff" * 99, os.urandom(5000), encode(0, FRAMES)[:-1]])
def test_the_next_whole_block_is_found(before: bytes) -> None:
    block = encode(7, FRAMES)
    assert next_block(before + block + block, 0) == (len(before), read_header(block, 0))
    assert next_block(before + block, len(before) + 1) is None


def test_of_half_a_block_or_a_damaged_one_nothing_is_found() -> None:
    block = encode(7, FRAMES)
    for at in range(len(block)):
        assert next_block(block[:at], 0) is None
        flipped = bytearray(block)
        flipped[at] ^= 1
        assert next_block(bytes(flipped), 0) is None
