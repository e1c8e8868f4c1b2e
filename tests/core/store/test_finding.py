"""One event by its id: there, not there, or perhaps in what could not be read."""

from __future__ import annotations

import pytest

from core.errors import NotFound, Unavailable
from core.event import Event
from core.store.contract import Missing, Rows, Truth
from core.store.finding import only


def test_an_event_that_is_there_is_given_whatever_else_is_missing() -> None:
    event: Event = {"event.id": "a"}
    assert only(Rows([event], Truth()), "a") is event
    assert only(Rows([event], Truth(complete=False, missing=(Missing("quarantined"),))), "a") is event


def test_an_event_that_is_not_there_is_not_there() -> None:
    with pytest.raises(NotFound, match=r"There is no event a{80}\.$"):
        only(Rows([], Truth()), "a" * 1000)


def test_what_could_not_be_read_is_not_taken_for_no_event() -> None:
    lacking = (Missing("quarantined", "a.parquet"), Missing("quarantined", "b.parquet"), Missing("timeout"))
    with pytest.raises(Unavailable) as failed:
        only(Rows([], Truth(complete=False, missing=lacking)), "a")
    assert failed.value.said["en"] == (
        "Whether there is an event a cannot be told: "
        "Part of the data is quarantined as damaged; The search ran out of time."
    )
    assert failed.value.remedy is not None
    assert failed.value.remedy["en"].count("kydai store verify --mend") == 1
    assert "kydai store verify --mend" in failed.value.remedy["vi"]
