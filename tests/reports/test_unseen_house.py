"""What page one reads, it reads of its period."""

from __future__ import annotations

from core.clock import HOUR, MINUTE
from reports.document import said
from reports.gather import Reading, Services
from reports.report import definitions
from reports.unseen_house import from_to, read_house
from tests.reports.conftest import END, START


def test_the_house_of_a_period(house: Services) -> None:
    with house.database.read() as session:
        found = read_house(Reading(house, definitions()["period"], START, END), session)
        before = read_house(Reading(house, definitions()["period"], START - HOUR, START), session)
    assert [row.source for row in found.silences] == ["web01"]
    assert list(before.silences) == []
    assert {view.name for view in found.views} >= {"web01", "rt-xa14"}


def test_a_span_says_how_long_it_was(house: Services) -> None:
    reading = Reading(house, definitions()["period"], START, END)
    told = from_to(reading, "report.unseen.empty", START, START + 50 * MINUTE)
    assert "50 min" in said(told, "en")
