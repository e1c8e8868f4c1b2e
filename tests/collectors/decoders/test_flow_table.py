from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from collectors.decoders.flow_table import ALWAYS, DatagramColumns, Group, table_of
from collectors.decoders.plan import plan_of
from collectors.decoders.templates import NO_SAMPLING, Field, Sampling, Template
from core.clock import SECOND
from tests.collectors.decoders.craft import EXPORTER, NOW, SEGMENT

EXPORTED = 1_764_000_100 * SECOND


def rows(
    fields: list[tuple[int, int]], *records: bytes, sampling: Sampling = NO_SAMPLING, uptime: int = 3_600_000,
    exported: int = EXPORTED, boot: int = 0,
) -> list[dict[str, object]]:  # fmt: skip
    origin = (SEGMENT, 7, NOW, EXPORTER, exported, uptime, 9, 3)
    plan = plan_of(Template(tuple(Field(0, *f) for f in fields)))
    group = Group(plan, sampling, [b"".join(records)], [len(records)], [0], [0], boot=boot)
    table = table_of(group, DatagramColumns([origin]))
    assert table.schema.names[: len(ALWAYS)] == list(ALWAYS)
    assert [table.schema.field(name).type for name in ALWAYS] == list(ALWAYS.values())
    table.validate(full=True)
    found: list[dict[str, object]] = table.to_pylist()
    return found


def test_identity_and_constants() -> None:
    first, second = rows([(7, 2)], b"\0\x01", b"\0\x02")
    assert (first["segment"], first["record"], first["n"], second["n"]) == (SEGMENT, 7, 0, 1)
    assert first["event.kind"] == "event"
    assert first["event.category"] == "network"
    assert first["event.dataset"] == "netflow.flow"
    assert first["observer.ip"] == EXPORTER
    assert (first["netflow.exporter.version"], first["netflow.exporter.source_id"]) == (9, 3)
    assert first["source.ip"] is None


def test_times_since_boot() -> None:
    (row,) = rows([(22, 4), (21, 4)], struct.pack("!II", 3_590_000, 3_599_000))
    assert row["event.start"] == EXPORTED - 10 * SECOND
    assert row["event.end"] == row["@timestamp"] == EXPORTED - SECOND


def test_times_since_boot_survive_the_wrap_of_the_counter() -> None:
    (row,) = rows([(21, 4)], struct.pack("!I", 2**32 - 1000), uptime=4000)
    assert row["event.end"] == EXPORTED - 5 * SECOND


def test_a_flow_may_end_a_moment_after_the_header() -> None:
    (row,) = rows([(21, 4)], struct.pack("!I", 4500), uptime=4000)
    assert row["event.end"] == EXPORTED + SECOND // 2


def test_ipfix_times_since_boot_need_the_time_of_boot() -> None:
    (row,) = rows([(21, 4)], struct.pack("!I", 5000), uptime=-1)
    assert row["event.end"] is None
    assert row["@timestamp"] == EXPORTED
    assert row["netflow.flow_end_sys_up_time"] == 5000, "no field is dropped"
    boot = EXPORTED - 60 * SECOND
    (row,) = rows([(160, 8), (21, 4)], struct.pack("!QI", boot // 1000, 5000), uptime=-1)
    assert row["event.end"] == boot + 5 * SECOND
    assert "netflow.flow_end_sys_up_time" not in row
    (row,) = rows([(22, 4), (21, 4)], struct.pack("!II", 0, 5000), uptime=-1, boot=boot)
    assert (row["event.start"], row["event.end"]) == (boot, boot + 5 * SECOND)


@pytest.mark.parametrize(
    ("protocol", "name"), [(1, "netflow.icmp_type_code_ipv4"), (58, "netflow.icmp_type_code_ipv6")]
)
def test_icmp_has_a_type_and_a_code_and_no_ports(protocol: int, name: str) -> None:
    template = [(4, 1), (7, 2), (11, 2)]
    icmp, tcp = rows(template, struct.pack("!BHH", protocol, 0, 2048), struct.pack("!BHH", 6, 4000, 443))
    assert (icmp["source.port"], icmp["destination.port"], icmp[name]) == (None, None, 2048)
    assert (tcp["source.port"], tcp["destination.port"], tcp[name]) == (4000, 443, None)


def test_what_else_an_exporter_puts_into_the_ports_of_icmp_keeps_its_own_name() -> None:
    (row,) = rows([(4, 1), (7, 2), (11, 2), (32, 2)], struct.pack("!BHHH", 1, 77, 771, 771))
    assert (row["source.port"], row["destination.port"]) == (None, None)
    assert row["netflow.icmp_type_code_ipv4"] == 771
    assert row["netflow.source_transport_port"] == 77
    assert row["netflow.destination_transport_port"] == 771


@pytest.mark.parametrize(
    ("element", "packed", "expected"),
    [
        (151, struct.pack("!I", 1_764_000_000), 1_764_000_000 * SECOND),
        (153, struct.pack("!Q", 1_764_000_000_123), 1_764_000_000_123_000),
        (155, struct.pack("!II", 1_764_000_000 + 2_208_988_800, 1 << 30), 1_764_000_000_250_000),
        (157, struct.pack("!II", 1_764_000_000 + 2_208_988_800, 1 << 30), 1_764_000_000_250_000),
        (159, struct.pack("!I", 2_000_000), EXPORTED - 2 * SECOND),
    ],
)
def test_every_kind_of_time(element: int, packed: bytes, expected: int) -> None:
    (row,) = rows([(element, len(packed))], packed)
    assert row["event.end"] == row["@timestamp"] == expected


def test_timestamp_falls_back_from_end_to_observation_to_start_to_export() -> None:
    at = 1_764_000_000_000
    template = [(152, 8), (323, 8), (153, 8)]
    found = rows(
        template,
        struct.pack("!QQQ", at, at + 1, at + 2),
        struct.pack("!QQQ", at, at + 1, 0),
        struct.pack("!QQQ", at, 0, 0),
        struct.pack("!QQQ", 0, 0, 0),
        struct.pack("!QQQ", 2**64 - 1, 2**64 - 1, 2**64 - 1),
    )
    assert [row["@timestamp"] for row in found] == [
        (at + 2) * 1000, (at + 1) * 1000, at * 1000, EXPORTED, EXPORTED,
    ]  # fmt: skip
    assert found[4]["event.end"] is None


def test_an_exporter_without_a_clock_is_dated_by_receipt() -> None:
    (row,) = rows([(7, 2)], b"\0\0", exported=0)
    assert row["@timestamp"] == NOW
    (row,) = rows([(21, 4)], struct.pack("!I", 3_599_000), exported=0)
    assert row["@timestamp"] == NOW - SECOND


def test_addresses_of_both_families_in_one_record() -> None:
    four, six = ip_address("192.0.2.7").packed, ip_address("2001:db8::7").packed
    mapped = ip_address("::ffff:192.0.2.9").packed
    found = rows([(8, 4), (27, 16)], four + bytes(16), bytes(4) + six, bytes(4) + mapped)
    assert [row["source.ip"] for row in found] == ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.9"]
    assert [row["source.ip#v4"] for row in found] == [
        int(ip_address("192.0.2.7")), None, int(ip_address("192.0.2.9")),
    ]  # fmt: skip
    assert [row["network.type"] for row in found] == ["ipv4", "ipv6", "ipv6"]
    (row,) = rows([(8, 4), (27, 16)], four + bytes(16))
    assert (row["source.ip"], row["network.type"]) == ("192.0.2.7", "ipv4")
    (row,) = rows([(8, 4), (27, 16)], bytes(4) + six)
    assert (row["source.ip"], row["network.type"]) == ("2001:db8::7", "ipv6")


def test_volumes_are_scaled_and_the_record_s_own_kept() -> None:
    (row,) = rows([(1, 4), (2, 4)], struct.pack("!II", 100, 3), sampling=Sampling(1000))
    assert (row["source.bytes"], row["source.packets"]) == (100, 3)
    assert (row["network.bytes"], row["network.packets"]) == (100_000, 3000)
    assert (row["kydai.flow.sampling_rate"], row["kydai.flow.sampling_source"]) == (1000, "domain")


def test_a_volume_of_zero_since_the_last_report_is_the_total() -> None:
    found = rows([(1, 4), (85, 4)], struct.pack("!II", 0, 65), struct.pack("!II", 7, 65))
    assert [(row["source.bytes"], row["network.bytes"]) for row in found] == [(65, 65), (7, 7)]
    assert [row["netflow.octet_total_count"] for row in found] == [65, 65]


def test_unknown_sampling_scales_nothing_and_says_so() -> None:
    (row,) = rows([(1, 4)], struct.pack("!I", 100))
    assert row["network.bytes"] == 100
    assert (row["kydai.flow.sampling_rate"], row["kydai.flow.sampling_source"]) == (None, "unknown")


def test_volumes_of_both_directions_are_summed_without_overflow() -> None:
    (row,) = rows([(231, 4), (232, 4)], struct.pack("!II", 100, 50))
    assert (row["source.bytes"], row["destination.bytes"], row["network.bytes"]) == (100, 50, 150)
    (row,) = rows([(1, 8)], b"\xff" * 8, sampling=Sampling(10))
    assert 2**62 < int(str(row["network.bytes"])) < 2**63


def test_what_has_no_home_keeps_the_registry_s_name() -> None:
    fields = [
        (136, 1),
        (206, 1),
        (311, 8),
        (82, 8),
        (56, 6),
        (62, 16),
        (18, 4),
        (9999, 2),
        (434, 4),
        (268, 8),
        (16, 4),
        (8256, 16),
    ]
    record = (
        b"\x03\x01" + struct.pack("!d", 0.5) + b"eth0\0\0\0\0" + bytes.fromhex("005056b386e7")
        + ip_address("2001:db8::1").packed + ip_address("192.0.2.1").packed + b"\x12\x34" + struct.pack("!i", -5)
        + struct.pack("!II", 1_764_000_000 + 2_208_988_800, 0) + bytes(4) + b"live.example.vn\0"
    )  # fmt: skip
    (row,) = rows(fields, record)
    assert row["netflow.flow_end_reason"] == 3
    assert row["netflow.is_multicast"] == 1
    assert row["netflow.sampling_probability"] == 0.5
    assert row["netflow.interface_name"] == "eth0"
    assert row["source.mac"] == "00-50-56-B3-86-E7"
    assert row["netflow.ip_next_hop_ipv6_address"] == "2001:db8::1"
    assert row["netflow.bgp_next_hop_ipv4_address"] == "192.0.2.1"
    assert row["netflow.type_0_9999"] == "0x1234"
    assert row["netflow.type_0_8256"] == "live.example.vn"
    assert row["netflow.mib_object_value_integer"] == -5
    assert row["netflow.max_flow_end_microseconds"] == 1_764_000_000 * SECOND
    assert row["source.as.number"] is None


def test_small_registries() -> None:
    found = rows(
        [(4, 1), (61, 1), (233, 1), (6, 1), (10, 4), (58, 2)],
        b"\x06\x01\x03\x12\0\0\0\x05\0\x07",
        b"\xfe\x07\0\0\0\0\0\0\0\0",
    )
    assert found[0]["network.transport"] == "tcp"
    assert found[0]["network.iana_number"] == "6"
    assert found[0]["network.direction"] == "egress"
    assert found[0]["event.action"] == "flow-denied"
    assert found[0]["kydai.flow.tcp_flags"] == 0x12
    assert (found[0]["observer.ingress.interface.id"], found[0]["network.vlan.id"]) == ("5", "7")
    assert found[1]["network.transport"] is None
    assert found[1]["network.iana_number"] == "254"
    assert found[1]["network.direction"] is None
    assert found[1]["event.action"] is None
