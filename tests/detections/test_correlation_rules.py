"""Correlation documents: what is read, and what is refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import SECOND
from detections.correlation_rules import Bound, Type, resolve
from detections.ir import neg
from tests.detections.correlation_cases import document, pattern_set, rule

COUNT: dict[str, Any] = {"type": "event_count", "rules": ["a"], "timespan": "5m", "condition": {"gte": 3, "lte": 9}}


def test_a_count_with_two_operators() -> None:
    (pattern,) = pattern_set(document("x", **COUNT)).patterns
    assert (pattern.type, pattern.turns, pattern.timespan) == (Type.EVENT_COUNT, ("id-a",), 300 * SECOND)
    assert set(pattern.bounds) == {Bound("gte", 3), Bound("lte", 9)}
    assert not pattern.is_monotone
    assert not pattern.is_absence


def test_texts_of_both_languages() -> None:
    own = {"title": {"vi": "Dò mật khẩu", "en": "Guessing"}, "reason": {"vi": "…", "en": "…"}}
    written = document("x", **COUNT)
    written = type(written)(
        **{f: getattr(written, f) for f in written.__slots__}
        | {"document": dict(written.document) | {"kydai": own, "tags": ["attack.t1110"]}}
    )
    (pattern,) = pattern_set(written).patterns
    assert pattern.title == own["title"]
    assert pattern.tags == ("attack.t1110",)


def test_what_more_events_cannot_undo_is_monotone() -> None:
    def monotone(**body: Any) -> bool:
        return pattern_set(document("x", timespan="1m", **body)).patterns[0].is_monotone

    assert monotone(type="event_count", rules=["a"], condition={"gt": 3})
    assert monotone(type="value_count", rules=["a"], condition={"gte": 3, "field": "f"})
    assert monotone(type="temporal", rules=["a", "b"])
    assert monotone(type="temporal", condition="a or (b and c)")
    assert monotone(type="temporal_ordered", rules=["a", "b", "a"])
    assert not monotone(type="temporal", condition="a and not b")
    assert not monotone(type="value_count", rules=["a"], condition={"eq": 3, "field": "f"})
    assert not monotone(type="value_sum", rules=["a"], condition={"gte": 3, "field": "f"})


def test_an_expression_over_names_gives_the_rules() -> None:
    (pattern,) = pattern_set(document("x", type="temporal", timespan="1m", condition="a AND NOT (b or c)")).patterns
    assert pattern.turns == ("id-a", "id-b", "id-c")
    assert pattern.expression == ("&", 0, neg(("|", 1, 2)))
    for condition in ("c and a", "c and a and c", "a"):
        (ordered,) = pattern_set(document("x", type="temporal_ordered", timespan="1m", condition=condition)).patterns
        assert ordered.turns == tuple(f"id-{name}" for name in condition.split(" and "))


def test_generate_keeps_base_rules_loud() -> None:
    quiet = document("x", **COUNT)
    loud = document("y", generate=True, **COUNT)
    assert resolve([rule("a")], [quiet]).quiet == {"id-a"}
    assert resolve([rule("a")], [quiet, loud]).quiet == frozenset()


def test_chains_have_depths_and_circles_are_refused() -> None:
    one = document("one", **COUNT)
    two = document("two", type="temporal", rules=["one", "b"], timespan="1m")
    found = pattern_set(two, one)
    assert {pattern.name: pattern.depth for pattern in found.patterns} == {"one": 1, "two": 2}
    assert found.deepest == 2
    left = document("left", type="temporal", rules=["right"], timespan="1m")
    right = document("right", type="temporal", rules=["left"], timespan="1m")
    circle = resolve([rule("a")], [left, right, one])
    assert [pattern.name for pattern in circle.patterns] == ["one"]
    assert len(circle.errors) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "nonsense"}, "not known"),
        ({"rules": ["nobody"]}, "nobody"),
        ({"rules": []}, "names no rule"),
        ({"timespan": "5x"}, "timespan"),
        ({"timespan": "0m"}, "timespan"),
        ({"condition": {"gte": "many"}}, "no number"),
        ({"condition": {"gte": float("inf")}}, "finite"),
        ({"condition": {}}, "no operator"),
        ({"condition": {"above": 3}}, "above"),
        ({"condition": None}, "operator"),
        ({"type": "value_count"}, "field"),
        ({"type": "value_avg", "condition": {"gte": 1, "field": ["a", "b"]}}, "one field"),
        ({"type": "value_percentile", "condition": {"gte": 1, "field": "a", "percentile": 101}}, "percentile"),
        ({"type": "temporal", "condition": "a and"}, "early"),
        ({"type": "temporal", "condition": "(a"}, "bracket"),
        ({"type": "temporal", "condition": "a b"}, "understood"),
        ({"type": "temporal", "rules": ["a", "b"], "condition": "a"}, "does not name"),
        ({"type": "temporal", "condition": "not " * 40 + "a"}, "nested"),
        ({"type": "temporal_ordered", "condition": "a or b"}, "joined by"),
        ({"type": "temporal_ordered"}, "no number"),
        ({"group_by": {"x": 1}}, "group-by"),
        ({"aliases": ["x"]}, "aliases"),
        ({"generate": "yes"}, "generate"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], reason: str) -> None:
    found = resolve([rule("a"), rule("b")], [document("x", **COUNT | change)])
    assert not found.patterns
    assert reason in found.errors[0].reason
    assert found.errors[0].file == "x.yml"
