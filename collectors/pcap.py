"""Flow datagrams in files: captures (pcap, pcapng) and raw datagrams, one or several (IPFIX: RFC 5655).

Only what carries flow datagrams is looked into: Ethernet, raw IP, loopback and Linux cooked captures, VLAN tags,
IPv4 and IPv6, UDP. All reads are bounded; what is left out is counted. The whole packet is for scapy to show.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from socket import AF_INET, AF_INET6, inet_ntop
from typing import BinaryIO, NamedTuple

from core.clock import SECOND, Micros
from core.errors import BadInput, failure

MAX_PACKET = 256 << 10
MAX_BLOCK = 16 << 20
MAX_RAW = 64 << 20

UNKNOWN_EXPORTER = "0.0.0.0"  # noqa: S104 - the address of nobody, nothing is bound to it

_VERSIONS = (b"\0\x05", b"\0\x09", b"\0\x0a")
_PCAP = {
    b"\xa1\xb2\xc3\xd4": (">", 1),
    b"\xd4\xc3\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1000),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"

_ETHERNET, _NULL, _LOOP, _SLL, _SLL2 = 1, 0, 108, 113, 276
_RAW_IP = (12, 14, 101, 228, 229)
_VLANS = (0x8100, 0x88A8, 0x9100)
_IPV4, _IPV6 = 0x0800, 0x86DD
_UDP = 17


class Captured(NamedTuple):
    """One UDP payload that begins like a flow datagram. ``at`` is the time of capture, None in raw files."""

    exporter: str
    port: int
    at: Micros | None
    data: bytes


@dataclass(slots=True)
class FlowFile:
    """Reads a file once. ``counts``: ``packets``, ``flows`` (datagrams), ``other`` (no flow datagram),
    ``fragments`` (not put together), ``cut`` (the capture or the file ends within), ``bad_block``."""

    stream: BinaryIO
    exporter: str = UNKNOWN_EXPORTER
    """Whose datagrams a raw file holds."""
    counts: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Captured]:
        """The datagrams in order. Raises BadInput when the file is none of the kinds."""
        head = self.stream.read(4)
        if head == _PCAPNG:
            yield from self._unwrap(_pcapng_packets(self.stream, self.counts))
        elif head in _PCAP:
            yield from self._unwrap(_pcap_packets(self.stream, head, self.counts))
        elif head[:2] in _VERSIONS:
            yield from self._raw(head)
        else:
            raise failure(BadInput, "collectors.no_capture")

    def _raw(self, head: bytes) -> Iterator[Captured]:
        data = head + self.stream.read(MAX_RAW)
        if self.stream.read(1):
            self.counts["cut"] += 1
        for one in _messages(data):
            self.counts["flows"] += 1
            yield Captured(self.exporter, 0, None, one)

    def _unwrap(self, packets: Iterator[_Packet]) -> Iterator[Captured]:
        for packet in packets:
            self.counts["packets"] += 1
            found = _payload(packet)
            if isinstance(found, str):
                self.counts[found] += 1
            elif found.data[:2] in _VERSIONS:
                self.counts["flows"] += 1
                yield found
            else:
                self.counts["other"] += 1


def is_flow_file(head: bytes) -> bool:
    """Whether a file that begins like this can be read here (4 bytes are enough)."""
    return head[:4] in _PCAP or head[:4] == _PCAPNG or head[:2] in _VERSIONS


class _Packet(NamedTuple):
    link: int
    at: Micros | None
    data: bytes


def _messages(data: bytes) -> Iterator[bytes]:
    """One datagram, or several of v9 and IPFIX, so that templates travel with their data; what follows a whole
    one must begin like one."""
    at = 0
    while at < len(data):
        end = at + _message_length(data, at)
        if end <= at or data[end : end + 2] not in _VERSIONS:
            end = len(data)
        yield data[at:end]
        at = end


def _message_length(data: bytes, at: int) -> int:
    """How long the datagram at this place says it is."""
    if data[at : at + 2] == b"\0\x0a":
        return int.from_bytes(data[at + 2 : at + 4], "big")
    if data[at : at + 2] == b"\0\x05":
        return len(data) - at
    # v9 does not say; but sets 2 to 255 are reserved, so what looks like set 5, 9 or 10 is the next header
    end = at + 20
    while len(data) - end >= 4 and data[end : end + 2] not in _VERSIONS:
        length = int.from_bytes(data[end + 2 : end + 4], "big")
        if length < 4:
            return len(data) - at
        end += length
    return end - at


def _pcap_packets(stream: BinaryIO, magic: bytes, counts: Counter[str]) -> Iterator[_Packet]:
    order, finer = _PCAP[magic]
    head = stream.read(20)
    if len(head) < 20:
        raise failure(BadInput, "collectors.capture_cut")
    link = struct.unpack(order + "I", head[16:])[0] & 0xFFFF
    record = struct.Struct(order + "IIII")
    while prefix := stream.read(16):
        if len(prefix) < 16:
            counts["cut"] += 1
            return
        seconds, fraction, kept, _ = record.unpack(prefix)
        if kept > MAX_PACKET:
            counts["bad_block"] += 1
            return
        data = stream.read(kept)
        if len(data) < kept:
            counts["cut"] += 1
            return
        yield _Packet(link, seconds * SECOND + fraction // finer, data)


def _pcapng_packets(stream: BinaryIO, counts: Counter[str]) -> Iterator[_Packet]:
    """Section header, interface, enhanced, simple and obsolete packet blocks (draft-ietf-opsawg-pcapng)."""
    order = "<"
    interfaces: list[tuple[int, int]] = []
    head = _PCAPNG + stream.read(4)
    while len(head) == 8:
        if head[:4] == _PCAPNG:
            mark = stream.read(4)
            if mark not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                counts["bad_block"] += 1
                return
            order = ">" if mark[0] == 0x1A else "<"
            interfaces = []
            read = 12
        else:
            read = 8
        kind, length = struct.unpack(order + "II", head)
        if not read + 4 <= length <= MAX_BLOCK or length % 4:
            counts["bad_block"] += 1
            return
        body = stream.read(length - read)
        if len(body) < length - read:
            counts["cut"] += 1
            return
        body = body[:-4]
        if kind == 1 and len(body) >= 8:
            interfaces.append((struct.unpack(order + "H", body[:2])[0], _ticks(body[8:], order)))
        elif kind in (2, 3, 6):
            packet = _pcapng_packet(kind, body, order, interfaces)
            if packet is None:
                counts["bad_block"] += 1
            else:
                yield packet
        head = stream.read(8)
    if head:
        counts["cut"] += 1


def _pcapng_packet(kind: int, body: bytes, order: str, interfaces: list[tuple[int, int]]) -> _Packet | None:
    if kind == 3:
        if not interfaces or len(body) < 4:
            return None
        return _Packet(interfaces[0][0], None, body[4 : 4 + struct.unpack(order + "I", body[:4])[0]])
    if len(body) < 20:
        return None
    number, high, low, kept, _ = struct.unpack(order + "IIIII", body[:20])
    if kind == 2:
        number = struct.unpack(order + "H", body[:2])[0]
    if number >= len(interfaces) or kept > len(body) - 20:
        return None
    link, ticks = interfaces[number]
    return _Packet(link, (high << 32 | low) * SECOND // ticks, body[20 : 20 + kept])


def _ticks(options: bytes, order: str) -> int:
    """Ticks per second of an interface (option 9; microseconds without it)."""
    at = 0
    while len(options) - at >= 4:
        code, length = struct.unpack(order + "HH", options[at : at + 4])
        if code == 9 and length == 1 and at + 4 < len(options):
            value = options[at + 4]
            return int(2 ** (value & 0x7F)) if value & 0x80 else int(10 ** min(value, 18))
        if code == 0:
            break
        at += 4 + (length + 3) // 4 * 4
    return SECOND


def _payload(packet: _Packet) -> Captured | str:
    """The UDP payload of a packet; or why there is none, as a key of the counts."""
    data = packet.data
    start, ether = _network_layer(packet.link, data)
    if ether is None:
        return "other"
    if ether == _IPV4:
        if len(data) - start < 20:
            return "cut"
        header = (data[start] & 15) * 4
        total, flags = struct.unpack_from("!H2xH", data, start + 2)
        if data[start + 9] != _UDP or header < 20:
            return "other"
        if flags & 0x3FFF:
            return "fragments"
        exporter = inet_ntop(AF_INET, data[start + 12 : start + 16])
        end = start + total
    else:
        if len(data) - start < 40:
            return "cut"
        length, following = struct.unpack_from("!HB", data, start + 4)
        if following != _UDP:
            return "fragments" if following == 44 else "other"
        header = 40
        exporter = inet_ntop(AF_INET6, data[start + 8 : start + 24])
        end = start + 40 + length
    at = start + header
    if len(data) - at < 8 or end > len(data):
        return "cut"
    port, _, size = struct.unpack_from("!HHH", data, at)
    if size < 8 or at + size > end:
        return "other"
    return Captured(exporter, port, packet.at, data[at + 8 : at + size])


def _network_layer(link: int, data: bytes) -> tuple[int, int | None]:
    """Where the IP header begins, and whether it is IPv4 or IPv6; None if neither."""
    if link == _ETHERNET:
        at = 12
        while data[at : at + 2] and int.from_bytes(data[at : at + 2], "big") in _VLANS:
            at += 4
        start, ether = at + 2, int.from_bytes(data[at : at + 2], "big")
    elif link == _SLL:
        start, ether = 16, int.from_bytes(data[14:16], "big")
    elif link == _SLL2:
        start, ether = 20, int.from_bytes(data[:2], "big")
    elif link in (_NULL, _LOOP) or link in _RAW_IP:
        start = 4 if link in (_NULL, _LOOP) else 0
        version = data[start] >> 4 if len(data) > start else 0
        ether = {4: _IPV4, 6: _IPV6}.get(version, 0)
    else:
        return 0, None
    return start, ether if ether in (_IPV4, _IPV6) else None
