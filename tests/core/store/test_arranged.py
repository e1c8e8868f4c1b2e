"""Rows of groups sorted, cut and with the columns asked for."""

from __future__ import annotations

import pytest

from core.clock import DAY, MINUTE
from core.errors import BadInput
from core.query.pipes import parse_piped
from core.store.arranged import Arranged, arranged
from core.store.contract import GroupRow, Span

SPAN = Span(0, 3 * MINUTE)


Row = tuple[tuple[int | str, ...], tuple[int | float | str | None, ...]]


def made(text: str, *rows: Row, span: Span = SPAN, now: int = 0) -> Arranged:
    return arranged(parse_piped(text, now=0), [GroupRow(*row) for row in rows], span, "UTC", now)


def test_equal_rows_stay_in_the_order_of_their_keys() -> None:
    found = made("* | count by a | sort -count", (("x",), (1,)), (("y",), (3,)), (("z",), (1,)))
    assert found == Arranged(("a", "count"), [("y", 3), ("x", 1), ("z", 1)], 3, [("y",), ("x",), ("z",)])


def test_nothing_comes_last_whichever_way_one_sorts() -> None:
    rows = ((("x",), (None,)), (("y",), (2.5,)), (("z",), (1.0,)))
    assert [r[0] for r in made("* | stats max(b) by a | sort max(b)", *rows).rows] == ["z", "y", "x"]
    assert [r[0] for r in made("* | stats max(b) by a | sort -max(b)", *rows).rows] == ["y", "z", "x"]


def test_a_cut_table_says_how_many_rows_there_are() -> None:
    found = made("* | top 1 a", (("x",), (1,)), (("y",), (3,)))
    assert (found.rows, found.total) == ([("y", 3)], 2)


def test_only_the_columns_asked_for_in_their_order() -> None:
    found = made("* | stats count, max(b) by a | sort count | table max(b), a", (("x",), (2, 9)), (("y",), (1, 8)))
    assert found == Arranged(("max(b)", "a"), [(8, "y"), (9, "x")], 2, [("y",), ("x",)])


def test_a_chart_of_time_has_its_empty_buckets() -> None:
    found = made("* | timechart 1m count, max(b)", ((MINUTE,), (4, 7)))
    assert found.rows == [(0, 0, None), (MINUTE, 4, 7), (2 * MINUTE, 0, None)]


def test_one_by_a_field_has_only_what_there_is() -> None:
    assert made("* | timechart 1m by a", ((MINUTE, "x"), (4,))).rows == [(MINUTE, "x", 4)]


def test_a_chart_without_an_end_goes_on_until_now_and_beyond_for_what_there_is() -> None:
    rows = ((0,), (4,)), ((5 * MINUTE,), (1,))
    found = made("* | timechart 1m", *rows, span=Span(0, None), now=2 * MINUTE)
    assert found.rows == [(0, 4), (MINUTE, 0), (5 * MINUTE, 1)]
    assert len(made("* | timechart 1m", *rows, span=Span(None, None), now=2 * MINUTE).rows) == 2
    later = made("* | timechart 1m", *rows[1:], span=Span(3 * MINUTE, None), now=2 * MINUTE)
    assert later.rows == [(5 * MINUTE, 1)]


@pytest.mark.parametrize("end", [DAY, None])
def test_a_chart_of_too_many_bars_is_refused(end: int | None) -> None:
    with pytest.raises(BadInput, match="10,000"):
        made("* | timechart 1s", span=Span(0, end), now=DAY)


def test_what_is_sorted_and_cut_is_so_in_the_order_of_the_stages() -> None:
    rows = ((("x",), (1,)), (("y",), (3,)), (("z",), (9,)))
    assert made("* | top 2 a | sort a", *rows).rows == [("y", 3), ("z", 9)]
    assert made("* | top 2 a | sort count", *rows).rows == [("y", 3), ("z", 9)]
    assert made("* | top 2 a | limit 3", *rows) == Arranged(("a", "count"), [("z", 9), ("y", 3)], 3, [("z",), ("y",)])
    assert made("* | top 2 a | sort a | limit 1", *rows).rows == [("y", 3)]
