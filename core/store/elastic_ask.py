"""A query as the server takes it, and one read's answers with what they lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.query.to_dsl import compile_dsl
from core.query.tree import TRUE, And
from core.store.contract import Missing, Query, Span
from core.store.elastic_client import READ_SECONDS, Read
from core.store.elastic_fields import TIMESTAMP
from core.store.elastic_names import read_name
from core.store.elastic_setup import REPLACED

GROUPS = 10_000
"""Groups in one answer; the server allows 65,536."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as the server takes it."""

    filters: list[dict[str, Any]]
    runtime: dict[str, Any] = field(default_factory=dict)
    hide_replaced: bool = True

    def body(self, *more: dict[str, Any], runtime: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The body of a search, with further conditions and fields that are computed."""
        bool_: dict[str, Any] = {"filter": [*self.filters, *more]}
        if self.hide_replaced:
            bool_["must_not"] = [{"term": {REPLACED: True}}]
        body: dict[str, Any] = {"query": {"bool": bool_}}
        if fields := {**self.runtime, **(runtime or {})}:
            body["runtime_mappings"] = fields
        return body


def asked(query: Query) -> Asked:
    """Raises BadInput for a query that cannot be asked."""
    filters: list[dict[str, Any]] = []
    if query.span != Span():
        filters.append(in_span(query.span))
    runtime: dict[str, Any] = {}
    nodes = tuple(node for node in (query.where, query.scope) if node != TRUE)
    if nodes:
        compiled = compile_dsl(And(nodes) if len(nodes) > 1 else nodes[0])
        filters.append(compiled.query)
        runtime = dict(compiled.runtime)
    return Asked(filters, runtime, not query.include_replaced)


def in_span(span: Span) -> dict[str, Any]:
    """The filter of a time range that is not open at both ends."""
    bounds = {name: at for name, at in (("gte", span.start), ("lt", span.end)) if at is not None}
    return {"range": {TIMESTAMP: bounds}}


class Answers:
    """The answers of one read over the indices that ``index`` matches, and what they say that they lack."""

    def __init__(self, read: Read, index: str, older: Mapping[str, frozenset[str]] | None = None) -> None:
        """``older``: indices of an older mapping, with the fields that they hold otherwise."""
        self.read = read
        self._index = index
        self._older = dict(older or {})
        self._unlike: set[str] = set()
        self._failed = 0
        self._why = ""
        self._timed_out = False

    def ask(self, body: Mapping[str, Any], index: str | None = None) -> Mapping[str, Any]:
        """Raises Unavailable or BadConfig."""
        found: Mapping[str, Any] = self.read.call(
            lambda es: es.search(
                index=index or self._index, ignore_unavailable=True, timeout=f"{READ_SECONDS:.0f}s", **body
            )
        ).body
        self.note(body)
        shards = found["_shards"]
        # one of an index that was deleted meanwhile is not among the failed
        if failed := max(shards["failed"], shards["total"] - shards["successful"]):
            self._failed = max(self._failed, failed)
            failures = shards.get("failures") or [{}]
            self._why = str(failures[0].get("reason", {}).get("reason", ""))[:200]
        self._timed_out |= bool(found.get("timed_out"))
        return found

    def note(self, body: Mapping[str, Any]) -> None:
        """What is asked here or elsewhere: does it look at a field that an index holds otherwise?"""
        if self._older:
            text = orjson.dumps(body).decode()
            self._unlike |= {name for name, fields in self._older.items() if any(field in text for field in fields)}

    def missing(self, span: Span) -> list[Missing]:
        """What the answers so far lack."""
        found = [Missing("shards", f"{self._failed}: {self._why}", span.start, span.end)] if self._failed else []
        found += [Missing("mapping", name, span.start, span.end) for name in sorted(self._unlike)]
        return found + ([Missing("timeout", "", span.start, span.end)] if self._timed_out else [])

    def indices(self, span: Span, prefix: str) -> dict[str, int]:
        """The names of what may hold events of the span, with how many it holds, or 1 where that cannot be said; none
        at all where the server does not know for certain which there are."""
        found = self.read.call(lambda es: es.field_caps(index=self._index, fields=TIMESTAMP)).body
        if found.get("failed_indices") or not found["indices"]:
            return {}
        # by the name that it is read by: what is written anew meanwhile stands under that one too
        known = ((stored, read_name(prefix, stored)) for stored in found["indices"])
        names = sorted({stored if index is None else index.name for stored, index in known})
        body = {"size": 0, "track_total_hits": True, **({} if span == Span() else {"query": in_span(span)})}
        searches = [part for name in names for part in ({"index": name, "ignore_unavailable": True}, body)]
        answers = self.read.call(lambda es: es.msearch(searches=searches)).body["responses"]
        return {name: weight for name, answer in zip(names, answers, strict=True) if (weight := _weight(answer))}

    def total(self, body: Mapping[str, Any], index: str | None = None) -> int:
        """How many events match."""
        found: int = self.ask({**body, "size": 0, "track_total_hits": True}, index)["hits"]["total"]["value"]
        return found

    def groups(
        self, body: Mapping[str, Any], keys: Mapping[str, Mapping[str, Any]], figures: Mapping[str, Any] | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Every combination of the values of the keys, in their order, as the server's buckets; page by page."""
        sources = [{name: {"terms": dict(key)}} for name, key in keys.items()]
        after: dict[str, Any] = {}
        while True:
            aggs: dict[str, Any] = {"groups": {"composite": {"size": GROUPS, "sources": sources, **after}}}
            if figures:
                aggs["groups"]["aggs"] = figures
            buckets = buckets_of(self.ask({**body, "size": 0, "aggs": aggs}), "groups")
            yield from buckets
            if len(buckets) < GROUPS:
                return
            after = {"after": buckets[-1]["key"]}


def _weight(answer: Mapping[str, Any]) -> int:
    shards = answer.get("_shards", {"total": 1, "successful": 0})
    is_whole = shards["total"] == shards["successful"] and not answer.get("timed_out")
    return int(answer["hits"]["total"]["value"]) if is_whole else 1


def buckets_of(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The buckets of an aggregation; none where there is no index."""
    buckets: list[Mapping[str, Any]] = answer.get("aggregations", {}).get(name, {}).get("buckets", [])
    return buckets
