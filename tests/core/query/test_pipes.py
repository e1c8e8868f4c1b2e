"""Stages behind a query: what they read as, and where and why one is refused."""

from __future__ import annotations

import pytest

from core.clock import DAY, MINUTE
from core.query.pipes import TOP, Figure, Grouping, Piped, parse_piped
from core.query.problems import QueryError
from core.query.tree import TRUE, Equals, Or
from tests.core.query.documented import DOCUMENT, stages

a = Equals("a", "1")
COUNT = Figure("count")


def read(text: str) -> Piped:
    return parse_piped(text, now=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", Piped(a)),
        ("a: 1 | count", Piped(a, Grouping())),
        ("| count by b", Piped(TRUE, Grouping(("b",)))),
        ("a: 1 || b: 2 | COUNT BY b, c", Piped(Or((a, Equals("b", "2"))), Grouping(("b", "c")))),
        ("a: 1 |top b", Piped(a, Grouping(("b",)), ((("count", True),), TOP))),
        ("a: 1|2", Piped(Equals("a", "1|2"))),
        ("a: 1 | top 5 b", Piped(a, Grouping(("b",)), ((("count", True),), 5))),
        ("a: 1 | timechart 5m", Piped(a, Grouping((), (COUNT,), 5 * MINUTE))),
        ("a: 1 | timechart 1d by b", Piped(a, Grouping(("b",), (COUNT,), DAY))),
        ("a: 1 | timechart 1w sum(c) by b", Piped(a, Grouping(("b",), (Figure("sum", "c"),), 7 * DAY))),
        ("a: 1 | stats count, avg(c) by b", Piped(a, Grouping(("b",), (COUNT, Figure("avg", "c"))))),
        ("a: 1 | stats max(c)", Piped(a, Grouping((), (Figure("max", "c"),)))),
        ('a: 1 | count by "odd name, really"', Piped(a, Grouping(("odd name, really",)))),
        ("a: 1 | table b, c", Piped(a, fields=("b", "c"))),
        ("a: 1 | sort @timestamp | limit 3", Piped(a, shapes=((("@timestamp", False),), 3))),
        (
            "a: 1 | stats count, avg(c) by b | sort -avg(c), b | limit 7 | table b, avg(c)",
            Piped(
                a, Grouping(("b",), (COUNT, Figure("avg", "c"))), ((("avg(c)", True), ("b", False)), 7), ("b", "avg(c)")
            ),
        ),
        ("a: 1 | timechart 5m | sort -time", Piped(a, Grouping((), (COUNT,), 5 * MINUTE), ((("time", True),),))),
        ("a: 1 | top 5 b | sort b", Piped(a, Grouping(("b",)), ((("count", True),), 5, (("b", False),)))),
    ],
)
def test_stages(text: str, expected: Piped) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("a: 1 |", 6, "timechart"),
        ("a: 1 | fields b", 7, "stages"),
        ("a: 1 | count b", 13, "by was expected"),
        ("a: 1 | count by", 15, "name of a field"),
        ("a: 1 | count by b,", 18, "name of a field"),
        ("a: 1 | count by b*", 16, "name of a field"),
        ("a: 1 | count by b | top c", 20, "first stage"),
        ("a: 1 | limit 5 | count", 17, "first stage"),
        ("a: 1 | timechart by b", 17, "5m"),
        ("a: 1 | timechart 0m", 17, "5m"),
        ("a: 1 | stats median(b)", 13, "min, max"),
        ("a: 1 | stats sum", 16, "parentheses"),
        ("a: 1 | stats sum(b", 18, ") was expected"),
        ("a: 1 | stats sum(source.ip)", 17, "no numbers"),
        ("a: 1 | count by b | sort c", 25, "b, count"),
        ("a: 1 | sort user.name", 12, "@timestamp only"),
        ("a: 1 | limit 3 | sort @timestamp", 17, "before limit"),
        ("a: 1 | top 99999 b", 11, "10,000"),
        ("a: 1 | limit many", 13, "10,000"),
        ("a: 1 | count by b c", 18, "a | or the end"),
        ("a: 1 | count by a, b, c, d, e, f", 32, "at most 5"),
    ],
)
def test_a_wrong_stage_is_refused_with_its_place(text: str, at: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(text)
    assert caught.value.position == at
    assert said in caught.value.message


def test_a_field_that_nothing_has_is_an_error_where_fields_are_known() -> None:
    with pytest.raises(QueryError, match=r"source\.ip"):
        parse_piped("| count by sorce.ip", now=0, known=("a",))


def test_the_documents_examples_are_read_and_are_the_same_in_both_languages() -> None:
    english = stages()
    assert len(english) == 10
    assert english == stages(DOCUMENT.parent / "vi" / DOCUMENT.name)
    for text in english:
        piped = read(text)
        assert piped.grouping or piped.fields


@pytest.mark.parametrize(
    ("text", "limit", "oldest_first"),
    [
        ("a: 1", None, False),
        ("a: 1 | sort @timestamp | limit 9 | limit 3", 3, True),
        ("a: 1 | sort @timestamp | sort -@timestamp", None, False),
    ],
)
def test_how_events_that_are_in_no_group_are_listed(text: str, limit: int | None, oldest_first: bool) -> None:
    piped = read(text)
    assert (piped.limit, piped.oldest_first) == (limit, oldest_first)
