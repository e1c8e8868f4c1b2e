"""The decoder as a whole: order of templates, sampling, garbage; vendors' datagrams: test_netflow_samples.py."""

from __future__ import annotations

import struct
from collections import Counter
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.decoders.flow_join import empty_table
from collectors.decoders.netflow import FlowResult, Turn, decode
from collectors.decoders.templates import Domain, TemplateCache, TemplateKey
from collectors.flow_events import to_events
from core.clock import hour_of
from core.event import Event
from core.said import Numbered
from tests.collectors.decoders.craft import (
    BASIC,
    EXPORTER,
    NOW,
    basic_record,
    datagram,
    datagrams,
    flowset,
    ipfix,
    ipfix_options,
    ipfix_template,
    v5,
    v9,
    v9_options,
    v9_template,
)

DATA = flowset(256, basic_record() + basic_record(ports=(40001, 80)))
TEMPLATE = v9_template(256, BASIC)


def run(*data: bytes, cache: TemplateCache | None = None) -> FlowResult:
    return decode(datagrams(*data), cache or TemplateCache())


def lost(result: FlowResult) -> int:
    return sum(told.lost for told in result.numbered.values())


def test_v5() -> None:
    result = run(v5(2, sampling=100))
    assert (len(result.decoded), result.flows) == (1, 2)
    event = to_events(result.table)[1]
    assert event["event.id"] == "01ARZ3NDEKTSV4RRFFQ69G5FAV.0.1"
    assert event["source.ip"] == "198.51.100.7"
    assert event["@timestamp"] == "2025-11-24T15:59:59.500000Z"
    assert event["network.bytes"] == 100_000
    assert event["kydai.flow.sampling_source"] == "header"
    assert event["source.as.number"] == 64500
    assert "destination.as.number" not in event


def test_an_empty_batch() -> None:
    result = run()
    assert result.table.equals(empty_table())
    assert (len(result.decoded), result.flows) == (0, 0)


def test_the_cache_handed_in_is_unchanged() -> None:
    cache = TemplateCache()
    result = run(v9(TEMPLATE), cache=cache)
    assert cache == TemplateCache()
    assert TemplateKey(EXPORTER, 9, 0, 256) in result.templates.templates
    assert [change.what for change in result.changes] == ["new"]
    assert result.told == {EXPORTER}


def test_records_are_numbered_within_their_datagram_over_all_its_sets() -> None:
    other = v9_template(257, [(8, 4), (12, 4)])
    more = flowset(257, bytes(8))
    result = run(v9(TEMPLATE, other, DATA, more, DATA), v9(more, sequence=1))
    ids = {(e["event.id"], e.get("source.port")) for e in to_events(result.table)}
    assert len(ids) == 6
    assert {str(i).split(".", 1)[1] for i, _ in ids} == {"0.0", "0.1", "0.2", "0.3", "0.4", "1.0"}


def test_layouts_join_to_one_table_with_nulls() -> None:
    six = ip_address("2001:db8::7").packed
    result = run(v9(TEMPLATE, v9_template(257, [(27, 16), (56, 6)]), DATA, flowset(257, six + bytes(6))))
    table = result.table
    assert table.num_rows == 3
    assert table.column("source.mac").null_count == 2
    assert sorted(table.column("source.ip").to_pylist()) == ["198.51.100.7", "198.51.100.7", "2001:db8::7"]
    assert table.column("source.ip").num_chunks == 1


def test_data_before_its_template_in_one_datagram_is_found() -> None:
    result = run(v9(DATA, TEMPLATE))
    assert (result.flows, result.waiting) == (2, [])


def test_data_before_its_template_in_one_batch_is_found() -> None:
    result = run(v9(DATA), v9(TEMPLATE, sequence=1))
    assert (len(result.decoded), result.flows, result.waiting, lost(result)) == (2, 2, [], 0)


def test_data_without_a_template_waits_and_is_decoded_when_it_has_come() -> None:
    first = run(v9(DATA))
    (waiting,) = first.waiting
    assert (len(first.decoded), first.flows) == (0, 0)
    assert waiting.missing == (TemplateKey(EXPORTER, 9, 0, 256),)
    second = run(v9(TEMPLATE, sequence=1), cache=first.templates)
    again = decode([waiting.datagram], second.templates, turn=Turn.AGAIN)
    assert (len(again.decoded), again.flows, again.waiting, again.numbered) == (1, 2, [], {})


def test_a_datagram_waits_whole_and_at_last_gives_what_it_has() -> None:
    cache = run(v9(TEMPLATE)).templates
    half = v9(DATA, flowset(300, bytes(20)), sequence=1)
    first = run(half, cache=cache)
    assert (first.flows, len(first.waiting)) == (0, 1)
    last = decode([datagram(half)], first.templates, turn=Turn.LAST)
    assert (last.flows, len(last.decoded)) == (2, 1)
    assert [n for _, n in last.decoded] == [2]
    assert [fault.reason for fault in last.damaged] == ["some_sets"]
    nothing = decode([datagram(v9(flowset(300, bytes(20))))], first.templates, turn=Turn.LAST)
    assert [fault.reason for fault in nothing.malformed] == ["no_template"]


def test_an_old_template_looked_at_again_does_not_replace_a_new_one() -> None:
    old = v9(TEMPLATE, flowset(300, bytes(8)))
    first = run(old)
    newer = run(v9(v9_template(256, [(8, 4)]), v9_template(300, [(12, 4), (8, 4)])), cache=first.templates)
    again = decode([w.datagram for w in first.waiting], newer.templates, turn=Turn.AGAIN)
    assert again.flows == 1
    assert again.templates.templates == newer.templates.templates
    assert again.changes == []


def test_templates_of_two_domains_and_exporters_stay_apart() -> None:
    cache = run(v9(TEMPLATE, domain=1)).templates
    assert run(v9(DATA, domain=2), cache=cache).waiting
    other = decode([datagram(v9(DATA, domain=1), exporter="192.0.2.2")], cache)
    assert other.waiting


def test_a_changed_template_serves_what_comes_after_it() -> None:
    short = v9_template(256, [(8, 4), (12, 4)])
    result = run(v9(TEMPLATE, DATA), v9(short, flowset(256, bytes(8)), sequence=1), v9(TEMPLATE, DATA, sequence=2))
    assert Counter(e["event.id"].split(".")[1] for e in to_events(result.table) if isinstance(e["event.id"], str)) == {
        "0": 2, "1": 1, "2": 2,
    }  # fmt: skip
    assert [change.what for change in result.changes] == ["new", "changed", "changed"]


def test_ipfix_withdrawal() -> None:
    cache = run(ipfix(ipfix_template(256, BASIC))).templates
    result = run(ipfix(flowset(2, struct.pack("!HH", 256, 0))), ipfix(DATA), cache=cache)
    assert [change.what for change in result.changes] == ["withdrawn"]
    assert result.waiting


def test_options_are_never_flows_and_their_rate_holds_for_the_whole_datagram() -> None:
    options = v9_options(300, [(1, 4)], [(34, 4)])
    told = flowset(300, struct.pack("!II", 0, 500))
    result = run(v9(TEMPLATE, options, DATA, told))
    assert (result.flows, result.options) == (2, 1)
    assert {e["network.bytes"] for e in to_events(result.table)} == {500_000}
    assert {e["kydai.flow.sampling_source"] for e in to_events(result.table)} == {"domain"}


def test_a_rate_holds_from_when_it_was_told_however_the_batches_are_cut() -> None:
    stream = [
        v9(TEMPLATE, v9_options(300, [(1, 4)], [(34, 4)])),
        v9(DATA, sequence=1),
        v9(flowset(300, struct.pack("!II", 0, 10)), sequence=2),
        v9(DATA, sequence=3),
        v9(flowset(300, struct.pack("!II", 0, 20)), sequence=4),
        v9(DATA, sequence=5),
    ]
    whole = sorted(to_events(run(*stream).table), key=lambda e: str(e["event.id"]))
    assert [e["network.bytes"] for e in whole] == [1000, 1000, 10_000, 10_000, 20_000, 20_000]
    cache, parts = TemplateCache(), list[Event]()
    for one in datagrams(*stream):
        result = decode([one], cache)
        cache = result.templates
        parts += to_events(result.table)
    assert sorted(parts, key=lambda e: str(e["event.id"])) == whole


def test_ipfix_sampler_options() -> None:
    result = run(
        ipfix(
            ipfix_options(300, 1, [(302, 2), (305, 4), (306, 4)]),
            ipfix_template(256, [(8, 4), (1, 4), (302, 2)]),
            flowset(300, struct.pack("!HII", 7, 1, 99)),
            flowset(256, struct.pack("!IIH", 1, 10, 7) + struct.pack("!IIH", 2, 10, 8)),
        )
    )
    assert [(e["network.bytes"], e["kydai.flow.sampling_source"]) for e in to_events(result.table)] == [
        (1000, "sampler"),
        (10, "unknown"),
    ]


def test_a_configured_rate_is_the_last_resort() -> None:
    result = decode(datagrams(v9(TEMPLATE, DATA), v5(1, sampling=7)), TemplateCache(), configured={EXPORTER: 50})
    assert Counter(e["kydai.flow.sampling_source"] for e in to_events(result.table)) == {"configured": 2, "header": 1}


def test_sequences_count_datagrams_in_v9_and_records_in_ipfix() -> None:
    result = run(v9(TEMPLATE, sequence=1), v9(DATA, sequence=5))
    assert result.numbered == {(Domain(EXPORTER, 9, 0), hour_of(NOW)): Numbered(checked=1, lost=3, jumps=1)}
    template = ipfix_template(256, BASIC)
    result = run(ipfix(template, DATA, sequence=10), ipfix(DATA, sequence=12), ipfix(DATA, sequence=20))
    assert [*result.numbered.values()] == [Numbered(checked=2, lost=6, jumps=1)]


def test_a_datagram_that_was_cut_asks_nothing_of_the_next() -> None:
    assert lost(run(v5(3, sequence=0)[:-60], v5(3, sequence=90), v5(3, sequence=93))) == 0


def test_a_restart_keeps_the_templates() -> None:
    datas = [v9(DATA, sequence=number) for number in range(3)]
    result = run(v9(TEMPLATE, sequence=5_000_000), *datas)
    (told,) = result.numbered.values()
    assert (result.flows, told.restarts, told.lost) == (6, 1, 0)


def test_variable_length_fields_and_enterprise_elements() -> None:
    template = ipfix_template(256, [(8, 4), (96, 65535), (130, 65535, 5951), (5, 1, 29305), (40, 2, 6871)])
    body = ip_address("192.0.2.7").packed + b"\x04http" + b"\x06/a?b=c" + b"\0" + b"\xbe\xef"
    (event,) = to_events(run(ipfix(template, flowset(256, body))).table)
    assert event["network.application"] == "http"
    assert event["netflow.type_5951_130"] == "/a?b=c"
    assert event["netflow.type_6871_40"] == "0xbeef"
    assert event["netflow.reverse_ip_class_of_service"] == 0


def test_faults_are_told_with_their_datagram() -> None:
    result = run(b"", b"\0\x07" + bytes(50), v5(9, records=1), v9(TEMPLATE, DATA[:-5]))
    assert [(f.datagram.record, f.reason) for f in result.malformed] == [(0, "short_header"), (1, "unknown_version")]
    assert [(f.datagram.record, f.reason) for f in result.damaged] == [(2, "count_beyond_bytes"), (3, "cut_short")]
    assert (len(result.decoded), result.flows) == (2, 2)


def test_every_datagram_is_decoded_waiting_or_malformed() -> None:
    result = run(b"x", v9(DATA), v9(TEMPLATE, domain=9), v5(1))
    assert len(result.decoded) + len(result.waiting) + len(result.malformed) == 4


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_garbage_never_raises(data: bytes) -> None:
    for head in (b"", b"\0\x05\0\x03", b"\0\x09\0\x03", b"\0\x0a"):
        result = run(head + data)
        assert len(result.decoded) + len(result.waiting) + len(result.malformed) == 1


_SAMPLES_BITTEN = [
    v9(TEMPLATE, v9_options(300, [(1, 4)], [(48, 1), (50, 4)]), DATA, flowset(300, bytes(27))),
    ipfix(ipfix_template(256, [(8, 4), (96, 65535), (27, 16)]), flowset(256, bytes(4) + b"\x03abc" + bytes(16))),
    v5(3),
]


@given(st.sampled_from(_SAMPLES_BITTEN), st.data())
@settings(max_examples=200, deadline=None)
def test_bitten_datagrams_never_raise(good: bytes, data: st.DataObject) -> None:
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(bad[: data.draw(st.integers(0, len(bad)))])
    result = run(cut, good)
    last = decode([w.datagram for w in result.waiting], result.templates, turn=Turn.LAST)
    to_events(result.table)
    to_events(last.table)
    assert not last.waiting


def test_what_scapy_crafts() -> None:
    from scapy.layers.netflow import (
        NetflowDataflowsetV9,
        NetflowFlowsetV9,
        NetflowHeader,
        NetflowHeaderV5,
        NetflowHeaderV9,
        NetflowRecordV5,
        NetflowRecordV9,
        NetflowTemplateFieldV9,
        NetflowTemplateV9,
    )

    five = NetflowHeader() / NetflowHeaderV5(count=1) / NetflowRecordV5(src="192.0.2.7", dpkts=3, srcport=9, prot=17)
    fields = [NetflowTemplateFieldV9(fieldType=number, fieldLength=length) for number, length in BASIC]
    nine = (
        NetflowHeader()
        / NetflowHeaderV9(unixSecs=1_764_000_000, sysUptime=5)
        / NetflowFlowsetV9(templates=[NetflowTemplateV9(template_fields=fields, templateID=256, fieldCount=7)])
        / NetflowDataflowsetV9(templateID=256, records=[NetflowRecordV9(fieldValue=basic_record())])
    )
    result = run(bytes(five), bytes(nine))
    first, second = to_events(result.table)
    assert (first["source.ip"], first["source.packets"], first["source.port"]) == ("192.0.2.7", 3, 9)
    assert first["network.transport"] == "udp"
    assert (second["source.ip"], second["destination.ip"]) == ("198.51.100.7", "203.0.113.9")
    assert (second["source.port"], second["destination.port"], second["source.bytes"]) == (40000, 443, 1000)


SINCE_BOOT = ipfix_template(257, [(8, 4), (12, 4), (22, 4), (21, 4)])
STARTS = ipfix_options(258, 1, [(149, 4), (160, 8)])
STARTED = NOW - 3600 * 1_000_000
"""One hour before."""
FLOW = flowset(257, struct.pack("!IIII", 1, 2, 3_590_000, 3_599_000))


def start(at: int = STARTED) -> bytes:
    return flowset(258, struct.pack("!IQ", 0, at // 1000))


def times(result: FlowResult) -> list[tuple[object, object]]:
    return [(row["event.start"], row["event.end"]) for row in result.table.to_pylist()]


def test_ipfix_counts_from_the_start_that_its_options_records_tell() -> None:
    expected = (NOW - 10_000_000, NOW - 1_000_000)
    assert times(run(ipfix(SINCE_BOOT, STARTS, FLOW, start()))) == [expected], "in any order within a datagram"
    told = run(ipfix(SINCE_BOOT, STARTS, start()))
    assert told.told == {EXPORTER}
    saved = TemplateCache()
    saved.load(told.templates.dump([EXPORTER])[EXPORTER])
    assert saved.boots == told.templates.boots == {Domain(EXPORTER, 10, 0): STARTED}
    again = run(ipfix(FLOW, start()), cache=saved)
    assert (times(again), again.told) == ([expected], set()), "what is told again is no news"
    restarted = run(ipfix(FLOW, start(STARTED + 1_000_000), FLOW), ipfix(FLOW), cache=saved)
    assert times(restarted) == [(a + 1_000_000, b + 1_000_000) for a, b in 3 * [expected]]
    assert saved.boots[Domain(EXPORTER, 10, 0)] == STARTED, "the cache handed in is unchanged"
    unknown = run(ipfix(SINCE_BOOT, FLOW))
    assert times(unknown) == [(None, None)]
    (event,) = to_events(unknown.table)
    assert (event["netflow.flow_start_sys_up_time"], event["netflow.flow_end_sys_up_time"]) == (3_590_000, 3_599_000)


def test_a_start_told_in_a_datagram_that_had_to_wait_is_not_taken_for_a_newer_one() -> None:
    cache = run(ipfix(SINCE_BOOT, STARTS, start())).templates
    late = decode(datagrams(ipfix(start(STARTED - 1_000_000))), cache, turn=Turn.AGAIN)
    assert late.templates.boots[Domain(EXPORTER, 10, 0)] == STARTED


def test_what_older_versions_saved_of_an_exporter_is_read() -> None:
    cache = TemplateCache()
    cache.load(b'{"format":1,"exporter":"192.0.2.1","templates":[],"sampling":[]}')
    assert cache.boots == {}
