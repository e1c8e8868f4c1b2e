"""The SQL target: the same rows as the predicate; identifiers and values kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import iso
from core.errors import BadInput
from core.event import Event, Value
from core.query.language import parse
from core.query.meaning import FREE_TEXT
from core.query.to_match import compile_match
from core.query.to_sql import ColumnKind, Schema, compile_sql, quote
from core.query.tree import FALSE, TRUE, And, Cidr, Comparison, Equals, Exists, Like, Node, Not, Or, Wild
from tests.core.query.worlds import as_columns, as_documents, connection, events, nodes, sql_answers


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    made = connection()
    yield made
    made.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents=st.lists(events, min_size=1, max_size=20), queries=st.lists(nodes, min_size=1, max_size=6))
def test_rows_are_those_of_the_predicate(con: Any, documents: list[Event], queries: list[Node]) -> None:
    wanted = [[match(event) for event in documents] for match in map(compile_match, queries)]
    for relation in (as_documents, as_columns):
        table, schema = relation(documents)
        found = sql_answers(con, table, schema, queries)
        for node, one, other in zip(queries, wanted, found, strict=True):
            assert one == other, (relation.__name__, node)


V, B = ColumnKind.VARCHAR, ColumnKind.BIGINT
EVENTS = Schema(
    {"user.name": V, "source.ip": V, "source.ip#ip": V, "ts": B, "segment": V, "record": B, "n": B, "doc": V}
)
FLOWS = Schema({"source.ip": V, "source.ip#v4": B, "destination.port": B, "ts": B})
HOSTILE = "x\"'); DROP TABLE t; --"


def test_values_and_names_never_become_sql(con: Any) -> None:
    table, schema = as_documents([{HOSTILE: HOSTILE, "@timestamp": "x", "event.id": "y"}])
    node = Or((Equals(HOSTILE, HOSTILE, Comparison.EXACT), Like(HOSTILE, (HOSTILE, Wild.MANY))))
    text, params = compile_sql(node, schema)
    assert "DROP" not in text
    assert HOSTILE in params
    assert sql_answers(con, table, schema, [node]) == [[True]]


def test_quote() -> None:
    assert quote('we"ird') == '"we""ird"'
    with pytest.raises(BadInput):
        quote("a\0b")


def test_hostile_names_of_columns(con: Any) -> None:
    table, schema = pa.table({HOSTILE: ["a", "b"]}), Schema({HOSTILE: V})
    assert sql_answers(con, table, schema, [Equals(HOSTILE, "b")]) == [[False, True]]


def test_equalities_become_in_and_patterns_one_expression() -> None:
    equal = Or(tuple(Equals("user.name", name) for name in "abc"))
    assert compile_sql(equal, EVENTS) == ('lower("user.name") IN (?, ?, ?)', ["a", "b", "c"])
    like = Or((Like("user.name", ("a.", Wild.MANY)), Like("user.name", (Wild.MANY, "b"))))
    sql, regexes = '("user.name" IS NOT NULL AND regexp_matches("user.name", ?))', ["(?s:[bB]\\z|\\A[aA]\\x{2e})"]
    assert compile_sql(like, EVENTS) == (sql, regexes)
    addresses = Or((Equals("source.ip", "10.0.0.1"), Equals("source.ip", "10.0.0.2")))
    assert compile_sql(addresses, EVENTS)[0] == '"source.ip#ip" IN (?, ?)'


def test_thousands_of_patterns_are_cut_into_several_expressions() -> None:
    text, params = compile_sql(Or(tuple(Like("user.name", (f"name{i}", Wild.MANY)) for i in range(2000))), EVENTS)
    assert text.count("regexp_matches") == len(params) < 20


def test_many_addresses_anywhere_are_planned_as_quickly_as_a_few() -> None:
    free = dict.fromkeys(FREE_TEXT, V)

    def conditions(count: int, schema: Schema) -> int:
        node = parse(" OR ".join(f"198.51.100.{i}" for i in range(count)), now=0)
        return compile_sql(node, schema)[0].count("regexp_matches")

    assert conditions(100, Schema(free)) <= 2 * conditions(2, Schema(free))
    # of several values one may have the words, and another the address: asked apart
    listed = Schema(free | {"doc": V}, frozenset({"message"}))
    assert conditions(100, listed) > 100


def test_an_address_and_its_words_in_two_values_of_a_field(con: Any) -> None:
    both = parse("1.2.3.4 OR 5.6.7.8", now=0)
    values: list[Value] = [["1.2.3.45", "1-2-3-4"], ["1.2.3.45", "5-6-7-8"], "1.2.3.45", "1.2.3.45 1-2-3-4"]
    documents: list[Event] = [
        {"event.id": f"01JDGVB8R0ABCDEFGHJKMNPQRS.{i}.0", "@timestamp": iso(0), "message": value}
        for i, value in enumerate(values)
    ]
    right = [True, False, False, True]
    assert [compile_match(both)(each) for each in documents] == right
    for relation in (as_documents, as_columns):
        assert sql_answers(con, *relation(documents), [both]) == [right]
        assert sql_answers(con, *relation(documents[2:]), [both]) == [right[2:]]


def test_the_document_is_taken_apart_once_and_last() -> None:
    node = And((Equals("a", "1"), Equals("user.name", "u"), Or((Equals("b", "2"), Not(Exists("c"))))))
    text, params = compile_sql(node, EVENTS)
    assert text.startswith('(lower("user.name") = ? AND ')
    assert text.count("json_extract(") == 1
    assert params == ["u", "/a", "/b", "/c", "1", "2"]


def test_rows_that_the_columns_rule_out_have_their_document_left_alone() -> None:
    one = And((Equals("user.name", "u"), Equals("a", "1")))
    other = And((Equals("segment", "s"), Not(Equals("user.name", "v")), Not(Equals("a", "2"))))
    text, params = compile_sql(Or((one, other)), EVENTS)
    assert text.startswith('((lower("user.name") = ? OR NOT coalesce(lower("user.name") = ?, FALSE)) AND len(')
    assert text.count("json_extract(") == 1
    assert params[:2] == ["u", "v"]
    text, _ = compile_sql(Or((one, Not(Equals("a", "2")))), EVENTS)
    assert text.startswith("len("), "either may hold whatever the columns say"


def test_a_field_in_no_column_of_flows_is_missing() -> None:
    assert compile_sql(Equals("user.name", "x"), FLOWS) == ("FALSE", [])
    assert compile_sql(Not(Exists("user.name")), FLOWS) == ("NOT coalesce(FALSE, FALSE)", [])


def test_flows_compare_addresses_as_numbers() -> None:
    node = Or((Cidr("source.ip", ip_network("10.0.0.0/8")), Equals("source.ip", "10.0.0.1")))
    text, params = compile_sql(node, FLOWS)
    assert text == '("source.ip#v4" BETWEEN ? AND ? OR "source.ip#v4" IN (?))'
    assert params == [0x0A000000, 0x0AFFFFFF, 0x0A000001]
    assert "kydai_ip" in compile_sql(Cidr("source.ip", ip_network("2001:db8::/32")), FLOWS)[0]


def test_event_id_is_asked_by_its_parts() -> None:
    wanted = "01JDGVB8R0ABCDEFGHJKMNPQRS.5.0"
    parts = ("(segment = ? AND record = ? AND n = ?)", ["01JDGVB8R0ABCDEFGHJKMNPQRS", 5, 0])
    assert compile_sql(Equals("event.id", wanted, Comparison.EXACT), EVENTS) == parts
    assert compile_sql(Equals("event.id", wanted.lower()), EVENTS) == parts
    assert "concat" in compile_sql(Equals("event.id", wanted + "0" * 50), EVENTS)[0]
    assert "concat" in compile_sql(Equals("event.id", "01JDGVB8R0ABCDEFGHJKMNPQRS.05.0"), EVENTS)[0]


def test_a_value_that_does_not_fit_its_column_is_looked_for_in_the_document() -> None:
    schema = Schema(EVENTS.columns, frozenset({"user.name"}))
    text, params = compile_sql(Equals("user.name", "u"), schema)
    assert '"user.name" IS NULL AND' in text
    assert params == ["/user.name", "u", "u"]


def test_empty_junctions() -> None:
    assert compile_sql(TRUE, EVENTS) == ("TRUE", [])
    assert compile_sql(FALSE, EVENTS) == ("FALSE", [])


def test_a_condition_on_many_fields_of_the_document_stays_within_memory(con: Any) -> None:
    doc = orjson.dumps({f"f{i}": "x" * 40 for i in range(60)}).decode()
    table = pa.table({"doc": [doc] * 4096})
    node = Or(tuple(Like(f"f{i}", (Wild.MANY, f"needle{i}", Wild.MANY)) for i in range(60)))
    con.execute("SET memory_limit = '256MB'")
    try:
        assert sum(sql_answers(con, table, Schema({"doc": V}), [node])[0]) == 0
    finally:
        con.execute("RESET memory_limit")
