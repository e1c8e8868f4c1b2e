"""A few rows and a count make the same alerts as all the rows that a rule matches."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from collectors.flow_events import to_events
from core.clock import DAY, HOUR, SECOND, Micros, hour_of
from core.event import Event
from detections import flow_hits
from detections.alerting import RuleHit, fold, new_row
from detections.correlation_items import Item, placed
from detections.correlation_rules import Pattern, Type
from detections.first_seen import Memory, New
from detections.flow_hits import first_and_last, telling
from detections.hit_blocks import hit_of
from detections.rule import Rule
from tests.detections.test_alerting import RULE

NOW = hour_of(1_764_000_000 * SECOND)
ROWS = 6_000
SEGMENTS = ["01KB00000000000000000000AC", "01KB00000000000000000000AA", "01KB00000000000000000000AB"]


def explain(rule: Rule, event: Event) -> list[dict[str, Any]]:
    return [{"field": "event.id", "value": event["event.id"], "line": 1}]


def flows(random: Random, users: int, addresses: int) -> Any:
    """Many flows; ids in no order, texts that differ only in what an alert cuts off or lowers."""

    def texts(*choices: str | None) -> Any:
        return pa.array([random.choice(choices) for _ in range(ROWS)], pa.string()).dictionary_encode()

    def numbers(low: int, high: int) -> Any:
        return pa.array([random.randrange(low, high) for _ in range(ROWS)], pa.int64())

    names = [f"{'User' * 80}{n}" for n in range(users // 2)] + [f"{random.choice('uU')}ser{n}" for n in range(users)]
    return pa.table(
        {
            "segment": texts(*SEGMENTS),
            "record": numbers(0, 400),
            "n": pa.array(range(ROWS), pa.int32()),
            "@timestamp": pa.array([NOW + random.randrange(HOUR * 3 // 2) for _ in range(ROWS)], pa.int64()),
            "event.created": numbers(NOW, NOW + HOUR),
            "event.dataset": texts("netflow.flow"),
            "source.ip": texts(*(f"10.0.{n % 7}.{n}" for n in range(addresses)), None),
            "destination.ip": texts(*(f"192.0.2.{n}" for n in range(addresses))),
            "destination.port": pa.array([random.choice((None, *range(90))) for _ in range(ROWS)], pa.int64()),
            "user.target.name": texts(*names, "", None),
            "user.name": texts(*["a"] * 9, "", None),
            "observer.ip": texts("192.0.2.250"),
            "kydai.source": texts(*(f"router{n}" for n in range(addresses))),
            "kydai.system": texts(*["Cổng"] * 9, None),
            "kydai.replay": pa.array([random.choice((True, *[None] * 9)) for _ in range(ROWS)], pa.bool_()),
        }
    )


def rows_of(hits: list[RuleHit]) -> dict[str, Any]:
    found = {}
    for draft in fold(hits, explain, "hash"):
        row = new_row(draft, draft.fold_key, Micros(1))
        found[draft.fold_key] = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return found


@pytest.mark.parametrize(("users", "addresses"), [(2, 2), (100, 100), (101, 22), (240, 250)])
def test_few_rows_make_the_alerts_that_all_make(users: int, addresses: int) -> None:
    random = Random(users)
    table = flows(random, users, addresses)
    rows = np.array(sorted(random.sample(range(ROWS), 5_500)))
    chosen = list(telling(table, rows))
    assert len(chosen) < len(rows) * (0.9 if users > 100 else 0.6)
    events = to_events(table, [row for row, _ in chosen])
    few = [RuleHit(RULE, event, count) for event, (_, count) in zip(events, chosen, strict=True)]
    assert rows_of(few) == rows_of([RuleHit(RULE, event) for event in to_events(table, rows.tolist())])


def test_a_rule_makes_only_so_many_alerts_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    table = flows(Random(1), 2, 2)
    rows = np.arange(ROWS)
    all_of_them = dict(telling(table, rows))
    assert sum(all_of_them.values()) == ROWS
    monkeypatch.setattr(flow_hits, "ALERTS", 3)
    some = dict(telling(table, rows))
    assert some.items() < all_of_them.items()
    assert 0 in some


NEW_PORT = Pattern(
    id="new", type=Type.FIRST_SEEN, turns=("r1",), group_by=("source.ip",), timespan=HOUR // 4, forget=HOUR * 90,
    fields=("destination.port",),
)  # fmt: skip


def items_of(table: Any, rows: list[int], *, with_note: bool = True) -> list[tuple[str, Item]]:
    hits = [hit_of(event, ["r1"], with_note=with_note) for event in to_events(table, rows)]
    return [
        (group[0], Item(hit.time, hit.id, mask, value, hit.received, hit.note))
        for hit in hits
        for group, mask, value in placed(NEW_PORT, hit.event, hit.rules)
    ]


def seen(tables: list[Any], frontier: Micros, *, is_all: bool) -> tuple[int, Any]:
    """How many hits were needed, and all that is known and told in the end."""
    memories: dict[str, Memory] = {}
    new: list[New | None] = []
    taken = 0
    for table in tables:
        rows = np.arange(0, ROWS, 2)
        if is_all:
            items = items_of(table, rows.tolist())
        else:
            first, last = first_and_last(table, rows, ("destination.port", "source.ip", "kydai.nothing"))
            items = items_of(table, first.tolist())
            items += items_of(table, np.setdiff1d(last, first).tolist(), with_note=False)
        taken += len(items)
        for group in sorted({group for group, _ in items}):
            memory = memories.setdefault(group, Memory(NEW_PORT, group=(group,)))
            mine = sorted(item for own, item in items if own == group)
            new += [memory.see(item, frontier) for item in mine if item.time <= frontier]
            memory.pending += [item for item in mine if item.time > frontier]
            new += memory.settle(NOW + HOUR)
    new += [one for memory in memories.values() for one in memory.settle(NOW + DAY)]
    told = [(one.item, one.known, one.since, one.before) for one in new if one is not None]
    return taken, (told, {group: memory.values for group, memory in memories.items()})


@pytest.mark.parametrize("grain", [1, 5 * 60 * SECOND])
@pytest.mark.parametrize("frontier", [0, NOW + HOUR // 2, NOW + 2 * HOUR])
def test_the_first_and_the_last_of_each_value_say_what_all_say(grain: Micros, frontier: Micros) -> None:
    random = Random(frontier + grain)
    tables = [flows(random, 2, 6) for _ in range(2)]
    at = tables[0].column_names.index("@timestamp")
    coarse = [table.column("@timestamp").to_numpy() // grain * grain for table in tables]
    tables = [t.set_column(at, "@timestamp", pa.array(times)) for t, times in zip(tables, coarse, strict=True)]
    (every, expected), (few, found) = (seen(tables, frontier, is_all=is_all) for is_all in (True, False))
    assert few < every * 0.6
    assert found == expected
    assert found[0]
