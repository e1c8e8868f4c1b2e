"""How reports count, and what their answers say of themselves."""

from __future__ import annotations

from core.clock import HOUR, MINUTE
from core.db.models import Heartbeat
from core.query.tree import TRUE, Equals
from core.store.contract import Missing, Span, Truth
from reports.document import said
from reports.gather import Counted, Reading, Services, as_of, figure, joined, names, tabled, when, within
from reports.report import definitions
from tests.reports.conftest import END, START


def reading(services: Services) -> Reading:
    return Reading(services, definitions()["period"], START, END)


def test_a_count_is_of_its_query_and_span(house: Services) -> None:
    assert reading(house).count("*").count == 12
    found = reading(house).count("event.outcome: failure")
    assert (found.count, found.query, found.text["value"]) == (5, "event.outcome: failure", 5)
    assert reading(house).count("*", Span(START, START + 1)).count == 0


def test_a_number_that_is_not_whole_says_so() -> None:
    assert Counted(1234, "*", Truth(complete=False)).text["vi"] == "1.234 (chưa đầy đủ)"
    assert Counted(1234, "*", Truth(exact=False)).text["en"] == "≈ 1,234"


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
    assert said(figure(1234), "vi") == "1.234"
    assert said(joined([{"vi": "một", "en": "one"}, "x"], " "), "vi") == "một x"
    assert when(None, "UTC") == "–"
    assert when(0, "UTC") == {
        "vi": "01/01/1970 00:00:00",
        "en": "1970-01-01 00:00:00",
        "value": "1970-01-01T00:00:00.000000Z",
    }
    assert tabled("notes", ("time",), [], (1,)).table is None
