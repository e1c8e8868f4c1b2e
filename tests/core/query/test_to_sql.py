"""The SQL target: the same rows as the predicate; identifiers and values kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import Node
from tests.core.query.worlds import as_columns, as_documents, connection, events, nodes, sql_answers


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    made = connection()
    yield made
    made.close()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(events, min_size=1, max_size=20), queries=st.lists(nodes, min_size=1, max_size=6))
def test_rows_are_those_of_the_predicate(con: Any, documents: list[Event], queries: list[Node]) -> None:
    wanted = [[match(event) for event in documents] for match in map(compile_match, queries)]
    for relation in (as_documents, as_columns):
        table, schema = relation(documents)
        found = sql_answers(con, table, schema, queries)
        for node, one, other in zip(queries, wanted, found, strict=True):
            assert one == other, (relation.__name__, node)
