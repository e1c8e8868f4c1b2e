from __future__ import annotations

from typing import Any

import pytest

from core.clock import DAY, HOUR, iso, to_micros
from core.event import Event
from core.query.pipes import Figure, Grouping
from core.query.tree import Equals
from core.store import elastic_ask, elastic_group
from core.store.contract import Batch, Query, Span
from core.store.elastic import ElasticStore
from tests.core.store.conformance import START, event, spool


def test_values_are_counted_exactly_beyond_the_first_lists(shared: ElasticStore, monkeypatch: Any) -> None:
    segment = spool(START, 12)
    here = Equals("kydai.sender_id", "grouped")
    # the most frequent value is in no shard's short list by itself
    made = [
        event(i, 0, {"kydai.sender_id": "grouped", "host.name": name, "kydai.retention": f"c{i % 3}"}, segment=segment)
        for i, name in enumerate([f"h{n}" for n in range(30)] * 3 + ["top"] * 4)
    ]
    shared.append(Batch(made))
    monkeypatch.setattr(elastic_ask, "GROUPS", 4)
    monkeypatch.setattr(elastic_group, "GROUPS", 4)
    found = shared.terms(Query(here), "host.name", limit=3)
    assert [(b.key, b.count) for b in found.buckets] == [("top", 4), ("h0", 3), ("h1", 3)]
    assert (found.other, found.bound, found.truth.exact) == (84, 0, True)
    monkeypatch.setattr(elastic_group, "MAX_GROUPS", 10)
    bounded = shared.terms(Query(here), "host.name", limit=3)
    assert not bounded.truth.exact
    assert bounded.bound > 0


def test_buckets_follow_the_clocks_of_a_zone_that_changes_them(shared: ElasticStore) -> None:
    segment = spool(START, 13)
    here = Equals("kydai.sender_id", "clocks")
    start, end = to_micros("2026-10-24T22:00:00Z"), to_micros("2026-10-26T23:00:00Z")  # Berlin: 25 hours on the 25th
    times = [start, start + 24 * HOUR, start + 25 * HOUR - 1, start + 25 * HOUR, end - 1]
    shared.append(
        Batch(
            [
                event(i, 0, {"@timestamp": iso(at), "kydai.sender_id": "clocks"}, segment=segment)
                for i, at in enumerate(times)
            ]
        )
    )
    for span in (Span(start, end), Span()):
        found = shared.histogram(Query(here, span), DAY, zone="Europe/Berlin")
        assert [(b.key, b.count) for b in found.buckets] == [(start, 3), (start + 25 * HOUR, 2)]
    assert len(shared.histogram(Query(here), HOUR, zone="Europe/Berlin").buckets) == 4


def test_a_group_counts_an_event_once_however_often_a_value_stands_in_it(shared: ElasticStore) -> None:
    segment = spool(START, 15)
    here = Equals("kydai.sender_id", "repeats")
    fields: Event = {
        "kydai.sender_id": "repeats",
        "vendor.list": ["a", "b", "a", None, 3, 3],
        "source.port": ["22", 22, "x"],
    }
    shared.append(Batch([event(1, 0, fields, segment=segment)]))
    assert [(r.keys, r.figures) for r in shared.group(Query(here), Grouping(("vendor.list",))).rows] == [
        (("3",), (1,)), (("a",), (1,)), (("b",), (1,)),
    ]  # fmt: skip
    assert [(b.key, b.count) for b in shared.terms(Query(here), "vendor.list").buckets] == [
        ("3", 1),
        ("a", 1),
        ("b", 1),
    ]
    figures = tuple(Figure(how, name) for name in ("vendor.list", "source.port") for how in ("sum", "avg", "distinct"))
    (row,) = shared.group(Query(here), Grouping((), figures)).rows
    assert row.figures == (6, 3, 3, 44, 22, 2)


def test_more_groups_than_are_given_are_said(shared: ElasticStore, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = spool(START, 16)
    here = Equals("kydai.sender_id", "wide")
    made = [event(i, 0, {"kydai.sender_id": "wide", "vendor.n": i}, segment=segment) for i in range(7)]
    shared.append(Batch(made))
    monkeypatch.setattr(elastic_group, "MAX_GROUPS", 5)
    found = shared.group(Query(here), Grouping(("vendor.n",)))
    assert (len(found.rows), found.truth.exact, found.bound) == (5, False, 7)
    monkeypatch.setattr(elastic_group, "MAX_GROUPS", 7)
    found = shared.group(Query(here), Grouping(("vendor.n",)))
    assert (len(found.rows), found.truth.exact, found.bound) == (7, True, 0)


def test_a_chart_of_days_follows_the_clocks_too(shared: ElasticStore) -> None:
    segment = spool(START, 17)
    here = Equals("kydai.sender_id", "days")
    start = to_micros("2026-10-24T22:00:00Z")
    times = [start, start + 25 * HOUR - 1, start + 25 * HOUR, to_micros("1969-12-31T22:59:59Z")]
    made = [
        event(i, 0, {"kydai.sender_id": "days", "@timestamp": iso(at)}, segment=segment) for i, at in enumerate(times)
    ]
    shared.append(Batch(made))
    found = shared.group(Query(here), Grouping(interval=DAY), zone="Europe/Berlin")
    assert [(r.keys, r.figures) for r in found.rows] == [
        ((to_micros("1969-12-30T23:00:00Z"),), (1,)), ((start,), (2,)), ((start + 25 * HOUR,), (1,)),
    ]  # fmt: skip
