"""Elasticsearch, SQL, with an index of words and without, and the Arrow mask find what the predicate finds: a real
server, random events and trees.

A case is an event and a tree. In CI 20,000; at length, which takes some 35 s for 10,000 on an idle core:

    pytest tests/core/query/test_to_dsl.py -k every_engine --language-cases 500000 [--hypothesis-seed 1]
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any
from uuid import uuid4

import orjson
import pytest
import re2
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.clock import to_micros
from core.errors import BadInput
from core.event import Event, Value, new_ulid
from core.query.fold import MAX_CHARS, lower
from core.query.language import MAX_CONDITIONS, MAX_DEPTH, parse
from core.query.to_arrow import mask
from core.query.to_dsl import Dsl, compile_dsl, value_filter, value_source
from core.query.to_match import compile_match
from core.query.tree import (
    FALSE,
    TRUE,
    And,
    Comparison,
    Equals,
    Exists,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Wild,
    walk,
)
from core.query.values import to_double
from core.store.elastic_document import document, event_of
from core.store.elastic_fields import SEGMENT
from core.store.elastic_setup import has_wildcard
from core.store.elastic_template import template
from tests.core.query.worlds import as_arrow, as_columns, as_documents, connection, nodes, random_event, sql_answers
from tests.core.store.indexed import IndexedFiles
from tests.services.elasticsearch import Node as Server

NOW = to_micros("2026-11-25T01:30:15Z")
LIMIT = 1_000


class Documents:
    """An index of its own, that every call fills with other events."""

    def __init__(self, client: Elasticsearch) -> None:
        self.client = client
        self.name = f"kydai-test-{uuid4().hex}"
        client.indices.create(index=self.name, **template(has_wildcard=has_wildcard(lambda do: do(client))))

    def lines(self, path: str, lines: Sequence[Any]) -> Any:
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        headers = {"content-type": "application/x-ndjson", "accept": "application/json"}
        return self.client.perform_request("POST", f"/{self.name}/{path}", headers=headers, body=body).body

    def indexed(self, event: Event) -> dict[str, Any]:
        return document(event)

    def store(self, documents: Sequence[Event]) -> tuple[str, list[Event]]:
        """The events under ids of their own; what they have in common is returned with them."""
        segment = new_ulid(NOW)
        named = [event | {"event.id": f"{segment}.{i}.0"} for i, event in enumerate(documents)]
        lines: list[Any] = []
        for event in named:
            lines += [{"create": {"_id": event["event.id"]}}, self.indexed(event)]
        found = self.lines("_bulk?refresh=true", lines)
        assert not found["errors"], [item for item in found["items"] if "error" in item["create"]][:1]
        return segment, named

    def search(self, segment: str, queries: Sequence[Dsl], *, source: bool = False) -> list[dict[str, Any]]:
        """What each query finds of the events of one call: the sources by their ids."""
        lines: list[Any] = []
        for dsl in queries:
            query = {"bool": {"filter": [{"term": {SEGMENT: segment}}, dsl.query]}}
            body = {"size": LIMIT, "_source": source, "query": query, "runtime_mappings": dsl.runtime}
            lines += [{}, body]
        answers = self.lines("_msearch", lines)["responses"]
        for dsl, answer in zip(queries, answers, strict=True):
            assert "error" not in answer, (dsl.query, answer["error"])
            assert not answer["_shards"]["failed"], (dsl.query, answer["_shards"])
        return [{hit["_id"]: hit.get("_source") for hit in a["hits"]["hits"]} for a in answers]

    def analyzed(self, kind: str, name: str, texts: Sequence[str]) -> list[str]:
        """The tokens that a normalizer or an analyzer of the template makes of texts."""
        found = self.client.perform_request(
            "POST",
            f"/{self.name}/_analyze",
            headers={"content-type": "application/json", "accept": "application/json"},
            body={kind: name, "text": texts},
        )
        return [token["token"] for token in found.body["tokens"]]

    def rows(self, documents: Sequence[Event], query: Dsl) -> list[bool]:
        segment, named = self.store(documents)
        found = self.search(segment, [query])[0]
        return [event["event.id"] in found for event in named]


@pytest.fixture(scope="module")
def index(elastic: Server) -> Iterator[Documents]:
    with Elasticsearch(elastic.url, request_timeout=120) as client:
        made = Documents(client)
        yield made
        client.indices.delete(index=made.name)


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    made = connection()
    yield made
    made.close()


KINDS = ("arrays", "missing", "''", "number as text", "non-ASCII", "NFD", "escapes", "over 8,000", "cased")


def kinds_of(query: Node, event: Event) -> set[str]:
    """What is special about a case, by what the query reads of the event."""
    found: set[str] = set()
    for leaf in walk(query):
        if isinstance(leaf, And | Or | Not):
            continue
        value: Value = event.get(leaf.field)
        if value is None:
            found.add("missing")
        if isinstance(value, list):
            found.add("arrays")
        if getattr(leaf, "comparison", None) is Comparison.EXACT:
            found.add("cased")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                found |= _kinds_of_text(text)
    return found


def _kinds_of_text(text: str) -> set[str]:
    kinds = {
        "''": text == "",
        "number as text": to_double(text) is not None,
        "non-ASCII": not text.isascii(),
        "NFD": "\u0302" in text,
        "escapes": any(c in text for c in "\\*?\"'\n\x00"),
        "over 8,000": len(text) > MAX_CHARS,
    }
    return {kind for kind, there in kinds.items() if there}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedFiles]:
    made = IndexedFiles(tmp_path_factory.mktemp("indexed"))
    yield made
    made.close()


def assert_memory_agrees(con: Any, named: list[Event], drawn: list[Node]) -> None:
    """SQL over documents and over columns, and the mask over what columns hold, answer as the predicate."""
    matches = [compile_match(node) for node in drawn]
    wanted = [[match(event) for event in named] for match in matches]
    for relation in (as_documents, as_columns):
        for node, right, found in zip(drawn, wanted, sql_answers(con, *relation(named), drawn), strict=True):
            assert found == right, f"{relation.__name__}: {node}\n{named}"[:5_000]
    table, held = as_arrow(named)
    for node, match in zip(drawn, matches, strict=True):
        assert mask(node, table).tolist() == [match(row) for row in held], f"mask: {node}\n{held}"[:5_000]


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_every_engine_finds_what_the_predicate_finds(
    index: Documents, con: Any, indexed: IndexedFiles, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = int(pytestconfig.getoption("--language-cases"))
    counts: Counter[str] = Counter()

    @settings(
        max_examples=max(2, wanted // 400),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.integers(0, 2**32).map(Random), st.lists(nodes, min_size=30, max_size=40))
    def compare(random: Random, drawn: list[Node]) -> None:
        if counts["cases"] >= wanted and not counts["differ"]:  # what differs is still made smaller
            return
        segment, named = index.store([random_event(random) for _ in range(40)])
        assert_memory_agrees(con, named, drawn)
        if random.random() < 0.5:  # as slow as the server
            for node, of_files in zip(drawn, indexed.answers(named, drawn), strict=True):
                counts["in files"] += len(named)
                assert of_files == list(map(compile_match(node), named)), f"indexed: {node}\n{named}"[:5_000]
        queries: list[tuple[Node, Dsl]] = []
        for node in drawn:
            try:
                queries.append((node, compile_dsl(node)))
            except BadInput:
                counts["refused"] += len(named)  # what only programs ask: folding where nothing folds, borders
        answers = index.search(segment, [Dsl({"match_all": {}}, {}), *(dsl for _, dsl in queries)], source=True)
        sources = answers[0]
        for event in named:
            back = event_of(sources[str(event["event.id"])])
            assert repr(sorted(back.items())) == repr(sorted(event.items()))
        for (node, dsl), found in zip(queries, answers[1:], strict=True):
            match = compile_match(node)
            for event in named:
                right = match(event)
                agrees = (event["event.id"] in found) is right
                counts["differ"] += not agrees
                assert agrees, f"{right}: {node}\n{event}\n{dsl.query}"[:5_000]
                counts["cases"] += 1
                counts["found" if right else "not found"] += 1
                counts.update(kinds_of(node, event))

    compare()
    with capsys.disabled():
        print()
        counts["by an index"] = indexed.narrowed
        for kind in ("cases", "found", "not found", *KINDS, "in files", "by an index", "refused"):
            print(f"{kind:15} {counts[kind]:9,} {counts[kind] / counts['cases']:7.1%}")
    assert counts["cases"] >= wanted * 0.9
    assert not [kind for kind in KINDS if counts[kind] < counts["cases"] * 0.01]
    assert counts["by an index"] >= counts["in files"] * 0.01
    assert min(counts["found"], counts["not found"]) >= counts["cases"] * 0.2


ID = {"@timestamp": "2026-11-25T01:26:00.123456Z", "event.id": ""}


@pytest.mark.service
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user.name: A*", ["x", "Ab"]),
        ("user.name == A*", ["ab", "xA"]),
        ("user.name: *" + "x" * 300 + "*", "a" + "X" * 300),
        ("user.name: *a" + "?" * 12 + "b*", "__a123456789012b"),
        ("user.name: *a" + "?" * 12 + "b*", "__a12345678901b"),
        ("user.name: a*b*c*d*e*f*g*h", "a1b2c3d4e5f6g7h"),
        ("user.name: a*b*c*d*e*f*g*h", "a1b2c3d4e5f6g7"),
        ("user.name: ?", "😀"),
        ("vendor.x == *?😀", "a😀"),
        ("vendor.x: /(a|b)*c.{3,5}D/", "abcdefgd"),
        ("vendor.x == /(a|b)*c.{3,5}D/", "abcdefgd"),
        ("source.ip: 10.0.*", ["10.0.0.1", "x"]),
        ("source.ip == FE80*", "fe80::1%eth0"),
        ("source.ip: fe80::1", "FE80::1%eth0"),
        ("source.ip: [10.0.0.1 TO 10.0.0.9]", "::ffff:10.0.0.5"),
        ("destination.port: 44*", "443.0"),
        ("event.risk_score: 1*", 1e21),
        ("event.risk_score: 5e-324", 5e-324),
        ("event.risk_score: 0", -0.0),
        ("vendor.x >= 2", ["x", "1e3"]),
        ("vendor.x >= 2", ["1e999", "0x10", " 3", "3.", "١٠"]),
        ("vendor.x: 443.0", 443.0),
        ("process.title ~ hue", "đi Huế."),
        ("process.command_line ~ katz", "mimi katz.exe"),
        ("vendor.x ~ katz", "mimi-Katz.exe"),
        ("vendor.x ~ katz", "mimikatz.exe"),
        ('message = "a  b"', "A  B"),
        ('message == "a  b"', "A  B"),
        ("message: --", "a -- b"),
        ("message: *--*", "a -- b"),
        ("message: /.*fail(ed|ure).*/", "a Failure b"),
        ("message: hue?", "Huế!"),
        ("error.message: *", ""),
        ('"": x', "X"),
        ('"_id": x', "X"),
        ('"kydai.whole" == X', "X"),
        ('"kydai.index.kv": *', "X"),
        ('"a*?\\\\b": x', "X"),
        ('"a=b": c', "c"),
    ],
)
def test_one_case(index: Documents, text: str, value: Value) -> None:
    node = parse(text, now=NOW)
    (leaf,) = (here for here in walk(node) if not isinstance(here, And | Or | Not))
    event: Event = {**ID, leaf.field: value}
    assert index.rows([event, {**ID}], compile_dsl(node)) == [compile_match(node)(event), False]


BARE = (
    "",
    "\0",
    "\0\0",
    "a",
    "ab",
    "a\0",
    "\0a",
    "a\0b",
    "\0\0\0",
    "abd",
    "d",
    "😀",
    "ABC\nD",
    "x😀ab",
    "😀d",
    "a😀",
    "𐐀b",
)
"""Texts of few characters and of NUL, with which the type ``wildcard`` marks the two ends of a text in its index."""
BARE_ASKED: tuple[Node, ...] = (
    *(Equals("process.command_line", text) for text in BARE),
    *(
        Like("process.command_line", pattern)
        for ends in ((), (Wild.MANY,), (Wild.ONE,), (Wild.ONE, Wild.MANY), (Wild.ONE, Wild.ONE, Wild.MANY))
        for text in ("", "\0", "\0\0", "a", "\0a", "😀", "😀a", "a😀", "𐐨")
        for pattern in ((text, *ends), (*ends, text), (*ends, text, *ends), (text, *ends, text))
    ),
    *(
        Regex("process.command_line", pattern)
        for pattern in (
            "^(|abc)d$",
            "^(?:abc|)+d",
            "^(?:|)a$",
            "^$",
            "",
            "\\x00",
            "^[\\x00b]a?$",
            "^(b|\\x00)?a",
            "^..$",
            "^(|a)(|b)d?$",
            "^😀d",
            "x😀a",
            "a[😀]",
            "(?:😀|x)b",
            "^x😀+a",
        )
    ),
    Exists("process.command_line"),
    Or(tuple(Like("process.command_line", (Wild.MANY, text, Wild.MANY)) for text in ("😀a", "x😀", "\0b", "bd"))),
    Or(tuple(Like("process.command_line", (text, Wild.MANY)) for text in ("😀", "x😀", "\0", "\0a"))),
)


@pytest.mark.service
def test_what_has_hardly_a_character(index: Documents) -> None:
    """``?*``, NUL and empty alternatives are what an index of the type ``wildcard`` cannot look for by itself."""
    values: list[Value] = [*BARE, ["", "ab"], ["a", "d"], []]
    events: list[Event] = [{**ID}, *({**ID, "process.command_line": value} for value in values)]
    segment, named = index.store(events)
    found = index.search(segment, [compile_dsl(node) for node in BARE_ASKED])
    for node, ids in zip(BARE_ASKED, found, strict=True):
        right = list(map(compile_match(node), named))
        assert [event["event.id"] in ids for event in named] == right, node


@pytest.mark.service
def test_the_deepest_and_the_longest_query(index: Documents) -> None:
    deep = "(a: 1 or b: 2 and (c: 3 or d: 4) and " * (MAX_DEPTH - 1) + "e: 5" + ")" * (MAX_DEPTH - 1)
    long = " or ".join(f"f{i % 7}:*{i}*" for i in range(MAX_CONDITIONS))
    mixed = " ".join(f"-f{i}:{i}" for i in range(MAX_CONDITIONS))
    for text, event in ((deep, {"b": "2", "c": "3", "e": "5"}), (long, {"f2": "ax4202b"}), (mixed, {"f3": "3"})):
        node = parse(text, now=NOW)
        documents: list[Event] = [{**ID, **event}, {**ID}]
        assert index.rows(documents, compile_dsl(node)) == [compile_match(node)(d) for d in documents], text[:40]


@pytest.mark.service
def test_long_lists_and_words(index: Documents) -> None:
    members: Value = [f"Member{i}" for i in range(2_000)]
    event: Event = {**ID, "tags": members, "vendor.x": members, "message": "ế" * 9_000}
    for text in (
        "tags == Member1999",
        "vendor.x == Member1999",
        "vendor.x == /.*r1999/",
        "tags == *r1999",
        "message: e*",
    ):
        node = parse(text, now=NOW)
        assert index.rows([event], compile_dsl(node)) == [True] == [compile_match(node)(event)], text


@pytest.mark.service
def test_as_many_words_side_by_side_as_are_compared(index: Documents, con: Any) -> None:
    words = [chr(0x4E00 + i) for i in range(MAX_CHARS // 2)]
    run = " ".join(words)
    events: list[Event] = [
        {**ID, "message": run},
        {**ID, "process.name": run.replace(" ", "-")},
        {**ID, "message": " ".join(reversed(words)), "rule.name": run},
    ]
    for node in (parse(f'"{run}"', now=NOW), Phrase("message", run, Comparison.EXACT)):
        found = index.rows(events, compile_dsl(node))
        assert found == [compile_match(node)(event) for event in events]
        assert any(found)
        named: list[Event] = [event | {"event.id": f"{new_ulid(NOW)}.{i}.0"} for i, event in enumerate(events)]
        assert_memory_agrees(con, named, [node])


def test_a_phrase_of_a_rule_that_is_too_long_is_refused_by_all(con: Any) -> None:
    leaf = Phrase("message", "ab " * 3_000)
    event: Event = {**ID, "event.id": f"{new_ulid(NOW)}.0.0"}
    table, _ = as_arrow([event])
    for ask in (
        lambda: compile_match(leaf),
        lambda: compile_dsl(leaf),
        lambda: sql_answers(con, *as_documents([event]), [leaf]),
        lambda: mask(leaf, table),
    ):
        with pytest.raises(BadInput, match="have 9,000 characters; at most 8,000"):
            ask()


@pytest.mark.service
@pytest.mark.parametrize(
    ("field", "value", "texts"),
    [
        ("user.name", ["Root", "root", "Root"], ["Root", "root"]),
        ("source.ip", ["2001:DB8::1", "x"], ["2001:DB8::1", "x"]),
        ("source.port", [22, "22", "https"], ["22", "https"]),
        ("event.risk_score", [1.0, "x", 1e21], ["1.0", "1e21", "x"]),
        ("kydai.replay", [True, "maybe"], ["maybe", "true"]),
        ("event.start", ["2026-11-25T01:26:00.123456Z", "soon"], ["2026-11-25T01:26:00.123456Z", "soon"]),
        ("message", "Huế", ["Huế"]),
        ("vendor.x", ["A", 1e16, None], ["10000000000000000.0", "A"]),
        ("process.command_line", "C:\\A", ["C:\\A"]),
    ],
)
def test_values_are_counted_as_they_were_written(index: Documents, field: str, value: Value, texts: list[str]) -> None:
    segment, _ = index.store([{**ID, field: value}, {**ID}])
    query = {"term": {SEGMENT: segment}}
    counted = {
        "terms": {"terms": {**value_source(field), "size": 100}},
        "all": {"composite": {"sources": [{"value": {"terms": value_source(field)}}]}},
    }
    found = index.client.search(index=index.name, size=0, query=query, aggs=counted)["aggregations"]
    assert sorted(bucket["key"] for bucket in found["terms"]["buckets"]) == texts
    assert [bucket["key"]["value"] for bucket in found["all"]["buckets"]] == texts
    for text in texts:
        assert len(index.search(segment, [value_filter(field, [text, "other"])])[0]) == 1
    assert not index.search(segment, [value_filter(field, ["other"])])[0]
    assert not index.search(segment, [value_filter(field, [])])[0]


def test_equal_questions_share_a_script() -> None:
    case = Equals("vendor.x", "A", Comparison.EXACT)
    assert len(compile_dsl(And((case, Or((case, Exists("b")))))).runtime) == 1


def test_one_of_several_with_case_is_kept_beside_another_condition() -> None:
    a, b = Equals("user.name", "A", Comparison.EXACT), Equals("user.name", "B", Comparison.EXACT)
    for several in (Or((a,)), Or((a, b))):
        alone, other = compile_dsl(several).query, compile_dsl(Exists("x")).query
        assert compile_dsl(And((Exists("x"), several))).query == {"bool": {"filter": [other, alone]}}


def test_a_query_never_becomes_a_script() -> None:
    hostile = "'); System.exit(1); //"
    dsl = compile_dsl(Like(hostile, (hostile, Wild.ONE), Comparison.EXACT))
    (field,) = dsl.runtime.values()
    assert hostile not in field["script"]["source"]
    assert field["script"]["params"]["field"] == hostile


def test_empty_junctions_and_what_nothing_meets() -> None:
    assert compile_dsl(TRUE).query == {"match_all": {}}
    assert compile_dsl(FALSE).query == compile_dsl(Equals("source.port", "x")).query == {"match_none": {}}
    assert compile_dsl(Not(Not(Exists("a")))).query == compile_dsl(Exists("a")).query


@pytest.mark.parametrize("leaf", [Equals("user.name", "a", Comparison.FOLD), Range("source.port", gt="x")])
def test_what_cannot_be_asked_is_refused(leaf: Node) -> None:
    with pytest.raises(BadInput):
        compile_dsl(leaf)


@pytest.mark.service
def test_all_characters(index: Documents) -> None:
    """What is lower case and what is a word, for every character; docs/query-language.md lists what differs."""
    points = [p for p in range(1, 0x110000) if not 0xD800 <= p < 0xE000 and unicodedata.category(chr(p)) != "Co"]
    lowered: list[int] = []
    words: list[int] = []
    is_word = re2.compile(r"[\p{L}\p{N}\p{M}_]").fullmatch
    for first in range(0, len(points), 2_500):
        chars = [chr(p) for p in points[first : first + 2_500]]
        lowered += [
            ord(c)
            for c, low in zip(chars, index.analyzed("normalizer", "lower", chars), strict=True)
            if low != lower(c)
        ]
        tokens = iter(index.analyzed("analyzer", "words", [f"a{c}a" for c in chars]))
        for c in chars:
            whole = next(tokens) != "a"
            if not whole:
                next(tokens)
            if whole is not (is_word(c) is not None):
                words.append(ord(c))
    # letters that Unicode 16 added: the server's Java knows them, RE2 and our Python do not yet
    assert all(re2.search(r"[\p{L}\p{N}\p{M}\p{P}\p{S}\p{Z}\p{C}]", chr(point)) is None for point in words)
    assert set(lowered) <= set(words)
    assert len(words) < 5_000
