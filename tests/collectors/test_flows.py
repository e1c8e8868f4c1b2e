from __future__ import annotations

import pytest

from collectors import flow_waiting
from collectors.decoders.netflow import Datagram
from collectors.flow_waiting import MAX_AGE
from collectors.flows import FlowBatch, FlowState, datagrams_of, decode_batch
from core.event import Frame, FrameKind, Stored
from tests.collectors.decoders.craft import (
    BASIC,
    EXPORTER,
    NOW,
    SEGMENT,
    basic_record,
    datagram,
    flowset,
    v5,
    v9,
    v9_template,
)

DATA = v9(flowset(256, basic_record()), sequence=1)
TEMPLATE = v9(v9_template(256, BASIC), sequence=2)


def records(pairs: list[tuple[Datagram, int]]) -> list[tuple[int, int]]:
    return [(one.record, flows) for one, flows in pairs]


def settled(batch: FlowBatch) -> int:
    return len(batch.decoded) + len(batch.malformed) + len(batch.waiting)


def test_frames_of_flows_become_datagrams() -> None:
    frames = [
        Stored(SEGMENT, 4, Frame("flow:192.0.2.1", NOW, v5(), FrameKind.FLOW)),
        Stored(SEGMENT, 5, Frame("udp:192.0.2.1", NOW, b"<13>x")),
        Stored(SEGMENT, 6, Frame("flow:2001:db8::1", NOW, v5(), FrameKind.FLOW)),
    ]
    assert datagrams_of(frames) == [
        Datagram("192.0.2.1", v5(), NOW, SEGMENT, 4),
        Datagram("2001:db8::1", v5(), NOW, SEGMENT, 6),
    ]


def test_what_waits_in_one_batch_is_released_by_a_later_one() -> None:
    start = FlowState()
    first = decode_batch([datagram(DATA, 1), datagram(v5(2), 2), datagram(b"?", 3)], start, NOW)
    assert settled(first) == 3
    assert [one.datagram.record for one in first.waiting] == [1]
    assert records(first.decoded) == [(2, 2)]
    assert [fault.datagram.record for fault in first.malformed] == [3]
    assert len(start.room) == 0, "the state handed in is unchanged"
    second = decode_batch([datagram(TEMPLATE, 4)], first.state, NOW)
    assert (records(second.decoded), records(second.released)) == ([(4, 0)], [(1, 1)])
    assert second.told == {EXPORTER}
    assert second.table.column("record").to_pylist() == [1]
    assert len(second.state.room) == 0


def test_what_waits_too_long_is_given_up() -> None:
    first = decode_batch([datagram(DATA, 1)], FlowState(), NOW)
    later = decode_batch([], first.state, NOW + MAX_AGE)
    assert [(fault.datagram.record, fault.reason) for fault in later.given_up] == [(1, "no_template")]
    assert (len(later.state.room), later.table.num_rows) == (0, 0)


def test_what_must_leave_at_once_never_counts_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_waiting, "MAX_BYTES", 10)
    batch = decode_batch([datagram(DATA, 1)], FlowState(), NOW)
    assert (batch.waiting, batch.given_up, len(batch.state.room)) == ([], [], 0)
    assert [fault.reason for fault in batch.malformed] == ["no_template"]


def test_one_that_needs_two_templates_waits_on_with_its_first_time() -> None:
    both = v9(flowset(256, basic_record()), flowset(257, bytes(8)))
    first = decode_batch([datagram(both, 1)], FlowState(), NOW)
    second = decode_batch([datagram(TEMPLATE, 2)], first.state, NOW + 5)
    (held,) = second.state.room.held.values()
    assert (held.since, len(held.missing)) == (NOW, 1)
    assert (second.released, second.waiting) == ([], [])


def test_at_the_end_all_is_given_up() -> None:
    both = v9(v9_template(256, BASIC), flowset(256, basic_record()), flowset(257, bytes(8)))
    batch = decode_batch([datagram(both, 1), datagram(v9(flowset(300, bytes(8))), 2)], FlowState(), NOW)
    last = decode_batch([], batch.state, NOW, is_last=True)
    assert (last.table.num_rows, records(last.released)) == (1, [(1, 1)])
    assert [(fault.datagram.record, fault.reason) for fault in last.given_up] == [(2, "no_template")]
    assert len(last.state.room) == 0


def test_configured_rates_are_handed_on() -> None:
    batch = decode_batch([datagram(v5(1), 1)], FlowState(), NOW, {EXPORTER: 9})
    assert batch.table.column("network.bytes").to_pylist() == [9000]
