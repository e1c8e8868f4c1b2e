"""Alerts that there would have been, from now backwards, and what is said when time runs out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from core.clock import DAY, HOUR, MINUTE, StillClock, iso
from core.db.database import Database
from core.errors import Unavailable, failure
from core.event import Event
from core.store.contract import Batch, EventStore, Query, Scan, Span
from core.store.segments import SegmentStore
from core.store.telling import Counting
from detections.alerting import RuleHit, fold, save
from detections.explain import explain
from detections.package_outlook import House, Outlook, outlook
from detections.ruleset import RuleSet, RuleSource, load
from tests.core.store.conformance import event
from tests.detections.sigma_samples import rule_id, rule_text

START = 1_795_550_400_000_000
END = START + 3 * DAY + 90 * 60 * 1_000_000
SPAN = Span(START, END)


def rules(folder: Path, name: str) -> RuleSet:
    folder.mkdir()
    (folder / "a.yml").write_text(rule_text(1, f"s: {{eventName: {name}}}\ncondition: s\n", "{product: aws}"))
    return load([RuleSource(folder, "p")])


@pytest.fixture
def before(tmp_path: Path) -> RuleSet:
    return rules(tmp_path / "before", "a")


@pytest.fixture
def after(tmp_path: Path) -> RuleSet:
    return rules(tmp_path / "after", "b")


@pytest.fixture
def house(tmp_path: Path, database: Database, before: RuleSet) -> Iterator[House]:
    """Two events a day, of which the first made an alert by the rule as it was."""
    clock = StillClock(END)
    store = SegmentStore(tmp_path / "store", clock)
    made: list[Event] = []
    for day in range(3):
        for at, name in ((HOUR, "a"), (2 * HOUR, "b")):
            one = event(2 * day + (name == "b"), 0, {"event.module": "aws", "event.dataset": "aws.cloudtrail"})
            made.append(one | {"eventName": name, "host.name": f"h{day}", "@timestamp": iso(START + day * DAY + at)})
    store.append(Batch(made))
    hits = [RuleHit(before.by_id[rule_id(1)], each) for each in made if each["eventName"] == "a"]
    with database.write() as session:
        save(session, fold(hits, explain, before.hash), END)
    yield House(database, store, clock, lambda ruleset, session, now: [])
    store.close()


def told(found: Outlook) -> tuple[int, int]:
    return found.more, found.fewer


def test_all_is_looked_at_when_there_is_time(house: House, before: RuleSet, after: RuleSet) -> None:
    steps: list[Counting] = []
    found = outlook(house, before, after, SPAN, steps.append)
    assert told(found) == (3, 3)
    assert (found.start, found.is_whole, found.is_shortened) == (START, True, False)
    assert [each.done for each in steps] == sorted(each.done for each in steps)
    assert (steps[0].done, steps[-1].percent, steps[-1].found) == (0, 100, 3)
    gone = outlook(house, before, RuleSet(()), SPAN, steps.append)
    assert (told(gone), gone.truth) == ((0, 3), None)


class Dense:
    """A store of which each minute of the past takes a second to read."""

    def __init__(self, store: EventStore, clock: StillClock) -> None:
        self.store, self.clock = store, clock

    def scan(self, query: Query) -> Scan:
        self.clock.advance((query.span.end or 0) // MINUTE - (query.span.start or 0) // MINUTE)
        return self.store.scan(query)


def dense(house: House) -> House:
    clock = StillClock(END)
    return replace(house, clock=clock, store=cast(EventStore, Dense(house.store, clock)))


@pytest.mark.parametrize("seconds", [0.5, 30, 300, 4000])
def test_what_time_runs_out_on_is_the_oldest_and_is_said(
    house: House, before: RuleSet, after: RuleSet, seconds: float
) -> None:
    found = outlook(dense(house), before, after, SPAN, lambda now: None, seconds=seconds)
    assert found.is_shortened and not found.is_whole
    looked = (END - found.start) // MINUTE
    assert max(1, 0.7 * seconds) <= looked <= 1.25 * seconds + 1, "little of the time goes into what is not told"
    later = outlook(house, before, after, Span(found.start, END), lambda now: None)
    assert told(found) == told(later)
    assert told(found) == ((2, 2) if seconds == 4000 else (0, 0))


def test_an_alert_that_began_before_what_was_looked_at_is_neither_more_nor_fewer(
    house: House, before: RuleSet, after: RuleSet
) -> None:
    hour = END - 30 * MINUTE
    made = []
    for number, (minute, name, host) in enumerate([(5, "b", "x"), (25, "b", "x"), (5, "b", "y"), (26, "b", "z")]):
        one = event(90 + number, 0, {"event.module": "aws", "event.dataset": "aws.cloudtrail", "eventName": name})
        made.append(one | {"host.name": host, "@timestamp": iso(hour + minute * MINUTE)})
    house.store.append(Batch(made))
    with house.database.write() as session:
        alerted = [RuleHit(after.by_id[rule_id(1)], each) for each in made if each["host.name"] in ("x", "y")]
        save(session, fold(alerted, explain, after.hash), END)
    found = outlook(dense(house), before, after, SPAN, lambda now: None, seconds=7)
    assert hour + 5 * MINUTE < found.start < hour + 25 * MINUTE
    assert told(found) == (1, 0), "z is new; x goes on; whether y would go was not looked at"


def test_who_follows_can_end_it(house: House, before: RuleSet, after: RuleSet) -> None:
    def leave(now: Counting) -> None:
        raise failure(Unavailable, "api.search_ended")

    with pytest.raises(Unavailable):
        outlook(house, before, after, SPAN, leave)


def test_a_moment_is_an_answer(house: House, before: RuleSet, after: RuleSet) -> None:
    assert told(outlook(house, before, after, Span(START, START), lambda now: None)) == (0, 0)
