from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.pcap import UNKNOWN_EXPORTER, Captured, FlowFile, is_flow_file
from core.errors import BadInput
from tests.collectors.decoders.craft import DATAGRAM_V9, ip_packet, ipfix, pcap, v5

AT = 1_764_000_000_123_456


def captured(data: bytes, exporter: str = UNKNOWN_EXPORTER) -> tuple[list[Captured], dict[str, int]]:
    file = FlowFile(io.BytesIO(data), exporter)
    return list(file), dict(file.counts)


def scapy_packets(payload: bytes) -> list[object]:
    from scapy.all import IP, UDP, Dot1Q, Ether, IPv6, Raw

    # both addresses given: scapy would ask the network for them
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    udp = UDP(sport=50000, dport=2055) / Raw(payload)
    packets = [
        ether / IP(src="192.0.2.1", dst="192.0.2.9") / udp,
        ether / Dot1Q(vlan=7) / Dot1Q(vlan=8) / IP(src="192.0.2.2", dst="192.0.2.9") / udp,
        ether / IPv6(src="2001:db8::1", dst="2001:db8::9") / udp,
        ether / IP(src="192.0.2.1", dst="192.0.2.9") / UDP(sport=1, dport=53) / Raw(b"no flow"),
        ether / IP(src="192.0.2.3", dst="192.0.2.9", flags="MF") / udp,
    ]
    for packet in packets:
        packet.time = AT / 1_000_000
    return packets


EXPORTERS = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]


@pytest.mark.parametrize("kind", ["pcap", "pcapng", "nano", "big"])
def test_captures_that_scapy_writes(tmp_path: Path, kind: str) -> None:
    from scapy.utils import PcapNgWriter, PcapWriter

    path = tmp_path / "capture"
    if kind == "pcapng":
        writer = PcapNgWriter(str(path))
    else:
        writer = PcapWriter(str(path), nano=kind == "nano", endianness=">" if kind == "big" else "<")
    for packet in scapy_packets(v5(2)):
        writer.write(packet)
    writer.close()
    found, counts = captured(path.read_bytes())
    assert [one.exporter for one in found] == EXPORTERS
    assert {one.data for one in found} == {v5(2)}
    assert {one.port for one in found} == {50000}
    assert all(one.at is not None and abs(one.at - AT) <= 1 for one in found)
    assert counts == {"packets": 5, "flows": 3, "other": 1, "fragments": 1}


@pytest.mark.parametrize(
    ("link", "head"),
    [
        (0, struct.pack("<I", 2)),
        (108, struct.pack(">I", 2)),
        (12, b""),
        (101, b""),
        (228, b""),
        (113, bytes(14) + b"\x08\0"),
        (276, b"\x08\0" + bytes(18)),
    ],
)
def test_link_layers(link: int, head: bytes) -> None:
    found, _ = captured(pcap(link, head + ip_packet(v5())))
    assert found == [Captured("192.0.2.1", 50000, AT, v5())]


def test_a_link_layer_that_is_not_known_is_other() -> None:
    assert captured(pcap(105, ip_packet(v5())))[1] == {"packets": 1, "other": 1}


def test_ethernet_padding_is_not_payload() -> None:
    data = bytes(12) + b"\x08\0" + ip_packet(b"\0\x05x") + bytes(20)
    assert captured(pcap(1, data))[0][0].data == b"\0\x05x"


def test_a_capture_that_ends_early() -> None:
    whole = pcap(101, ip_packet(v5()), ip_packet(v5()))
    found, counts = captured(whole[:-10])
    assert (len(found), counts["cut"]) == (1, 1)
    assert captured(whole[: 24 + 8])[1] == {"cut": 1}
    with pytest.raises(BadInput, match="within its header"):
        captured(whole[:20])


def test_a_packet_that_the_capture_cut() -> None:
    assert captured(pcap(101, ip_packet(v5())[:-5]))[1] == {"packets": 1, "cut": 1}
    assert captured(pcap(101, ip_packet(v5())[:10]))[1] == {"packets": 1, "cut": 1}


def test_an_impossible_length_stops_without_reading_it() -> None:
    data = pcap(101) + struct.pack("<IIII", 0, 0, 1 << 31, 1 << 31)
    assert captured(data)[1] == {"bad_block": 1}


def test_raw_files() -> None:
    assert captured(v5(2))[0] == [Captured(UNKNOWN_EXPORTER, 0, None, v5(2))]
    assert captured(DATAGRAM_V9, exporter="192.0.2.1")[0] == [Captured("192.0.2.1", 0, None, DATAGRAM_V9)]
    one, two = ipfix(b"\x01\0\0\x08abcd"), ipfix(b"\x01\x01\0\x05e")
    assert [found.data for found in captured(one + two + one)[0]] == [one, two, one]
    assert [found.data for found in captured(one + b"rest")[0]] == [one + b"rest"]
    assert captured(one + bytes(30))[1] == {"flows": 1}


def test_raw_datagrams_one_after_another() -> None:
    parts = [DATAGRAM_V9, DATAGRAM_V9, ipfix(b"\x01\0\0\x08abcd"), DATAGRAM_V9, v5(1) + v5(2)]
    assert [found.data for found in captured(b"".join(parts))[0]] == parts
    padded = DATAGRAM_V9 + bytes(40)
    assert [found.data for found in captured(padded)[0]] == [padded]
    assert [found.data for found in captured(v5(900, records=2))[0]] == [v5(900, records=2)]


def test_what_can_be_read_is_known_by_its_head() -> None:
    assert is_flow_file(v5()) and is_flow_file(b"\x0a\x0d\x0d\x0a") and is_flow_file(b"\xd4\xc3\xb2\xa1")
    assert not is_flow_file(b"<134>") and not is_flow_file(b"")
    with pytest.raises(BadInput, match="neither"):
        captured(b"<134>hello")
    with pytest.raises(BadInput, match="neither"):
        captured(b"")


@given(st.sampled_from([b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b""]), st.binary(max_size=300))
def test_garbage_is_refused_or_counted(head: bytes, rest: bytes) -> None:
    with contextlib.suppress(BadInput):
        captured(head + rest)


@given(st.integers(0, 120), st.integers(0, 255))
def test_bitten_captures_never_raise(at: int, value: int) -> None:
    data = bytearray(pcap(1, bytes(12) + b"\x08\0" + ip_packet(v5())))
    data[24 + at % (len(data) - 24)] = value
    captured(bytes(data))


def test_pcapng_blocks_of_both_orders_and_old_kinds() -> None:
    packet = ip_packet(v5())
    padded = packet + bytes(-len(packet) % 4)
    for order in "<>":

        def block(kind: int, body: bytes, order: str = order) -> bytes:
            length = struct.pack(order + "I", len(body) + 12)
            return struct.pack(order + "I", kind) + length + body + length

        section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        options = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
        interface = block(1, struct.pack(order + "HHI", 101, 0, 65535) + options)
        ticks = AT * 1000
        times = struct.pack(order + "II", ticks >> 32, ticks & 0xFFFFFFFF)
        sizes = struct.pack(order + "II", len(packet), len(packet))
        enhanced = block(6, struct.pack(order + "I", 0) + times + sizes + padded)
        old = block(2, struct.pack(order + "HH", 0, 0) + times + sizes + padded)
        simple = block(3, sizes[:4] + padded)
        stray = block(6, struct.pack(order + "I", 9) + times + sizes + padded)
        found, counts = captured(section + interface + enhanced + old + simple + stray)
        assert [one.at for one in found] == [AT, AT, None]
        assert {one.data for one in found} == {v5()}
        assert counts == {"packets": 3, "flows": 3, "bad_block": 1}
        assert captured(section + interface + enhanced[:-3])[1] == {"cut": 1}
        assert captured(section + interface + struct.pack(order + "II", 6, 7))[1] == {"bad_block": 1}


def test_pcapng_resolution_as_a_power_of_two() -> None:
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    body = struct.pack("<HHI", 101, 0, 0) + struct.pack("<HHB3x", 9, 1, 0x80 | 10)
    interface = struct.pack("<II", 1, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    packet = ip_packet(v5())
    padded = packet + bytes(-len(packet) % 4)
    body = struct.pack("<IIIII", 0, 0, 512, len(packet), len(packet)) + padded
    enhanced = struct.pack("<II", 6, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    assert captured(section + interface + enhanced)[0][0].at == 500_000
