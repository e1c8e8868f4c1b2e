"""Elasticsearch finds what the predicate finds: a real server, random events and trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import orjson
import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.clock import to_micros
from core.errors import BadInput
from core.event import Event, Value, new_ulid
from core.query.fold import MAX_CHARS
from core.query.to_dsl import Dsl, compile_dsl
from core.query.to_match import compile_match
from core.query.tree import And, Comparison, Node, Not, Or, walk
from core.query.values import to_double
from core.store.elastic_document import document, event_of, template
from core.store.elastic_fields import SEGMENT
from tests.core.query.worlds import events, full_events, nodes
from tests.services.elasticsearch import Node as Server

NOW = to_micros("2026-11-25T01:30:15Z")
LIMIT = 1_000


class Documents:
    """An index of its own, that every call fills with other events."""

    def __init__(self, client: Elasticsearch) -> None:
        self.client = client
        self.name = f"kydai-test-{uuid4().hex}"
        client.indices.create(index=self.name, **template(has_wildcard=False))

    def lines(self, path: str, lines: Sequence[Any]) -> Any:
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        headers = {"content-type": "application/x-ndjson", "accept": "application/json"}
        return self.client.perform_request("POST", f"/{self.name}/{path}", headers=headers, body=body).body

    def store(self, documents: Sequence[Event]) -> tuple[str, list[Event]]:
        """The events under ids of their own; what they have in common is returned with them."""
        segment = new_ulid(NOW)
        named = [event | {"event.id": f"{segment}.{i}.0"} for i, event in enumerate(documents)]
        lines: list[Any] = []
        for event in named:
            lines += [{"create": {"_id": event["event.id"]}}, document(event)]
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


@pytest.mark.service
@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_the_server_finds_what_the_predicate_finds(
    index: Documents, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = int(pytestconfig.getoption("--language-cases"))
    counts: Counter[str] = Counter()

    @settings(
        max_examples=max(1, wanted // 250),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(
        st.lists(st.one_of(full_events, full_events, events), min_size=15, max_size=25),
        st.lists(nodes, min_size=20, max_size=40),
    )
    def compare(documents: list[Event], drawn: list[Node]) -> None:
        if counts["cases"] >= wanted:
            return
        segment, named = index.store(documents)
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
                assert (event["event.id"] in found) is right, (node, event, dsl.query)
                counts["cases"] += 1
                counts["found" if right else "not found"] += 1
                counts.update(kinds_of(node, event))

    compare()
    with capsys.disabled():
        print()
        for kind in ("cases", "found", "not found", *KINDS, "refused"):
            print(f"{kind:15} {counts[kind]:9,} {counts[kind] / counts['cases']:7.1%}")
    assert counts["cases"] >= wanted * 0.9
    assert min(counts["found"], counts["not found"]) >= counts["cases"] * 0.2
