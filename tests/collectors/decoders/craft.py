"""Flow datagrams made by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

from collectors.decoders.netflow import Datagram
from core.clock import SECOND

NOW = 1_764_000_000 * SECOND
SEGMENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
EXPORTER = "192.0.2.1"

BASIC = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4))
"""A template as (element, length): addresses, ports, protocol, octets, packets."""


def basic_record(
    source: str = "198.51.100.7",
    destination: str = "203.0.113.9",
    ports: tuple[int, int] = (40000, 443),
    protocol: int = 6,
    octets: int = 1000,
    packets: int = 10,
) -> bytes:
    return (
        ip_address(source).packed
        + ip_address(destination).packed
        + struct.pack("!HHBII", *ports, protocol, octets, packets)
    )


def flowset(number: int, body: bytes) -> bytes:
    return struct.pack("!HH", number, len(body) + 4) + body


def v9(
    *sets: bytes, sequence: int = 0, domain: int = 0, uptime: int = 3_600_000, seconds: int = 1_764_000_000
) -> bytes:
    return struct.pack("!HHIIII", 9, len(sets), uptime, seconds, sequence, domain) + b"".join(sets)


def v9_template(number: int, fields: Sequence[tuple[int, int]]) -> bytes:
    body = struct.pack("!HH", number, len(fields)) + b"".join(struct.pack("!HH", *f) for f in fields)
    return flowset(0, body)


def v9_options(number: int, scopes: Sequence[tuple[int, int]], fields: Sequence[tuple[int, int]]) -> bytes:
    body = struct.pack("!HHH", number, 4 * len(scopes), 4 * len(fields))
    return flowset(1, body + b"".join(struct.pack("!HH", *f) for f in (*scopes, *fields)))


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 0, seconds: int = 1_764_000_000) -> bytes:
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, len(body) + 16, seconds, sequence, domain) + body


def ipfix_fields(fields: Sequence[tuple[int, ...]]) -> bytes:
    """Fields as (element, length) or (element, length, enterprise)."""
    packed = b""
    for number, length, *pen in fields:
        packed += struct.pack("!HHI", number | 0x8000, length, pen[0]) if pen else struct.pack("!HH", number, length)
    return packed


def ipfix_template(number: int, fields: Sequence[tuple[int, ...]]) -> bytes:
    return flowset(2, struct.pack("!HH", number, len(fields)) + ipfix_fields(fields))


def ipfix_options(number: int, scopes: int, fields: Sequence[tuple[int, ...]]) -> bytes:
    return flowset(3, struct.pack("!HHH", number, len(fields), scopes) + ipfix_fields(fields))


def v5(count: int = 1, *, records: int | None = None, sampling: int = 0, sequence: int = 0) -> bytes:
    """``records`` of them are present whatever ``count`` claims."""
    header = struct.pack("!HHIIIIBBH", 5, count, 3_600_000, 1_764_000_000, 500_000_000, sequence, 1, 2, sampling)
    one = (
        ip_address("198.51.100.7").packed
        + ip_address("203.0.113.9").packed
        + bytes(4)
        + struct.pack("!HHIIIIHH", 3, 4, 10, 1000, 3_590_000, 3_599_000, 40000, 443)
        + struct.pack("!BBBBHHBBH", 0, 0x12, 6, 0, 64500, 0, 24, 16, 0)
    )
    return header + one * (count if records is None else records)


DATAGRAM_V9 = v9(v9_template(256, BASIC), flowset(256, basic_record()))


def datagram(data: bytes, record: int = 0, exporter: str = EXPORTER) -> Datagram:
    return Datagram(exporter, data, NOW, SEGMENT, record)


def datagrams(*data: bytes) -> list[Datagram]:
    return [datagram(one, record) for record, one in enumerate(data)]


def ip_packet(payload: bytes) -> bytes:
    from scapy.all import IP, UDP, Raw

    return bytes(IP(src="192.0.2.1", dst="192.0.2.9") / UDP(sport=50000, dport=2055) / Raw(payload))


def pcap(link: int, *packets: bytes) -> bytes:
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for packet in packets:
        data += struct.pack("<IIII", 1_764_000_000, 123_456, len(packet), len(packet)) + packet
    return data
