"""What could not be seen is named, and every number is what its query gives."""

from __future__ import annotations

from dataclasses import dataclass

from core.store.contract import Span
from reports.document import Section, said
from reports.gather import Services, count, sources_section, unseen
from tests.reports.conftest import END, START


def lines(section: Section) -> str:
    return "\n".join(said(line, "en") for line in section.lines)


def test_an_empty_house_says_that_it_has_no_inventory(empty: Services) -> None:
    told = unseen(empty, START, END)
    assert told.is_first_page
    assert "inventory" in lines(told).lower()


def test_silences_and_sources_that_never_sent_are_named(house: Services) -> None:
    told = lines(unseen(house, START, END))
    assert "rt-xa14" in told
    assert "web01" in told
    assert "50 min" in told


@dataclass
class Rule:
    state: str
    missing: tuple[str, ...] = ()


def test_rules_that_cannot_fire_are_counted_with_what_they_lack(house: Services) -> None:
    rules = [Rule("blind", ("sysmon",)), Rule("blind", ("sysmon",)), Rule("unproven"), Rule("able")]
    services = Services(house.database, house.store, house.clock, coverage=lambda: rules)
    told = lines(unseen(services, START, END))
    assert "2 of 4" in told
    assert "sysmon" in told


def test_a_count_is_of_its_query_and_span(house: Services) -> None:
    span = Span(START, END)
    assert count(house, "*", span).count == 12
    found = count(house, "event.outcome: failure", span)
    assert (found.count, found.query, found.shown("en")) == (5, "event.outcome: failure", "5")
    assert count(house, "*", Span(START, START + 1)).count == 0


def test_every_source_stands_with_its_balance(house: Services) -> None:
    table = sources_section(house, START, END).table
    assert table is not None
    assert {row[0] for row in table.rows} >= {"web01", "rt-xa14"}
