"""Beacons are found in the store, each hour once whatever dies, and the alert's question finds them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, StillClock, hour_of, iso
from core.db.models import Alert, Outbox
from core.event import Event
from core.query.language import parse
from core.store.contract import Batch, EventStore, Missing, Query, Span, Truth
from core.store.segments import SegmentStore
from detections.beacon import LATE, beacon_of
from detections.beacon_marks import marked
from detections.correlation_items import Group, Item, placed
from detections.correlation_rules import Pattern
from detections.hit_blocks import hit_of
from detections.rule import Mode
from detections.ruleset import RuleSet, load, own_sources
from kydai import beaconing
from kydai.cli.output import Output
from kydai.context import Context
from tests.core.store.conformance import START, event
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.services.elasticsearch import Node

BEGIN = hour_of(START)
STEADY, SHAKEN = ("10.1.1.1", "203.0.113.7", "443"), ("10.1.1.2", "203.0.113.8", "8443")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load(own_sources())


@pytest.fixture(scope="module")
def pattern(rules: RuleSet) -> Pattern:
    (found,) = beaconing.enabled(rules)
    return found


def flow(number: int, at: Micros, group: Group, port: int, **more: Any) -> Event:
    source, target, service = group
    return event(
        number,
        0,
        {
            "@timestamp": iso(BEGIN + at),
            "event.created": iso(BEGIN + at + MINUTE),
            "event.dataset": "netflow.flow",
            "event.module": "netflow",
            "network.transport": "tcp",
            "source.ip": source,
            "source.port": port,
            "destination.ip": target,
            "destination.port": int(service),
            "network.bytes": 900,
            **more,
        },
    )


def traffic(hours: int, seed: int = 1) -> list[Event]:
    """Two beacons, one of them through a proxy of ours inside, a replayed one, and people who browse."""
    random = Random(seed)
    made: list[tuple[Micros, Group, dict[str, Any]]] = []
    for at in range(0, hours * HOUR, 10 * MINUTE):
        made.append((at, STEADY, {}))
        made.append((at, ("10.1.1.9", "10.2.2.2", "443"), {}))
        made.append((at, ("10.1.1.8", "203.0.113.9", "443"), {"kydai.replay": True}))
    at = 0
    while at < hours * HOUR:
        made.append((at, SHAKEN, {}))
        at += round(15 * MINUTE * random.uniform(0.8, 1))
    for person in range(20):
        for _ in range(10 * hours):
            target = f"198.51.100.{random.randrange(4)}"
            made.append((random.randrange(hours * HOUR), (f"10.3.0.{person}", target, "443"), {}))
    made.sort(key=lambda each: each[0])
    return [flow(n, at, group, 20_000 + n % 40_000, **more) for n, (at, group, more) in enumerate(made)]


def by_definition(pattern: Pattern, events: Sequence[Event], end: Micros) -> set[Group]:
    groups: dict[Group, list[Any]] = {}
    for each in events:
        inside = iso(end - pattern.timespan) <= str(each["@timestamp"]) < iso(end)
        is_out = not str(each["destination.ip"]).startswith("10.") and not each.get("kydai.replay")
        if inside and is_out:
            hit = hit_of(each, pattern.references)
            for group, mask, value in placed(pattern, each, pattern.references):
                item = Item(hit.time, hit.id, mask, value)
                groups.setdefault(group, []).append(item)
    return {group for group, items in groups.items() if beacon_of(pattern, group, items)}


@pytest.fixture
def node_store(elastic: Node) -> Iterator[EventStore]:
    prefix = new_prefix()
    store = open_store(elastic.url, prefix)
    yield store
    store.close()
    remove(elastic.url, prefix)


def finds(store: EventStore, rules: RuleSet, pattern: Pattern, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beaconing, "AT_ONCE", 3)
    events = traffic(26)
    store.append(Batch(events))
    for hours in (5, 12, 26):
        end = BEGIN + hours * HOUR
        answer = beaconing.find(store, StillClock(end), rules, pattern, end)
        found = {beacon.group for beacon in answer.found}
        assert found == by_definition(pattern, events, end)
        assert (STEADY in found, SHAKEN in found) == (hours > 6, hours > 6)
        assert answer.truth.complete and not answer.left_out


def test_what_is_found_in_segments(
    tmp_path: Path, rules: RuleSet, pattern: Pattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SegmentStore(tmp_path, StillClock(START), memory_mb=256)) as store:
        finds(store, rules, pattern, monkeypatch)


def test_what_is_found_in_elasticsearch(
    node_store: EventStore, rules: RuleSet, pattern: Pattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(node_store, rules, pattern, monkeypatch)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with closing(Context(tmp_path, None, Output(True, "en"))) as made:
        made.clock = StillClock(BEGIN + 8 * HOUR + LATE)
        yield made


def alerts(context: Context) -> list[Alert]:
    with context.database.read() as session:
        return list(session.scalars(select(Alert).order_by(Alert.host, Alert.id)))


def test_an_hour_is_done_once_and_the_row_goes_on(context: Context, pattern: Pattern) -> None:
    context.store.append(Batch(traffic(12)))
    assert beaconing.work(context) == 1
    first = {row.summary["group"]["source.ip"]: row for row in alerts(context)}
    assert set(first) == {STEADY[0], SHAKEN[0]}
    assert beaconing.work(context) == 0
    clock = context.clock
    assert isinstance(clock, StillClock)
    clock.at += 3 * HOUR
    assert beaconing.work(context) == 3
    again = {row.summary["group"]["source.ip"]: row for row in alerts(context)}
    assert {key: row.id for key, row in again.items()} == {key: row.id for key, row in first.items()}
    row = again[STEADY[0]]
    assert row.level == "medium" and row.kind == "correlation" and row.is_final
    told = row.summary
    assert (told["connections"], told["interval"], told["regular"], told["spread"]) == (66, 10 * MINUTE, 1.0, 0.0)
    assert (told["bytes"], told["alike"], told["complete"]) == (900, 1.0, True)
    assert row.count == len(row.event_ids) == 66
    assert {m["field"]: m["value"] for m in row.matched} == dict(zip(pattern.group_by, STEADY, strict=True))
    # what the alert asked can be asked again
    query = Query(parse(told["query"], now=0), Span(told["start"], told["end"]))
    assert context.store.count(query).count == 66
    with context.database.read() as session:
        assert session.scalars(select(Outbox).where(Outbox.kind == "group")).all()


def test_a_kill_before_the_commit_and_a_second_worker_change_nothing(
    context: Context, rules: RuleSet, pattern: Pattern
) -> None:
    context.store.append(Batch(traffic(10)))
    end = BEGIN + 8 * HOUR
    answer = beaconing.find(context.store, context.clock, rules, pattern, end)
    for _ in range(2):
        with context.database.write() as session:
            beaconing.save(session, rules, pattern, end, answer, end)
            session.rollback()  # killed
    assert alerts(context) == []
    with context.database.write() as session:
        assert beaconing.save(session, rules, pattern, end, answer, end)
    with context.database.write() as session:
        assert not beaconing.save(session, rules, pattern, end, answer, end)
    assert len(alerts(context)) == 2


def test_a_beacon_that_ended_and_begins_again_is_told_again(context: Context, rules: RuleSet, pattern: Pattern) -> None:
    context.store.append(Batch(traffic(10)))
    end = BEGIN + 10 * HOUR
    answer = beaconing.find(context.store, context.clock, rules, pattern, end)
    later = replace(
        answer,
        found=[
            replace(beacon, connections=tuple(c._replace(time=c.time + 9 * DAY) for c in beacon.connections))
            for beacon in answer.found
        ],
    )
    for hour, given in ((0, answer), (1, answer), (48, beaconing.Answer()), (216, later)):
        with context.database.write() as session:
            beaconing.save(session, rules, pattern, end + hour * HOUR, given, end)
    assert len(alerts(context)) == 4


def test_what_was_not_looked_at_is_counted_and_what_lacks_is_said(
    context: Context, rules: RuleSet, pattern: Pattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.store.append(Batch(traffic(10)))
    end = BEGIN + 10 * HOUR
    monkeypatch.setattr(beaconing, "MAX_RECORDS", 50)
    answer = beaconing.find(context.store, context.clock, rules, pattern, end)
    assert answer.left_out > 0
    broken = replace(answer, truth=Truth(complete=False, missing=(Missing("unreadable"),)))
    with context.database.write() as session:
        beaconing.save(session, rules, pattern, end, broken, end)
    with context.database.read() as session:
        mark = marked(session, pattern.id)
    assert mark is not None
    assert (mark.done, mark.left_out, mark.is_whole) == (end, answer.left_out, False)
    assert all(row.summary["complete"] is False for row in alerts(context))


def test_hours_are_due_one_after_the_other(context: Context, rules: RuleSet, pattern: Pattern) -> None:
    def due(now: Micros) -> Micros | None:
        with context.database.read() as session:
            return beaconing.next_hour(session, pattern, now)

    assert due(BEGIN + LATE) == BEGIN
    assert due(BEGIN + LATE - SECOND) == BEGIN - HOUR
    with context.database.write() as session:
        beaconing.save(session, rules, pattern, BEGIN, beaconing.Answer(), BEGIN)
    assert due(BEGIN + HOUR) is None
    assert due(BEGIN + HOUR + LATE) == BEGIN + HOUR
    assert due(BEGIN + 50 * HOUR) == BEGIN + HOUR, "no hour is left out after a pause"


def test_a_rule_that_is_off_is_not_asked_and_one_that_records_makes_no_row(
    context: Context, rules: RuleSet, pattern: Pattern
) -> None:
    assert beaconing.enabled(replace(rules, modes={pattern.id: Mode.DISABLED})) == []
    context.store.append(Batch(traffic(10)))
    end = BEGIN + 10 * HOUR
    answer = beaconing.find(context.store, context.clock, rules, pattern, end)
    assert answer.found
    with context.database.write() as session:
        beaconing.save(session, replace(rules, modes={pattern.id: Mode.RECORD}), pattern, end, answer, end)
    assert alerts(context) == []
