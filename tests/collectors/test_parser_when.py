"""Conditions: each kind of test, order of clauses, and that remembering changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.parser_contract import Record
from collectors.parser_when import constants_of, defaults, when_groups
from core.errors import BadConfig

RECORD = Record("", "", None, None, 0, "UTC")


def run(clauses: list[dict[str, Any]], out: dict[str, Any]) -> dict[str, Any]:
    for action in when_groups(clauses):
        assert action(out, RECORD)
    return out


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("Deny", "deny", True), (["a", "b"], "B", True), ("a", "c", False), ("a", None, False), (7, 7, True),
        ("7", 7, True), (True, True, True), ({"exists": True}, "", True), ({"exists": False}, None, True),
        ({"exists": False}, "x", False), ({"starts": "ab"}, "abc", True), ({"starts": ["x", "ab"]}, "abc", True),
        ({"holds": "b"}, "abc", True), ({"holds": "b"}, 7, False), ({"gte": 400, "lt": 500}, 404, True),
        ({"gte": 400}, 399, False), ({"gte": 400}, "x", False), ({"not": "a"}, "b", True), ({"not": "a"}, "a", False),
    ],
)  # fmt: skip
def test_conditions(condition: Any, value: Any, holds: bool) -> None:
    out = run([{"if": {"f.x": condition}, "set": {"event.action": "yes"}}], {} if value is None else {"f.x": value})
    assert ("event.action" in out) is holds


def test_clauses_see_what_earlier_ones_set() -> None:
    clauses = [
        {"if": {"a": "1"}, "set": {"event.action": "first"}},
        {"if": {"event.action": "first"}, "set": {"event.outcome": "success"}},
        {"if": {"event.outcome": "success"}, "copy": {"user.id": "a"}, "move": {"user.name": "a"}},
    ]
    assert run(clauses, {"a": "1"}) == {
        "event.action": "first", "event.outcome": "success", "user.id": "1", "user.name": "1",
    }  # fmt: skip


CLAUSES: list[dict[str, Any]] = [
    {"if": {"a": ["x", "y"], "b": {"exists": True}}, "set": {"event.type": ["start"]}},
    {"if": {"a": "x"}, "set": {"event.outcome": "failure"}},
    {"if": {"c": {"not": "x"}}, "set": {"event.action": "c"}},
    {"if": {"event.action": "c", "b": {"exists": False}}, "copy": {"user.name": "a"}},
]
VALUES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", "X", "", 1, ["x"], None]))


@given(st.lists(VALUES, max_size=12))
def test_remembering_changes_nothing(events: list[dict[str, Any]]) -> None:
    remembered = when_groups(CLAUSES)
    for event in events:
        given_ = {name: value for name, value in event.items() if value is not None}
        fresh = run(CLAUSES, dict(given_))
        for action in remembered:
            action(given_, RECORD)
        assert given_ == fresh


def test_constants_take_the_type_of_their_field() -> None:
    assert dict(constants_of({"event.category": "web", "source.port": "7", "x.y": 7})) == {
        "event.category": ["web"], "source.port": 7, "x.y": "7",
    }  # fmt: skip
    with pytest.raises(BadConfig, match="no value for source"):
        constants_of({"source.port": "many"})


def test_defaults_do_not_overwrite() -> None:
    out: dict[str, Any] = {"event.action": "mine"}
    assert defaults({"event.action": "theirs", "event.module": "m"})(out, RECORD)
    assert out == {"event.action": "mine", "event.module": "m"}
