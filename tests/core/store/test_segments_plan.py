from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.event import Event, Value
from core.query.fold import cut
from core.query.language import parse
from core.query.meaning import FREE_ADDRESS, FREE_TEXT
from core.query.to_match import compile_match
from core.query.tree import FALSE, TRUE, And, Comparison, Equals, Like, Node, Not, Or, Phrase, Wild
from core.store.segments_plan import MAX_KEYS, plan_of, rows_of
from core.store.segments_rows import flatten
from core.store.segments_words import word_index
from tests.core.store.conformance import START, event

PIECES = (
    "203", "0", "113", "7", "1", ".", ".", ".", "-", " ", ":", "®", "ế", "\n", "203.0.113.7", "203.0.113.7",
    "10.0.0.1", "1.1.1.1", "1203.0.113.7", "203.0.113.71", "203-0-113-7", "203.0.113.7.9", "1 1 1 1", "Failed",
    "failed", "Huế", "hue", "Hue\u0302\u0301", "đăng", "ß", "İ", "ΣΑΣ", "K", "2001:db8::1", "::ffff:203.0.113.7",
    "x_1", "a" * 70,
    "y" * 7_990, "'", "\\",
)  # fmt: skip
texts = st.builds(str.join, st.sampled_from(["", " "]), st.lists(st.sampled_from(PIECES), max_size=7))
ADDRESSES = ("203.0.113.7", "1.1.1.1", "2001:DB8::1", "::ffff:203.0.113.7", "10.0.0.1", "no address", "203.0.113.7%1")
values: st.SearchStrategy[Value] = st.one_of(texts, st.lists(texts, max_size=2), st.integers(0, 9))
addresses: st.SearchStrategy[Value] = st.one_of(st.sampled_from(ADDRESSES), st.lists(st.sampled_from(ADDRESSES)))
documents = st.lists(
    st.dictionaries(st.sampled_from(FREE_TEXT), values, max_size=3).flatmap(
        lambda found: st.dictionaries(st.sampled_from(FREE_ADDRESS), addresses, max_size=2).map(
            lambda more: found | more
        )
    ),
    min_size=1,
    max_size=12,
)
TYPED = (
    "203.0.113.7", "1.1.1.1", "10.0.0.1", "2001:db8::1", "failed", "Huế", "hue", "x_1", "203", "ß", "đăng", "®", "k",
    '"203 0 113 7"', "203.0.113.0/24", "fail*", "a" * 64, "a" * 70, "message: failed", 'host.name: "x_1 hue"',
    "source.ip: 203.0.113.7", "related.ip: 10.0.0.1", "event.original ~ Huế", "user.name == Failed", "*",
)  # fmt: skip
typed = st.sampled_from(TYPED).map(lambda text: parse(text, now=START, zone="UTC"))


def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, several), st.builds(Or, several))


phrases = st.builds(Phrase, st.sampled_from(FREE_TEXT), texts.map(cut), st.sampled_from(Comparison))
nodes: st.SearchStrategy[Node] = st.recursive(st.one_of(typed, phrases), joined, max_leaves=4)


def index_of(events: list[Event]) -> Callable[[str], Any]:
    pairs = word_index(flatten(events).table)
    words, rows = np.array(pairs["word"].to_pylist(), dtype=object), pairs["row"].to_numpy()
    assert sorted(set(zip(words, rows, strict=True))) == list(zip(words, rows, strict=True))
    return lambda key: np.isin(np.arange(len(events)), rows[words == key])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(found=documents, queries=st.lists(nodes, min_size=1, max_size=8))
def test_what_is_known_is_true(found: list[dict[str, Value]], queries: list[Node]) -> None:
    events = [event(i, i, fields) for i, fields in enumerate(found)]
    has = index_of(events)
    for node in queries:
        plan = plan_of(node)
        if plan is not None:
            sure, may = rows_of(plan, has, len(events))
            match = compile_match(node)
            truth = np.array([match(e) for e in events])
            assert not (sure & ~truth).any(), node
            assert not (truth & ~may).any(), node


@pytest.mark.parametrize(
    ("text", "sure", "may"),
    [
        ("1.1.1.1", [0, 0, 0], [1, 0, 1]),
        ("b", [1, 1, 0], [1, 1, 1]),
        ("a b", [1, 0, 0], [1, 0, 1]),
        ("message: b", [0, 0, 0], [1, 1, 1]),
    ],
)
def test_a_word_over_all_fields_is_known_for_certain(text: str, sure: list[int], may: list[int]) -> None:
    found: list[dict[str, Value]] = [{"message": "a b 1.1.1.12 1-1-1-1"}, {"user.name": "b"}, {"user.name": ["b"]}]
    plan = plan_of(parse(text, now=START, zone="UTC"))
    assert plan is not None
    rows = rows_of(plan, index_of([event(i, i, fields) for i, fields in enumerate(found)]), 3)
    assert [mask.astype(int).tolist() for mask in rows] == [sure, may]


@pytest.mark.parametrize(
    "node",
    [
        TRUE,
        Like("message", (Wild.MANY, "a", Wild.MANY)),
        Or((Phrase("message", "a"), Equals("source.port", 1))),
        Phrase("user.name", "a", Comparison.FOLD),
        Phrase("vendor.text", "a"),
        Equals("host.name", "a"),
        Equals("source.ip", "192.0.2.7"),
        Or(tuple(Phrase("message", f"w{i}") for i in range(MAX_KEYS + 1))),
    ],
)
def test_of_other_queries_nothing_is_known(node: Node) -> None:
    assert plan_of(node) is None


def test_a_word_that_folds_is_not_known_for_certain() -> None:
    plan = plan_of(parse("Huế", now=START, zone="UTC"))
    assert plan is not None
    has = index_of(
        [event(0, 0, {"message": "hue"}), event(1, 1, {"user.name": "hue"}), event(2, 2, {"user.name": "HUẾ"})]
    )
    sure, may = rows_of(plan, has, 3)
    assert not sure.any()
    assert may[[0, 2]].all()


def test_a_part_of_a_conjunction_is_enough() -> None:
    assert plan_of(And((Equals("source.port", 1), Phrase("message", "a")))) is not None
    assert plan_of(FALSE) is None


@pytest.mark.parametrize(
    ("text", "sure"),
    [("2001:db8::1", [0, 0, 1, 0]), ("2001:DB8:0::1", [0, 0, 1, 0]), ("::ffff:192.0.2.7", [0, 0, 0, 0])],
)
def test_an_address_of_version_6_is_looked_up(text: str, sure: list[int]) -> None:
    found: list[dict[str, Value]] = [
        {"message": f"from {text}."}, {"message": "a"}, {"source.ip": "2001:db8:0:0::1"}, {"source.ip": "192.0.2.7"},
    ]  # fmt: skip
    node = parse(f'"{text}"', now=START, zone="UTC")
    plan = plan_of(node)
    assert plan is not None
    events = [event(i, i, fields) for i, fields in enumerate(found)]
    rows = rows_of(plan, index_of(events), len(events))
    assert rows[0].astype(int).tolist() == sure
    assert not (np.array([compile_match(node)(e) for e in events]) & ~rows[1]).any()
    assert not rows[1][1]
