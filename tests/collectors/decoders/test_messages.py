from __future__ import annotations

import struct

import pytest

from collectors.decoders.messages import MAX_FIELDS, Malformed, Withdrawal, read_message, read_templates
from collectors.decoders.templates import SCOPE, Field, Template
from core.clock import SECOND
from tests.collectors.decoders.craft import (
    BASIC,
    basic_record,
    flowset,
    ipfix,
    ipfix_options,
    ipfix_template,
    v5,
    v9,
    v9_options,
    v9_template,
)

SECONDS = 1_764_000_000


def test_v5_header() -> None:
    message = read_message(v5(2, sampling=0x4000 | 100, sequence=77))
    assert (message.version, message.domain, message.sequence) == (5, 1 << 8 | 2, 77)
    assert message.exported_at == SECONDS * SECOND + 500_000
    assert message.rate == 100
    assert len(message.sets[0][1]) == 96


def test_v5_count_is_believed_only_as_far_as_there_are_bytes() -> None:
    message = read_message(v5(50_000, records=3))
    assert len(message.sets[0][1]) == 3 * 48
    assert message.damage == "count_beyond_bytes"
    message = read_message(v5(2, records=5))
    assert len(message.sets[0][1]) == 2 * 48
    assert message.damage == "bytes_beyond_count"
    assert read_message(v5(2) + bytes(6)).damage is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "short_header"),
        (b"\0", "short_header"),
        (b"\0\x05\0\x01", "short_header"),
        (b"\0\x09\0\x01", "short_header"),
        (b"\0\x0a\0\x10", "short_header"),
        (v5(1, records=0), "no_records"),
        (b"\0\x07" + bytes(60), "unknown_version"),
        (struct.pack("!HHIII", 10, 4, 0, 0, 0), "bad_length"),
    ],
)
def test_what_cannot_be_used_at_all(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        read_message(data)


def test_sets_are_split_and_zeros_at_the_end_are_padding() -> None:
    data = v9(v9_template(256, BASIC), flowset(256, basic_record())) + bytes(700)
    message = read_message(data)
    assert [number for number, _ in message.sets] == [0, 256]
    assert message.damage is None


def test_a_set_with_an_impossible_length_stops_the_message() -> None:
    message = read_message(v9(flowset(256, basic_record()), b"\x01\x01\0\x02junk"))
    assert [number for number, _ in message.sets] == [256]
    assert message.damage == "bad_set"


def test_a_set_longer_than_the_datagram_is_cut() -> None:
    message = read_message(v9(flowset(256, basic_record()))[:-3])
    assert len(message.sets[0][1]) == 18
    assert message.damage == "cut_short"


def test_ipfix_bytes_beyond_its_length_are_left() -> None:
    data = ipfix(flowset(256, basic_record()))
    assert len(read_message(data + b"more").sets) == 1
    assert read_message(data[:-1]).damage == "cut_short"


def test_v9_templates() -> None:
    body = read_message(v9(v9_template(256, BASIC))).sets[0][1]
    found, damage = read_templates(body, 9, options=False)
    assert found == [(256, Template(tuple(Field(0, n, length) for n, length in BASIC)))]
    assert damage is None


def test_v9_options_scopes_have_types_of_their_own() -> None:
    body = read_message(v9(v9_options(300, [(1, 4)], [(48, 1), (50, 4)]))).sets[0][1]
    found, _ = read_templates(body, 9, options=True)
    assert found == [(300, Template((Field(SCOPE, 1, 4), Field(0, 48, 1), Field(0, 50, 4)), scopes=1))]


def test_ipfix_templates_with_enterprises_and_withdrawals() -> None:
    body = read_message(ipfix(ipfix_template(256, [(8, 4), (5, 65535, 9)]))).sets[0][1]
    assert read_templates(body, 10, options=False) == (
        [(256, Template((Field(0, 8, 4), Field(9, 5, 65535))))],
        None,
    )
    gone = memoryview(struct.pack("!HHHH", 256, 0, 2, 0))
    assert read_templates(gone, 10, options=False)[0] == [(256, Withdrawal(256)), (2, Withdrawal(2))]
    body = read_message(ipfix(ipfix_options(300, 1, [(149, 4), (34, 4)]))).sets[0][1]
    assert read_templates(body, 10, options=True)[0] == [(300, Template((Field(0, 149, 4), Field(0, 34, 4)), scopes=1))]


@pytest.mark.parametrize(
    ("body", "version", "options"),
    [
        (struct.pack("!HH", 256, 5) + bytes(8), 9, False),
        (struct.pack("!HH", 256, MAX_FIELDS + 1) + bytes(60_000), 9, False),
        (struct.pack("!HHHH", 256, 1, 8, 0), 9, False),
        (struct.pack("!HHH", 256, 400, 400) + bytes(8), 9, True),
        (struct.pack("!HH", 256, 5), 9, True),
        (struct.pack("!HHHH", 256, 5, 8, 4), 10, False),
        (struct.pack("!HHHH", 256, 1, 0x8008, 4), 10, False),
        (struct.pack("!HHHHH", 256, 1, 9, 8, 4), 10, True),
        (struct.pack("!HH", 256, 1), 10, True),
        (struct.pack("!HH", 256, MAX_FIELDS + 1), 10, False),
    ],
)
def test_templates_that_cannot_be_read(body: bytes, version: int, options: bool) -> None:
    found, damage = read_templates(memoryview(body), version, options=options)
    assert (found, damage) == ([], "bad_template")
