"""The decoder over vendors' datagrams, and beside telegraf's answers to the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from collectors.decoders.netflow import Datagram, FlowResult, Turn, decode
from collectors.decoders.templates import TemplateCache
from collectors.flow_events import to_events
from core.clock import to_micros
from core.event import Event
from tests.collectors.decoders.craft import EXPORTER, NOW, datagrams
from tests.samples import sample


def vendor_groups() -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for path in sorted(sample("flows/vendor-datagrams").glob("*.dat")):
        groups.setdefault(re.sub(r"_(tpl|opttpl|data).*", "", path.stem), []).append(path)
    return {name: sorted(paths, key=lambda p: "tpl" not in p.name) for name, paths in groups.items()}


def decode_files(paths: list[Path]) -> tuple[list[Event], FlowResult]:
    """All flows of a case; what still waits at the end is given up."""
    given_ = [
        Datagram(EXPORTER, path.read_bytes(), NOW, "01ARZ3NDEKTSV4RRFFQ69G5FAV", i) for i, path in enumerate(paths)
    ]
    first = decode(given_, TemplateCache())
    last = decode([w.datagram for w in first.waiting], first.templates, turn=Turn.LAST)
    return to_events(first.table) + to_events(last.table), first


VENDOR_FLOWS = {
    "ipfix_test_barracuda": 8, "ipfix_test_ixia": 3, "ipfix_test_mikrotik": 46, "ipfix_test_nokia_bras": 1,
    "ipfix_test_procera": 8, "ipfix_test_viptela": 1, "ipfix_test_vmware_vds": 5, "netflow5": 2,
    "netflow5_test_invalid02": 30, "netflow5_test_juniper_mx80": 29, "netflow9_test_0length_fields": 10,
    "netflow9_test_cisco_1941K9": 29, "netflow9_test_cisco_asa_1": 14, "netflow9_test_cisco_asa_2": 19,
    "netflow9_test_cisco_asr9k": 21, "netflow9_test_cisco_wlc": 19, "netflow9_test_cisco_wlc_8510": 0,
    "netflow9_test_field_layer2segmentid": 1, "netflow9_test_fortigate_fortios_521": 1, "netflow9_test_h3c": 16,
    "netflow9_test_h3c_netstream_varstring": 1, "netflow9_test_iptnetflow_reduced_size_encoding": 12,
    "netflow9_test_macaddr": 29, "netflow9_test_paloalto_81": 1, "netflow9_test_paloalto_panos": 8,
    "netflow9_test_streamcore": 4, "netflow9_test_unknown": 2, "netflow9_test_valid01": 7,
}  # fmt: skip
"""Flows a group of vendor datagrams holds, options records not counted."""


def test_vendor_datagrams() -> None:
    groups = vendor_groups()
    found = {name: len(decode_files(paths)[0]) for name, paths in groups.items()}
    assert found == VENDOR_FLOWS


def telegraf_line(line: str) -> dict[str, str]:
    """The fields of a line of InfluxDB's line protocol."""
    fields = re.findall(r'([\w]+)=("(?:[^"\\]|\\.)*"|[^,\s]+)', line.split(" ", 1)[1])
    return {name: value.strip('"') if value[0] == '"' else value.removesuffix("u") for name, value in fields}


# telegraf's names of what we compare, and ours; octets and packets may be called in_*, in_total_* or out_*
COMPARED = {
    "src": "source.ip", "dst": "destination.ip", "src_port": "source.port", "dst_port": "destination.port",
    "protocol": "network.transport", "direction": "network.direction",
    "bgp_src_as": "source.as.number", "bgp_dst_as": "destination.as.number",
    "in_snmp": "observer.ingress.interface.id", "out_snmp": "observer.egress.interface.id",
    "vlan_src": "network.vlan.id", "in_src_mac": "source.mac", "out_dst_mac": "destination.mac",
    "next_hop": "netflow.ip_next_hop_ipv4_address", "src_tos": "netflow.ip_class_of_service",
    "src_mask": "netflow.source_ipv4_prefix_length", "dst_mask": "netflow.destination_ipv4_prefix_length",
    "flow_start_ms": "event.start", "flow_end_ms": "event.end", "tcp_flags": "kydai.flow.tcp_flags",
    "flow_end_reason": "netflow.flow_end_reason", "app_name": "network.application",
}  # fmt: skip


END_REASONS = {"idle timeout": "1", "active timeout": "2", "end of flow": "3", "forced end": "4"}


def comparable(event: Event, like: set[str]) -> dict[str, str]:
    """Our event in telegraf's words, as far as the case has them."""
    mine = {theirs: str(event[ours]) for theirs, ours in COMPARED.items() if ours in event and theirs in like}
    for theirs in like & {"in_src_mac", "out_dst_mac"}:
        mine[theirs] = mine[theirs].replace("-", ":").lower()
    for theirs in like & {"flow_start_ms", "flow_end_ms"}:
        mine[theirs] = str(to_micros(mine[theirs]) // 1000)
    if "src_tos" in mine:
        mine["src_tos"] = f"0x{int(mine['src_tos']):02x}"
    if "tcp_flags" in mine:
        bits = int(mine["tcp_flags"])
        mine["tcp_flags"] = "".join(c if bits & 128 >> n else "." for n, c in enumerate("CEUAPRSF"))
    mine["bytes"], mine["packets"] = str(event["source.bytes"]), str(event["source.packets"])
    return mine


def expected(line: dict[str, str]) -> dict[str, str]:
    theirs = {name: line[name] for name in COMPARED if name in line}
    for name in ("bgp_src_as", "bgp_dst_as"):
        if theirs.get(name) == "0":
            del theirs[name]
    if "flow_end_reason" in theirs:
        theirs["flow_end_reason"] = END_REASONS[theirs["flow_end_reason"]]
    for what in ("bytes", "packets"):
        theirs[what] = line.get(f"in_{what}") or line[f"in_total_{what}"]
    return theirs


def telegraf_cases() -> Iterator[Path]:
    for folder in sorted(sample("flows/telegraf-cases").iterdir()):
        if folder.is_dir() and not folder.name.startswith("sflow"):
            yield folder


def test_telegraf_cases() -> None:
    compared = 0
    for folder in telegraf_cases():
        lines = [line for line in (folder / "expected.out").read_text().splitlines() if line.strip()]
        flows = [expected(telegraf_line(line)) for line in lines if line.startswith("netflow,")]
        options = sum(line.startswith("netflow_options,") for line in lines)
        events, result = decode_files(sorted(folder.glob("*.bin")))
        like = set().union(*flows)
        ours = [comparable(event, like) for event in events]
        assert {frozenset(one.items()) for one in ours} == {frozenset(one.items()) for one in flows}, folder.name
        assert len(ours) == len(flows)
        assert result.options == options, folder.name
        compared += len(flows)
    assert compared > 0


def test_every_sample_can_be_bitten_off_anywhere() -> None:
    paths = [path for paths in vendor_groups().values() for path in paths]
    cache = TemplateCache()
    for path in paths:
        data = path.read_bytes()
        for cut in range(0, len(data), 61):
            result = decode(datagrams(data[:cut]), cache)
            assert len(result.decoded) + len(result.waiting) + len(result.malformed) == 1


def test_times_of_v9_since_boot_match_telegraf() -> None:
    folder = sample("flows/telegraf-cases/netflow_v9_example")
    (first, *_), _ = decode_files([folder / "netflow_v9.bin"])
    assert (first["event.start"], first["event.end"]) == (
        "2022-10-21T11:07:58.660000Z",
        "2022-10-21T11:08:01.316000Z",
    )
