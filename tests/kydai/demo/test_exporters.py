"""Datagrams of the exporters are read by our own decoder as what was put in."""

from __future__ import annotations

import struct

from collectors.decoders.netflow import Datagram, decode
from collectors.decoders.templates import TemplateCache
from collectors.flow_events import to_events
from core.clock import MINUTE, SECOND, Micros, to_micros
from kydai.demo.emission import Emission, Flow
from kydai.demo.exporters import MOST, Exporting
from kydai.demo.world import load_world

AT: Micros = to_micros("2026-11-25T01:26:00Z")


def _flow(at: Micros, exporter: str = "fw-ttdl", story: str | None = None) -> Flow:
    return Flow(
        at, exporter, "10.20.3.10", "198.51.100.200", 50931, 443, 6, 5_000_000_000, 900, at - SECOND, 0x18, story
    )


def _datagrams(name: str, flows: list[Flow]) -> list[Emission]:
    exporting = Exporting(load_world().exporters[name], AT)
    return [e for f in flows for e in exporting.add(f)] + exporting.flush()


def test_v9_counts_datagrams_and_ipfix_counts_records() -> None:
    flows = [_flow(AT + n * 1000) for n in range(MOST * 3)]
    nine = [struct.unpack_from("!HHIIII", e.data) for e in _datagrams("fw-ttdl", flows)]
    assert [(h[0], h[1], h[4]) for h in nine] == [(9, MOST + 1, 0), (9, MOST, 1), (9, MOST, 2)]
    ten = _datagrams("sw-core01", flows)
    heads = [struct.unpack_from("!HHIII", e.data) for e in ten]
    assert [(h[0], h[3]) for h in heads] == [(10, 0), (10, MOST), (10, 2 * MOST)]
    assert all(h[1] == len(e.data) for h, e in zip(heads, ten, strict=True))


def test_a_record_holds_its_flow() -> None:
    (made,) = _datagrams("fw-ttdl", [_flow(AT)])
    template = struct.unpack_from("!HHHH", made.data, 20)
    start = 20 + template[1] + 4
    src, dst, sport, dport, proto, flags, _, _, octets, packets, first, last = struct.unpack_from(
        "!4s4sHHBBHHQIII", made.data, start
    )
    assert (src, dst) == (bytes([10, 20, 3, 10]), bytes([198, 51, 100, 200]))
    assert (sport, dport, proto, flags, octets, packets) == (50931, 443, 6, 0x18, 5_000_000_000, 900)
    assert last - first == 1000
    assert len(made.data) % 4 == 0


def test_a_datagram_waits_no_longer_than_its_hold_and_holds_one_story() -> None:
    exporting = Exporting(load_world().exporters["fw-ttdl"], AT)
    assert exporting.add(_flow(AT)) == []
    assert exporting.tick(AT + MINUTE - 1) == []
    assert [e.at for e in exporting.tick(AT + 5 * MINUTE)] == [AT + MINUTE]
    exporting.add(_flow(AT + 6 * MINUTE))
    assert [e.story for e in exporting.add(_flow(AT + 6 * MINUTE, story="ssh"))] == [None]
    assert [e.story for e in exporting.flush()] == ["ssh"]


def test_our_decoder_reads_a_day_of_them_whole() -> None:
    world = load_world()
    flows = [_flow(AT + n * SECOND, "fw-ttdl" if n % 2 else "sw-core01") for n in range(2000)]
    made = [e for name in world.exporters for e in _datagrams(name, [f for f in flows if f.exporter == name])]
    segment = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    result = decode(
        [Datagram(world.exporters[e.host].own, e.data, e.at, segment, n) for n, e in enumerate(made)], TemplateCache()
    )
    assert (
        result.flows,
        len(result.waiting),
        len(result.malformed),
        sum(n.lost for n in result.numbered.values()),
    ) == (2000, 0, 0, 0)
    event = to_events(result.table, [0])[0]
    assert (event["source.ip"], event["destination.ip"], event["network.bytes"]) == (
        "10.20.3.10",
        "198.51.100.200",
        5_000_000_000,
    )
    assert event["event.end"] == event["@timestamp"]
