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
    failing = {"total": 3, "successful": 1, "failed": 2, "failures": [{"reason": {"reason": "no such field"}}]}
    told = Told(_shards=failing, timed_out=True)
    answers = Answers(cast(Read, told), "x")
    answers.ask({})
    told.body = {"_shards": {"total": 3, "successful": 3, "failed": 0}, "timed_out": False}
    answers.ask({})
    assert answers.missing(Span(1, 2)) == [Missing("shards", "2: no such field", 1, 2), Missing("timeout", "", 1, 2)]
    assert Answers(cast(Read, told), "x").missing(Span()) == []


def test_a_shard_that_is_told_of_nowhere_is_missing() -> None:
    told = Told(_shards={"total": 3, "successful": 2, "failed": 0})
    answers = Answers(cast(Read, told), "x")
    answers.ask({})
    assert answers.missing(Span()) == [Missing("shards", "1: ")]


def test_an_older_index_is_missing_where_its_fields_are_asked_for() -> None:
    told = Told(_shards={"total": 1, "successful": 1, "failed": 0})
    answers = Answers(cast(Read, told), "x", {"old": frozenset({"host.name"}), "same": frozenset()})
    answers.ask(asked(Query(Equals("event.dataset", "a"))).body())
    assert answers.missing(Span()) == []
    answers.ask({"aggs": {"hosts": {"terms": {"field": "host.name.lower"}}}})
    assert answers.missing(Span()) == [Missing("mapping", "old")]


def test_indices_are_named_as_they_are_read_and_none_where_one_was_not_asked() -> None:
    whole, part = {"total": 1, "successful": 1}, {"total": 2, "successful": 1}
    told = Told(
        indices=["kydai-a-2026~w48~0123abcd", "kydai-a-2026.w49", "kydai-a-2026.w48", "kydai-b-2026.w49", "other"],
        responses=[
            {"_shards": whole, "hits": {"total": {"value": 7}}},
            {"_shards": whole, "hits": {"total": {"value": 0}}},
            {"_shards": part, "hits": {"total": {"value": 9}}},
            {"error": {"type": "x"}, "status": 503},
        ],
    )
    answers = Answers(cast(Read, told), "x")
    assert answers.indices(Span(1, 2), "kydai") == {"kydai-a-2026.w48": 7, "kydai-b-2026.w49": 1, "other": 1}
    told.body["failed_indices"] = 1
    assert answers.indices(Span(), "kydai") == {}
