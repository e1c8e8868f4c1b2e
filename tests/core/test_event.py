"""Event ids carry where and when an event came in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.event import EventId, is_ulid, new_ulid, parse_event_id, ulid_time


@given(st.integers(min_value=0, max_value=(1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_a_ulid_carries_its_millisecond_and_sorts_by_it(ms: int, randomness: bytes) -> None:
    ulid = new_ulid(ms * 1000 + 999, lambda n: randomness)
    assert is_ulid(ulid)
    assert ulid_time(ulid) == ms * 1000
    if ms:
        assert new_ulid((ms - 1) * 1000, lambda n: b"\xff" * n) < ulid


def test_ids_read_back() -> None:
    event_id = EventId(new_ulid(1_764_000_000_000_000), 17, 2)
    assert parse_event_id(str(event_id)) == event_id
    assert event_id.received_at == 1_764_000_000_000_000


@pytest.mark.parametrize(
    "text",
    ["", "x.1.2", "01M886PR2G1KTC05G41979E6AJ.1", "01M886PR2G1KTC05G41979E6AJ.-1.0", "81M886PR2G1KTC05G41979E6AJ.1.0"],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not an event id"):
        parse_event_id(text)
