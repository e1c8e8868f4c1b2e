"""The evaluator equals the definition, written plainly."""

from __future__ import annotations

from random import Random

import pytest

from core.clock import SECOND
from detections.correlation import (
    Hit,
    Scan,
    absences,
    match_all,
)
from detections.correlation_items import Item, placed, unique
from detections.correlation_rules import PatternSet
from tests.detections.brute_force import fires
from tests.detections.correlation_cases import BASE, Stream, document, pattern_set, random_documents, random_stream


def found(stream: Stream, patterns: PatternSet) -> set[tuple[str, tuple[str, ...], int]]:
    hits = [Hit(event, rules, time, event_id) for event, rules, time, event_id in stream]
    return {(each.pattern.id, each.group, each.time) for each in match_all(hits, patterns)}


@pytest.mark.parametrize("seed", range(40))
def test_equals_brute_force_on_random_streams_in_any_order(seed: int) -> None:
    random = Random(seed)
    fired = 0
    for _ in range(40):
        patterns = pattern_set(*random_documents(random))
        stream = random_stream(random, length=24)
        wanted = fires(stream, patterns)
        assert found(stream, patterns) == wanted, patterns.patterns
        random.shuffle(stream)
        assert found(stream, patterns) == wanted
        fired += len(wanted)
    assert fired > 20


def at(*seconds: float) -> list[int]:
    return [BASE + round(second * SECOND) for second in seconds]


def stream_of(*parts: tuple[str, float]) -> Stream:
    return [
        ({"host": "h1", "ip": "192.0.2.1"}, [f"id-{name}"], at(second)[0], f"e{number}")
        for number, (name, second) in enumerate(parts)
    ]


def test_a_burst_fires_once_and_again_after_it_lapsed() -> None:
    patterns = pattern_set(
        document("burst", type="event_count", rules=["a"], group_by=["host"], timespan="10s", condition={"gte": 3})
    )
    stream = stream_of(*(("a", second) for second in (0, 1, 2, 3, 4, 40, 41, 42)))
    assert [instant for _, _, instant in sorted(found(stream, patterns))] == at(2, 42)
    hits = [Hit(event, rules, time, event_id) for event, rules, time, event_id in stream]
    assert match_all(hits, patterns)[0].ids == ("e0", "e1", "e2")


def test_the_window_is_closed_at_both_ends() -> None:
    patterns = pattern_set(
        document("pair", type="event_count", rules="a", group_by=["host"], timespan="10s", condition={"gte": 2})
    )
    assert found(stream_of(("a", 0), ("a", 10)), patterns)
    assert not found(stream_of(("a", 0), ("a", 10.000001)), patterns)


def test_guessing_then_success_reads_another_correlation_and_carries_its_events() -> None:
    patterns = pattern_set(
        document("guessing", type="event_count", rules=["a"], group_by=["ip"], timespan="60s", condition={"gte": 3}),
        document("entered", type="temporal_ordered", rules=["guessing", "b"], group_by=["ip"], timespan="60s"),
    )
    assert patterns.quiet == {"id-a", "id-b", "id-guessing"}
    stream = stream_of(("b", 0), ("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 5), ("b", 6))
    hits = [Hit(event, rules, time, event_id) for event, rules, time, event_id in stream]
    (entered,) = match_all(hits, patterns)
    assert (entered.pattern.id, entered.time) == ("id-entered", at(5)[0])
    assert entered.ids == ("e0", "e1", "e2", "e3", "e4", "e5")
    assert not found(stream_of(("b", 0), ("a", 1), ("a", 2), ("a", 3)), patterns)


def test_ordered_needs_different_events_and_takes_ties_in_any_order() -> None:
    patterns = pattern_set(document("turns", type="temporal_ordered", rules=["a", "b", "a"], timespan="10s"))
    assert not found(stream_of(("a", 0), ("b", 1)), patterns)
    assert found(stream_of(("a", 0), ("b", 1), ("a", 1)), patterns)
    assert found(stream_of(("b", 1), ("a", 1), ("a", 1)), patterns)
    both: Stream = [({}, ["id-a", "id-b"], at(1)[0], "e1"), ({}, ["id-a"], at(1)[0], "e2")]
    assert not found(both, patterns)


def test_aliases_name_the_field_of_each_rule() -> None:
    patterns = pattern_set(
        document(
            "alias",
            type="temporal",
            rules=["a", "b"],
            group_by=["address"],
            aliases={"address": {"a": "source.ip", "b": "client.ip"}},
            timespan="10s",
        )
    )
    one = ({"source.ip": "192.0.2.1", "client.ip": "192.0.2.9"}, ["id-a"], at(0)[0], "e1")
    two = ({"client.ip": "192.0.2.1"}, ["id-b"], at(1)[0], "e2")
    assert found([one, two], patterns) == {("id-alias", ("192.0.2.1",), at(1)[0])}


def test_absence_falls_due_by_the_end_of_the_input_only() -> None:
    patterns = pattern_set(
        document("silent", type="event_count", rules="a", group_by=["host"], timespan="10s", condition={"lt": 1})
    )
    stream = stream_of(("a", 0), ("a", 5), ("a", 30), ("a", 38), ("b", 45))
    assert [instant for _, _, instant in found(stream, patterns)] == at(15)
    hits = [Hit(event, rules, time, event_id) for event, rules, time, event_id in stream]
    assert [each.time for each in match_all(hits, patterns, end=at(48)[0])] == at(15, 48)
    assert absences(patterns.patterns[0], at(0, 10), at(99)[0]) == at(20)


def test_pushing_an_instant_in_parts_says_the_same_as_at_once() -> None:
    random = Random(5)
    for _ in range(200):
        pattern = pattern_set(*random_documents(random)).patterns[0]
        if pattern.is_absence:
            continue
        items = unique(
            Item(time, event_id, mask, value)
            for event, rules, time, event_id in random_stream(random)
            for _, mask, value in placed(pattern, event, rules)
        )
        whole, parts = Scan(pattern), Scan(pattern)
        whole.push(items)
        while items:
            size = random.randint(1, 4)
            parts.push(items[:size])
            items = items[size:]
        assert (whole.holding, whole.firing) == (parts.holding, parts.firing)
