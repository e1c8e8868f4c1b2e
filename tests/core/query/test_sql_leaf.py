"""Conditions on one value, asked of DuckDB itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.ecs import FieldType
from core.query.sql_leaf import NEVER, Holds, any_leaf, between, compared, join, json_text, text_of
from core.query.tree import Comparison, Equals, Exists, Leaf, Like, Phrase, Range, Wild
from tests.core.query.worlds import connection


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    made = connection()
    yield made
    made.close()


def ask(con: Any, text: str, params: list[object], value: object) -> Any:
    return con.execute(f"SELECT {text} FROM (SELECT ? AS x)", [*params, value]).fetchone()[0]


def test_join() -> None:
    assert join("AND", "TRUE", []) == ("TRUE", [])
    assert join("AND", "TRUE", [("a", [1])]) == ("a", [1])
    assert join("OR", "FALSE", [("a", [1]), ("b", [2])]) == ("(a OR b)", [1, 2])


@pytest.mark.parametrize(
    ("value", "holds", "text"),
    [(443, Holds.LONG, "443"), (1e21, Holds.DOUBLE, "1e21"), (True, Holds.BOOLEAN, "true"), ("x", Holds.TEXT, "x")],
)
def test_json_text(con: Any, value: object, holds: Holds, text: str) -> None:
    assert ask(con, json_text("x", holds), [], value) == text


def test_times_are_shown_in_the_canonical_text(con: Any) -> None:
    shown = ask(con, text_of("x", Holds.LONG, FieldType.DATE), [], 1_764_000_000_123_456)
    assert shown == "2025-11-24T16:00:00.123456Z"


@pytest.mark.parametrize(
    ("comparison", "text"), [(Comparison.EXACT, "Huế"), (Comparison.CI, "huế"), (Comparison.FOLD, "hue")]
)
def test_compared(con: Any, comparison: Comparison, text: str) -> None:
    assert ask(con, compared("x", Holds.TEXT, FieldType.KEYWORD, comparison), [], "Huế") == text


def test_any_leaf(con: Any) -> None:
    leaves: list[Leaf] = [Equals("f", "a"), Like("f", ("b", Wild.MANY)), Phrase("f", "c d"), Range("f", gt=5)]
    text, params = any_leaf(leaves, "x", Holds.TEXT)
    assert [bool(ask(con, text, params, value)) for value in ("A", "bb", "x C d", "6", "e", "5", None)] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip
    assert any_leaf([Exists("f")], "x", Holds.TEXT) == ("x IS NOT NULL", [])
    assert any_leaf([Equals("destination.port", "https")], "x", Holds.LONG) == NEVER


def test_between() -> None:
    assert between("x", (1, 2)) == ("x BETWEEN ? AND ?", [1, 2])
    assert between("x", None) == NEVER
