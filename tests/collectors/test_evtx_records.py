"""The records of Windows event logs, as they grow and begin anew."""

from __future__ import annotations

import json

import pytest

from collectors import evtx_records
from core.errors import BadInput
from tests.collectors.evtx_states import chunks, earlier, ring
from tests.samples import sample

LOG = "Privilege Escalation/privesc_unquoted_svc_sysmon_1_11.evtx"


@pytest.fixture(scope="module")
def log() -> bytes:
    return (sample("evtx-attack") / LOG).read_bytes()


def test_a_log_holds_what_it_held_earlier(log: bytes) -> None:
    whole = list(evtx_records.read(log, "x"))
    assert [count for count, _ in whole] == list(range(1, 88))
    for records in (1, 39, 40, 86):
        assert list(evtx_records.read(earlier(log, records), "x")) == whole[:records]


def test_a_full_log_is_read_from_its_oldest_record(log: bytes) -> None:
    used = chunks(log)
    assert len(used) == 3
    turned = ring(log, [used[2], used[0], used[1]], 88)
    assert list(evtx_records.read(turned, "x")) == list(evtx_records.read(log, "x"))


def test_the_number_of_a_record(log: bytes) -> None:
    first = next(evtx_records.read(log, "x"))[1]
    assert evtx_records.number(first) == json.loads(first)["Event"]["System"]["EventRecordID"] > 1
    too_high = b'{"Event": {"System": {"EventRecordID": 18446744073709551615}}}'
    for text in (b"", b"[]", b'{"Event": {"System": {"EventRecordID": "7"}}}', b"\xff", too_high):
        assert evtx_records.number(text) == 0


@pytest.mark.parametrize("size", [7, 4095, 5000, -1])
def test_a_file_that_is_not_whole_is_said(log: bytes, size: int) -> None:
    used = ring(log, chunks(log), 88)
    with pytest.raises(BadInput, match="not a whole EVTX"):
        list(evtx_records.read(used[:size] if size != 5000 else used[:4096] + b"junk", "x"))
