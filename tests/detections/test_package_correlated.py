"""Alerts of correlations that there would have been equal the definition from the time on that is told."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from core.clock import SECOND, Micros, StillClock, iso
from core.db.database import Database
from detections import package_correlated
from detections.correlate_worker import CorrelationWorker
from detections.package_correlated import Burst, CorrelatedAlerts, CorrelationInputs, alone
from detections.ruleset import RuleSet
from tests.detections.brute_force import fires
from tests.detections.correlation_cases import BASE, Stream, document, random_documents, random_stream
from tests.detections.test_correlate_worker import LATENESS, folder, fresh, hits, put, ruleset, settle

__all__ = ["folder"]

EARLY = BASE - 600 * SECOND
COUNT = document("one", type="event_count", rules=["a"], timespan="10s", group_by=["host"], condition={"gte": 3})


def dated(stream: Stream) -> Stream:
    """Each event with its time and id in it, as the store has it."""
    return [
        ({**event, "@timestamp": iso(time), "event.created": iso(time), "event.id": event_id}, ids, time, event_id)
        for event, ids, time, event_id in stream
    ]


def collected(rules: RuleSet, stream: Stream, cuts: list[Micros], taken: str = "") -> CorrelationInputs:
    """Read from now backwards, in parts that begin at ``cuts``; of the hosts ``taken`` an exception takes each hit."""
    end = max((time for _, _, time, _ in stream), default=BASE) + 1
    inputs = CorrelationInputs(rules.correlations, rules, end)
    for first in cuts:
        for event, ids, time, _ in stream:
            if first <= time < end:
                inputs.add(event, ids, ids if taken and event["host"] == taken else [])
        inputs.keep(first)
        end = first
    return inputs


def told(inputs: CorrelationInputs, database: Database) -> dict[str, CorrelatedAlerts]:
    with database.read() as session:
        return inputs.counted(session, EARLY)


def expected(rules: RuleSet, stream: Stream, found: dict[str, CorrelatedAlerts]) -> dict[str, int]:
    fired = [(rule, at) for rule, _, at in fires(stream, rules.patterns)]
    return {i: sum(rule == i and at >= each.since for rule, at in fired) for i, each in found.items()}


@pytest.mark.parametrize("most", [400_000, 12])
def test_they_equal_the_definition_since_the_time_that_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(package_correlated, "MAX_ITEMS", most)
    random, database, counted, late = Random(5), fresh(folder), 0, 0
    for _ in range(120):
        rules = ruleset(*random_documents(random))
        stream = dated(random_stream(random))
        cuts = sorted((BASE + random.randrange(60) * SECOND for _ in range(random.randint(0, 3))), reverse=True)
        if random.random() < 0.7:
            cuts.append(EARLY - 60 * SECOND)
        quiet = rules.patterns.quiet
        found = {i: each for i, each in told(collected(rules, stream, cuts), database).items() if i not in quiet}
        assert {i: each.more for i, each in found.items()} == expected(rules, stream, found), rules.correlations
        assert not any(each.fewer for each in found.values())
        counted += sum(each.more for each in found.values())
        late += sum(each.since > EARLY for each in found.values())
    assert counted > 40
    assert late > 20


def test_what_there_was_already_is_neither_more_nor_fewer(folder: Path) -> None:
    random, counted = Random(6), 0
    for _ in range(12):
        rules, database = ruleset(*random_documents(random)), fresh(folder)
        stream = dated(random_stream(random))
        clock = StillClock(BASE)
        last = max((hit[2] for hit in stream), default=BASE)
        for hit in stream:
            put(database, rules, [hit], hit[2])
        settle(database, rules, CorrelationWorker(database, rules, clock, "w", lateness=LATENESS), clock, last)
        inputs = collected(rules, stream, [EARLY - 60 * SECOND])
        fired = len(fires(stream, rules.patterns))
        assert sum(each.more + each.fewer for i, each in told(inputs, database).items() if i not in rules.quiet) == 0
        counted += fired
    assert counted > 10


def test_what_an_exception_takes_makes_no_alert_and_takes_none_away(folder: Path) -> None:
    rules, database = ruleset(COUNT), fresh(folder)
    stream = dated([*hits("a", 1, 2, 3, host="h1"), *hits("a", 4, 5, 6, host="h2")])
    one = told(collected(rules, stream, [EARLY - 10 * SECOND], taken="h2"), database)["id-one"]
    assert (one.more, one.fewer) == (1, 0)
    clock = StillClock(BASE)
    put(database, rules, stream, BASE)
    settle(database, rules, CorrelationWorker(database, rules, clock, "w", lateness=LATENESS), clock, BASE + 6 * SECOND)
    one = told(collected(rules, stream, [EARLY - 10 * SECOND], taken="h2"), database)["id-one"]
    assert (one.more, one.fewer) == (0, 0)
    assert told(collected(rules, stream[3:], [EARLY - 10 * SECOND]), database)["id-one"].fewer == 1


def test_replayed_events_are_counted_apart(folder: Path) -> None:
    stream = dated(hits("a", 1, 2, 3))
    stream[2][0]["kydai.replay"] = True
    rules, database = ruleset(COUNT), fresh(folder)
    assert told(collected(rules, stream, [EARLY - 10 * SECOND]), database)["id-one"].more == 1, "with live ones around"
    stream += dated(hits("a", 31, 32, 33))
    assert told(collected(rules, stream, [EARLY - 10 * SECOND]), database)["id-one"].more == 2, "one of either"


def test_of_what_was_not_read_at_all_nothing_is_told(folder: Path) -> None:
    assert told(collected(ruleset(COUNT), dated(hits("a", 1, 2, 3)), []), fresh(folder)) == {}


def test_each_burst_stands_for_one() -> None:
    one, two, three = Burst(5, 1, 9), Burst(15, 11, 19), Burst(25, 18, 30)
    assert list(alone([one, two, three], [Burst(2, 2, 3), Burst(26, 19, 26)])) == [three]
    assert list(alone([one], [two])) == [one]
    assert list(alone([one, two], [])) == [one, two]
