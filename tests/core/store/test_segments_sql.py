from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.query.tree import FALSE, TRUE, And, Equals, Exists, FieldEquals, Not, Or
from core.store.catalog_rows import Kind
from core.store.contract import Query, Span
from core.store.segments_sql import group, members, only, present, selected
from tests.core.store.conformance import START
from tests.core.store.test_catalog import segment

FOLDER = Path("/st'ore")


def test_segments_that_can_be_asked_alike_are_asked_together() -> None:
    plain, odd = segment("a"), replace(segment("b"), ignored=frozenset({"source.port"}))
    flows = replace(segment("c"), kind=Kind.FLOWS, columns=(("ts", "int64"), ("network.bytes", "int64")))
    found = group(FOLDER, [plain, odd, flows], Query(Exists("source.ip")), replaced=False)
    assert [[s.name for s in g.segments] for g in found] == [["a", "b"], ["c"]]
    found = group(FOLDER, [plain, odd, flows], Query(Equals("source.port", 22)), replaced=False)
    assert [[s.name for s in g.segments] for g in found] == [["a"], ["b"], ["c"]]
    assert [g.schema.ignored for g in found] == [frozenset(), {"source.port"}, frozenset()]


def test_the_span_is_asked_only_of_segments_that_reach_out_of_it() -> None:
    query = Query(span=Span(START, START + 11))
    inside, across = group(FOLDER, [segment("a"), segment("b", last=11)], query, replaced=False)
    assert (inside.known, inside.where) == (inside.segments[0].rows, "TRUE")
    assert (across.known, across.where, across.parameters) == (None, "ts >= ? AND ts < ?", (START, START + 11))


def test_replaced_records_are_left_out_of_events_only() -> None:
    flows = replace(segment("c"), kind=Kind.FLOWS, columns=(("ts", "int64"),))
    of_events, of_flows = group(FOLDER, [segment("a"), flows], Query(TRUE), replaced=True)
    assert "replaced" in of_events.where
    assert of_flows.known == 11
    assert group(FOLDER, [segment("a")], Query(include_replaced=True), replaced=True)[0].known == 11


def test_paths_are_quoted() -> None:
    of = group(FOLDER, [segment("a"), segment("b")], Query(), replaced=False)[0]
    assert "'/st''ore/a', '/st''ore/b'" in of.relation
    assert "/b'" not in only(of, [0]).relation


def test_documents_are_read_only_when_needed() -> None:
    of = group(FOLDER, [segment("a")], Query(), replaced=False)[0]
    assert selected(of, None)[0].endswith(", doc")
    assert selected(of, ["source.ip", "@timestamp"])[0].endswith('"source.ip", NULL')
    assert selected(of, ["vendor.x"])[0].endswith(", doc")
    assert selected(of, None, {"source.ip", "vendor.x"})[0].endswith('ingested, "source.ip", doc')
    odd = group(FOLDER, [replace(segment("a"), overridden=frozenset({"source.port"}))], Query(), replaced=False)[0]
    assert selected(odd, ["source.port"])[0].endswith(", doc")
    assert selected(odd, ["source.ip"])[0].endswith(", NULL")


def test_documents_without_the_fields_asked_for_are_passed_over() -> None:
    schema = group(FOLDER, [segment("a")], Query(), replaced=False)[0].schema
    x, y, promoted = Exists("vendor.x"), Equals("vendor.y", 1), Exists("source.ip")
    has = "contains(keys, ?)"
    assert present(x, schema) == (has, ['"vendor.x"'])
    assert present(And((x, promoted, y)), schema) == (f"{has} AND {has}", ['"vendor.x"', '"vendor.y"'])
    assert present(Or((x, And((y, promoted)))), schema) == (f"({has} OR {has})", ['"vendor.x"', '"vendor.y"'])
    assert present(FieldEquals("vendor.x", "vendor.y"), schema)[1] == ['"vendor.x"', '"vendor.y"']
    for anywhere in (Or((x, promoted)), Not(x), promoted, Exists("event.id"), Exists("event.created"), TRUE, FALSE):
        assert present(anywhere, schema) == ("TRUE", [])
    assert present(x, replace(schema, columns={})) == ("TRUE", [])


def test_members_of_a_field_by_where_it_stands() -> None:
    schema = group(FOLDER, [segment("a")], Query(), replaced=False)[0].schema
    assert members("source.ip", schema).sql == '"source.ip"'
    assert "(ts)" in members("@timestamp", schema).sql
    assert members("related.ip", schema).listed
    assert members("vendor.a/b", schema).parameters == ("/vendor.a~1b",)
    assert members("vendor.x", replace(schema, columns={})).sql == "CAST(NULL AS VARCHAR)"
