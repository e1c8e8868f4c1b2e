"""Errors of a query, as a person sees them."""

from __future__ import annotations

from core.query.problems import QueryError, nearest


def test_a_caret_stands_under_the_place() -> None:
    error = QueryError("unclosed_quote", 'user.name: "root', 11)
    assert error.pretty("en") == 'user.name: "root\n           ^\nThe quote opened here is not closed.'
    assert error.pretty("vi").endswith("Dấu nháy kép mở ở đây chưa được đóng.")
    assert str(error) == "The quote opened here is not closed."


def test_a_long_line_is_shown_around_the_place() -> None:
    lines = QueryError("unexpected", "first\n" + "x" * 500 + ")", 506, found=")").pretty("en").split("\n")
    assert lines[0].endswith(")")
    assert len(lines[0]) <= 100
    assert lines[0][lines[1].index("^")] == ")"


def test_long_values_are_cut() -> None:
    assert len(QueryError("unexpected", "x", 0, found="y" * 500).message) < 150


def test_nearest() -> None:
    assert nearest("sorce.IP", ["source.ip", "destination.ip"])[0] == "source.ip"
    assert nearest("zzzz", ["source.ip"]) == []
