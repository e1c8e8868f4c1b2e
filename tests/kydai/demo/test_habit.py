"""Habits come out in time order."""

from __future__ import annotations

import pytest

from core.clock import HOUR
from kydai.demo.emission import Emission, Given, Transport
from kydai.demo.habit import in_order


def _given(at: int) -> Given:
    return Emission(at, "dc01", Transport.SYSLOG_UDP, "10.20.2.11", str(at).encode())


def test_records_that_reach_ahead_are_sorted_in() -> None:
    found = in_order([(0, [_given(0), _given(90)]), (50, [_given(50)]), (100, [_given(100)])])
    assert [g.at for g in found] == [0, 50, 90, 100]


@pytest.mark.parametrize("wrong", [-1, HOUR + 1], ids=["before", "too late"])
def test_a_record_outside_its_hour_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="is dated"):
        list(in_order([(0, [_given(wrong)])]))
