"""Classes of an event's values to hits, and the memo over them."""

from __future__ import annotations

from typing import Any

import pytest

from detections import program as module
from detections.budget import untimed
from detections.conditions import cost_of, trigger
from detections.ir import Expr, Kind, Predicate
from detections.match_index import MatchIndex
from detections.program import Hits, Judge, Program, Reference

PREDICATES = [
    Predicate("a", Kind.EQUALS, "x"),
    Predicate("b", Kind.CONTAINS, "yes"),
    Predicate("a", Kind.FIELD, "b"),
]


def program_of(rules: dict[str, Expr]) -> Program:
    def index(numbers: list[int]) -> MatchIndex:
        asked = {number: PREDICATES[number] for number in numbers}
        return MatchIndex(asked, untimed)

    costs = [cost_of(predicate) for predicate in PREDICATES]
    judges = [Judge(rule, expr, trigger(expr, costs)) for rule, expr in rules.items()]
    return Program(judges, {"a": index([0]), "b": index([1])}, [Reference(2, PREDICATES[2], ("a", "b"))])


def hits_of(program: Program, event: dict[str, Any]) -> Hits:
    plan = program.shapes[tuple(event)].plan
    return program[plan.vector(event) + plan.compared(event)]


def test_hits() -> None:
    program = program_of({"both": ("&", 0, 1), "not": ("!", 0), "same": 2})
    cases: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"a": "x", "b": "yes"}, ("both",)),
        ({"a": "z"}, ("not",)),
        ({"a": ["x", "q"], "b": ["no", "YES"]}, ("both",)),
        ({"a": "no", "b": "NO"}, ("not", "same")),
    ]
    for event, expected in cases:
        assert hits_of(program, event) == expected
    assert len(program) == 3


def test_fields_nobody_asks_for_make_no_difference() -> None:
    program = program_of({"both": ("&", 0, 1), "none": ("!", 0)})
    assert hits_of(program, {"b": "yes", "c": 1, "a": "x"}) == ("both",)
    assert hits_of(program, {"a": "x", "b": "yes"}) == ("both",)
    assert len(program) == 1
    assert hits_of(program, {"a": None, "b": "yes"}) == hits_of(program, {"b": "yes", "c": 1}) == ("none",)


def test_shapes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHAPES", 2)
    program = program_of({"both": ("&", 0, 1), "none": ("!", 0)})
    for made_up in range(9):
        for event, expected in [({"a": "x", "b": "yes"}, ("both",)), ({"b": "yes"}, ("none",)), ({}, ("none",))]:
            assert hits_of(program, {**event, f"c{made_up}": 1}) == expected
            assert len(program.shapes) <= 2
    monkeypatch.setattr(module, "SHAPE_CHARACTERS", 10)
    monkeypatch.setattr(module, "SHAPES", 100)
    program = program_of({"none": ("!", 0)})
    for made_up in range(9):
        assert hits_of(program, {"c" * 6 + str(made_up): 1}) == ("none",)
        assert len(program.shapes) <= 2


def test_the_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 1)
    program = program_of({"both": ("&", 0, 1)})
    for event in [{}, {"a": "x"}, {"a": "x", "b": "yes"}, {"b": "yes"}]:
        assert hits_of(program, event) == (("both",) if len(event) == 2 else ())
        assert len(program) <= 2
