"""How reports count, and what their answers say of themselves."""

from __future__ import annotations

import pytest

from core.clock import HOUR, MINUTE, iso
from core.db.models import Heartbeat
from core.query.tree import TRUE, Equals
from core.store.contract import Bucket, Buckets, Missing, Span, Truth
from reports.document import said
from reports.gather import Reading, Services, as_of, names, tabled, title_of, within
from reports.report import definitions
from tests.reports.conftest import END, START


def reading(services: Services) -> Reading:
    return Reading(services, definitions()["period"], START, END)


def test_a_count_is_of_its_query_and_span(house: Services) -> None:
    assert reading(house).count("*")["value"] == 12
    found = reading(house).count("event.outcome: failure")
    ends = f"--from {iso(START)} --to {iso(END)}"
    assert (found["value"], found["rerun"]) == (5, f"kydai search 'event.outcome: failure' --count {ends}")
    assert reading(house).count("*", Span(START, START + 1))["value"] == 0


def test_an_address_is_over_the_time_of_the_report(house: Services) -> None:
    ends = f"from={iso(START)}&to={iso(END)}"
    found = reading(house).address("/alerts", "total", level=("high", "critical"))
    assert found == f"GET /api/v1/alerts?level=high&level=critical&{ends} → total"


def test_what_answers_lack_is_remembered_once(empty: Services) -> None:
    asked = reading(empty)
    lost = Missing("quarantined", "segment 7")
    for _ in range(2):
        asked.note(Truth(complete=False, missing=(lost,)))
    assert [said(text, "en") for text in asked.told_missing()] == [
        "Part of the data is quarantined as damaged segment 7"
    ]
    asked.note(Truth(complete=False))
    assert len(asked.told_missing()) == 2


def test_counts_that_are_the_least_are_said_to_be(house: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Buckets([Bucket("web00", 9)], Truth(exact=False), bound=4)
    monkeypatch.setattr(house.store, "terms", lambda *_, **__: found)
    asked = reading(house)
    assert asked.terms(TRUE, "host.name", 1) == {"web00": 9}
    assert [said(text, "en") for text in asked.told_missing()] == [
        "Counts of values are the least; none is too small by more than 4 (host.name)"
    ]


def test_sources_are_judged_when_we_last_ran(empty: Services) -> None:
    with empty.database.write() as session:
        assert as_of(session, END) == END
        session.add(Heartbeat(name="worker", kind="worker", at=END - HOUR))
    with empty.database.read() as session:
        assert as_of(session, END) == END - HOUR
        assert as_of(session, END - HOUR + MINUTE) == END - HOUR + MINUTE


def test_small_helpers() -> None:
    assert within(TRUE, "a", "b") == Equals("a", "b")
    assert names(["a", "b", "c"], 2) == "a, b (+1)"
    assert said(title_of({"vi": "a"}, "b"), "en") == "b"
    assert title_of(None, "") == "–"
    assert tabled("notes", ("time",), [], (1,)).table is None
