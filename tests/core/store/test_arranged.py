"""Rows of groups sorted, cut and with the columns asked for."""

from __future__ import annotations

from core.clock import MINUTE
from core.query.pipes import parse_piped
from core.store.arranged import Arranged, arranged
from core.store.contract import GroupRow, Span

SPAN = Span(0, 3 * MINUTE)


def made(text: str, *rows: tuple[tuple[int | str, ...], tuple[int | float | str | None, ...]]) -> Arranged:
    return arranged(parse_piped(text, now=0), [GroupRow(*row) for row in rows], SPAN, "UTC", 0)


def test_equal_rows_stay_in_the_order_of_their_keys() -> None:
    found = made("* | count by a | sort -count", (("x",), (1,)), (("y",), (3,)), (("z",), (1,)))
    assert found == Arranged(("a", "count"), [("y", 3), ("x", 1), ("z", 1)], 3)


def test_nothing_comes_last_whichever_way_one_sorts() -> None:
    rows = ((("x",), (None,)), (("y",), (2.5,)), (("z",), (1.0,)))
    assert [r[0] for r in made("* | stats max(b) by a | sort max(b)", *rows).rows] == ["z", "y", "x"]
    assert [r[0] for r in made("* | stats max(b) by a | sort -max(b)", *rows).rows] == ["y", "z", "x"]


def test_a_cut_table_says_how_many_rows_there_are() -> None:
    found = made("* | top 1 a", (("x",), (1,)), (("y",), (3,)))
    assert (found.rows, found.total) == ([("y", 3)], 2)


def test_only_the_columns_asked_for_in_their_order() -> None:
    found = made("* | stats count, max(b) by a | sort count | table max(b), a", (("x",), (2, 9)), (("y",), (1, 8)))
    assert found == Arranged(("max(b)", "a"), [(8, "y"), (9, "x")], 2)


def test_a_chart_of_time_has_its_empty_buckets() -> None:
    found = made("* | timechart 1m count, max(b)", ((MINUTE,), (4, 7)))
    assert found.rows == [(0, 0, None), (MINUTE, 4, 7), (2 * MINUTE, 0, None)]


def test_one_by_a_field_has_only_what_there_is() -> None:
    assert made("* | timechart 1m by a", ((MINUTE, "x"), (4,))).rows == [(MINUTE, "x", 4)]
