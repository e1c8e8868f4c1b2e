from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors import flow_files
from collectors.flow_events import to_events
from collectors.flow_files import FlowReading, captured_in
from collectors.pcap import Captured, FlowFile
from core.errors import BadInput
from tests.collectors.decoders.craft import BASIC, NOW, SEGMENT, basic_record, flowset, v5, v9, v9_template
from tests.samples import sample


def raw(*data: bytes) -> Iterator[Captured]:
    for one in data:
        yield from FlowFile(io.BytesIO(one), exporter="192.0.2.1")


def test_files_in_order_and_what_never_gets_its_template() -> None:
    waits = v9(flowset(256, basic_record()), sequence=0)
    stray = v9(flowset(999, bytes(20)), sequence=2)
    reading = FlowReading(raw(waits, v9(v9_template(256, BASIC), sequence=1), stray, v5(3), b"\0\x05"), NOW, SEGMENT)
    events = [event for table in reading.tables() for event in to_events(table)]
    assert len(events) == reading.flows == 4
    assert reading.datagrams == 5
    assert [(fault.datagram.record, fault.reason) for fault in reading.malformed] == [
        (4, "short_header"),
        (2, "no_template"),
    ]


def test_long_files_come_in_several_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_files, "BATCH", 2)
    reading = FlowReading(raw(*[v5(1)] * 5), NOW, SEGMENT)
    assert [table.num_rows for table in reading.tables()] == [2, 2, 1]


def test_the_time_of_capture_is_event_created() -> None:
    reading = FlowReading([Captured("192.0.2.1", 1, NOW + 5, v5(1))], NOW, SEGMENT)
    (table,) = reading.tables()
    assert table.column("event.created").to_pylist() == [NOW + 5]


def test_files_are_one_stream_and_faults_have_a_place(tmp_path: Path) -> None:
    data, template, other = tmp_path / "data.dat", tmp_path / "template.dat", tmp_path / "other.log"
    data.write_bytes(v9(flowset(256, basic_record())))
    template.write_bytes(v9(v9_template(256, BASIC)))
    other.write_text("<13>hello")
    reading = FlowReading(captured_in([data, template]), NOW, SEGMENT)
    assert sum(table.num_rows for table in reading.tables()) == 1
    with pytest.raises(BadInput, match=r"other\.log: neither a capture"):
        list(captured_in([data, other]))
    with pytest.raises(BadInput, match=r"missing\.dat: cannot be read: No such file"):
        list(captured_in([tmp_path / "missing.dat"]))


def test_vendor_files_one_by_one() -> None:
    paths: list[Path] = sorted(sample("flows/vendor-datagrams").glob("*.dat"))
    for path in paths:
        reading = FlowReading(raw(path.read_bytes()), NOW, SEGMENT)
        assert sum(table.num_rows for table in reading.tables()) == reading.flows
        assert reading.datagrams == 1
