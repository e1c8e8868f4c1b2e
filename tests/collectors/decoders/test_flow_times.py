"""Times since the exporter started, whoever tells when that was."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from collectors.decoders.flow_times import boot_told, since_boot
from collectors.decoders.plan import plan_of
from collectors.decoders.records import cut_records
from collectors.decoders.templates import Field, Template
from core.clock import DAY, SECOND

EXPORTED = 1_764_000_100 * SECOND


def one(*values: int) -> int:
    (found,) = since_boot(*(np.array([value], np.int64) for value in values))
    return int(found)


@pytest.mark.parametrize(
    ("switched", "uptime", "started", "expected"),
    [
        pytest.param(3_599_000, 3_600_000, 0, EXPORTED - SECOND, id="the header tells"),
        pytest.param(0, 3_600_000, 0, 0, id="0 says nothing beside a header"),
        pytest.param(5_000, -1, 0, 0, id="nobody tells"),
        pytest.param(5_000, -1, EXPORTED - 60 * SECOND, EXPORTED - 55 * SECOND, id="element 160 tells"),
        pytest.param(0, -1, EXPORTED - 60 * SECOND, EXPORTED - 60 * SECOND, id="from its start on"),
        pytest.param(3_599_000, 3_600_000, EXPORTED - DAY, EXPORTED - SECOND, id="the header is nearer"),
        pytest.param(
            (60 * 86_400_000 - 1_000) % 2**32, -1, EXPORTED - 60 * DAY, EXPORTED - SECOND, id="the counter wrapped"
        ),
    ],
)
def test_the_time_of_a_switch(switched: int, uptime: int, started: int, expected: int) -> None:
    assert one(switched, uptime, started, EXPORTED) == expected


def test_the_start_that_options_records_tell() -> None:
    plan = plan_of(Template((Field(0, 149, 4), Field(0, 160, 8)), scopes=1))
    told = [struct.pack("!IQ", 7, at // 1000) for at in (EXPORTED - DAY, EXPORTED)]
    assert boot_told(plan, cut_records(plan, memoryview(b"".join(told)))) == EXPORTED, "the last one"
    assert boot_told(plan, cut_records(plan, memoryview(struct.pack("!IQ", 7, 2**63)))) == 0, "no time at all"
    assert boot_told(plan, cut_records(plan, memoryview(b""))) == 0
    other = plan_of(Template((Field(0, 149, 4), Field(0, 34, 4)), scopes=1))
    assert boot_told(other, cut_records(other, memoryview(struct.pack("!II", 7, 100)))) == 0
