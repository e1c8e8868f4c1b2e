from __future__ import annotations

import pytest

from core.errors import BadInput
from core.event import EventId
from core.store.admission import event_id, instant, reason_against
from tests.core.store.conformance import START, event, spool


def test_an_id_is_read_into_its_parts() -> None:
    assert event_id(event(7, n=2)) == EventId(spool(), 7, 2)
    with pytest.raises(BadInput):
        event_id({"event.id": f"{spool()}.07.0"})


def test_a_time_is_one_that_can_be_written_again() -> None:
    assert instant("2026-11-25T00:00:00.000000Z") == START
    assert instant("yesterday") is None
    assert instant(None) is None


def test_why_an_event_cannot_be_stored() -> None:
    assert reason_against(event(1)) is None
    assert reason_against(event(1, 0, {"@timestamp": None})) == "no readable @timestamp"
    assert reason_against(event(1, 0, {"a": [1.5, float("inf")]})) == "a is not a number"
    assert reason_against(event(1, 0, {"a": "\ud800"})) is not None
    assert reason_against(event(1, 0, {"a": 2**64})) is not None
