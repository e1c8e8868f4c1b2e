from __future__ import annotations

from typing import Any, cast

from core.query.tree import Equals
from core.store.contract import Missing, Query, Span
from core.store.elastic_ask import Answers, asked
from core.store.elastic_client import Read
from core.store.elastic_fields import TIMESTAMP
from tests.core.store.conformance import START


class Told:
    """A read whose calls answer what they are told to."""

    def __init__(self, **body: Any) -> None:
        self.body = body

    def call(self, _ask: Any) -> Told:
        return self


def test_a_query_asks_for_its_time_its_tree_and_its_scope() -> None:
    one, two = Equals("event.dataset", "a"), Equals("event.dataset", "b")
    filters = asked(Query(one, Span(START, None), scope=two)).filters
    assert filters[0] == {"range": {TIMESTAMP: {"gte": START}}}
    assert len(filters) == 2
    assert asked(Query()).filters == []
    assert "must_not" in asked(Query()).body()["query"]["bool"]
    assert "must_not" not in asked(Query(include_replaced=True)).body()["query"]["bool"]


def test_what_one_answer_lacks_the_whole_read_lacks() -> None:
    failing = {"failed": 2, "failures": [{"reason": {"reason": "no such field"}}]}
    told = Told(_shards=failing, timed_out=True)
    answers = Answers(cast(Read, told), "x")
    answers.ask({})
    told.body = {"_shards": {"failed": 0}, "timed_out": False}
    answers.ask({})
    assert answers.missing(Span(1, 2)) == [Missing("shards", "2: no such field", 1, 2), Missing("timeout", "", 1, 2)]
    assert Answers(cast(Read, told), "x").missing(Span()) == []
