from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from core.clock import SECOND, StillClock
from core.event import Event
from core.query.language import parse
from core.query.to_match import compile_match
from core.store import compaction, segments_index, segments_lookup
from core.store.catalog_rows import State
from core.store.contract import Batch, Query, Span
from core.store.segments import SegmentStore
from core.store.segments_engine import Read
from tests.core.store.conformance import START, event

WORDS = ("alpha", "beta", "Gamma", "Huế", "hue", "192.0.2.7", "192.0.2.70", "1.192.0.2.7", "192 0 2 7", "2001:db8::1")
QUERIES = (
    "GAMMA beta", "Huế", "192.0.2.7", "2001:db8::1", "nowhere", "NOT alpha", "alpha OR message: Gamma",
    '"alpha beta"', "NOT alpha.beta", "alpha-beta OR host.name: Huế", "gamma.beta NOT message: w1",
    "host.name: alpha", "source.ip: 192.0.2.7", "al*",
)  # fmt: skip


def made(count: int) -> list[Event]:
    random = Random(7)

    def text(words: int) -> str:
        return " ".join(
            random.choice(WORDS) if random.random() < 0.1 else f"w{random.randrange(9)}" for _ in range(words)
        )

    events = []
    for i in range(count):
        fields: Event = {"message": text(4), "event.original": text(3)}
        if random.random() < 0.1:
            fields["host.name"] = random.choice(WORDS)
        if random.random() < 0.1:
            fields["source.ip"] = random.choice(WORDS)
        if random.random() < 0.05:
            fields["user.name"] = ["alpha", "x"]
        events.append(event(i, random.randrange(3600), fields))
    return events


EVENTS = made(900)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SegmentStore]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "FROM_FILES", 2)
        patch.setattr(segments_index, "MIN_ROWS", 1)
        patch.setattr(segments_index, "SHORT_PAGE", 16)
        opened = SegmentStore(tmp_path_factory.mktemp("store"), StillClock(START), memory_mb=128)
        for start in range(0, 600, 200):
            opened.append(Batch(EVENTS[start : start + 200]))
        opened.compact()
        opened.append(Batch(EVENTS[600:]))  # not compacted: to be scanned
        yield opened
        opened.close()


@pytest.mark.parametrize(("text", "sparse"), [*((text, 1) for text in QUERIES), ("192.0.2.7", 4_096), ("Huế", 4_096)])
def test_answers_are_those_of_the_predicate(
    store: SegmentStore, text: str, sparse: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_lookup, "SPARSE", sparse)
    node = parse(text, now=START, zone="UTC")
    match = compile_match(node)
    right = [e for e in EVENTS if match(e)]
    found = store.search(Query(node), limit=1000)
    assert {str(e["event.id"]): e for e in found.events} == {str(e["event.id"]): e for e in right}
    assert [seconds(e) for e in found.events] == sorted(map(seconds, right), reverse=True)
    assert store.count(Query(node)).count == len(right)
    middle = Span(START + 600 * SECOND, START + 1800 * SECOND)
    assert store.count(Query(node, middle)).count == sum(600 <= seconds(e) < 1800 for e in right)


def test_other_answers_are_made_of_the_same_rows(store: SegmentStore) -> None:
    query = Query(parse("alpha NOT beta", now=START, zone="UTC"))
    right = [e for e in EVENTS if compile_match(query.where)(e)]
    top = {bucket.key: bucket.count for bucket in store.terms(query, "host.name", limit=100).buckets}
    assert top == Counter(e["host.name"] for e in right if "host.name" in e)
    assert sum(map(len, store.scan(query))) == len(right)
    assert sum(bucket.count for bucket in store.histogram(query, 60 * SECOND).buckets) == len(right)


def seconds(event: Event) -> int:
    at = str(event["@timestamp"])
    return int(at[14:16]) * 60 + int(at[17:19])


def test_of_what_the_index_knows_nothing_else_is_read(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def rows(_: Read, sql: str, parameters: object = ()) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return [(0,)]

    monkeypatch.setattr(Read, "rows", rows)
    monkeypatch.setattr(segments_lookup, "SPARSE", 1)
    match = compile_match(parse("beta", now=START, zone="UTC"))
    known = [e for e in EVENTS[:600] if match(e) and not isinstance(e.get("user.name"), list)]
    (fresh,) = (s.name for s in store.catalog.segments(State.LIVE) if s.level == 0)
    # of few a value stands in the document only: these are looked at by their numbers
    assert store.count(Query(parse("beta", now=START, zone="UTC"))).count == len(known)
    assert sorted(fresh in sql for sql in asked) == [False, True]
    assert sorted("file_row_number IN" in sql for sql in asked) == [False, True]


def test_of_rare_rows_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_lookup, "_KEPT", 2)
    monkeypatch.setattr(segments_lookup, "_KEPT_ROWS", 1)
    rare, index = segments_lookup._Rare(), Mock()
    index.numbers.side_effect = lambda word: np.zeros(len(word))
    for file, word in (("a", "."), ("a", "."), ("b", ".."), ("b", ".."), ("a", ""), ("c", "."), ("a", ".")):
        assert len(rare.numbers(index, (file, "sum", word))) == len(word)
    # the second is kept, what is much is not, the third of those kept takes the place of the first
    assert [call.args[0] for call in index.numbers.call_args_list] == [".", "..", "..", "", ".", "."]
