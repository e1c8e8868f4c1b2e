"""What must stand in a cluster before events go in: our template, the alias for readers, the index of our notes.

All of it is made at the first use and again by ``verify``; making it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

import orjson
from elasticsearch import BadRequestError, Elasticsearch

from core.errors import BadConfig, failure
from core.store.elastic_client import Cluster, told
from core.store.elastic_fields import INDEX
from core.store.elastic_names import Index, pattern, read_name
from core.store.elastic_template import template

LAYOUT = 1
"""Version of the mapping, to be raised with each change of it: an index of a newer one is not written to, one of an
older one is written anew (docs/decisions/0015-a-mapping-that-has-changed.md)."""

PRIORITY = 500
"""Of our template. Elastic's own stand at 100 to 300."""

FLOW, REPLACED = f"{INDEX}flow", f"{INDEX}replaced"
"""Marks in the index beside a document: it is a flow, a replay has parsed it since."""

_MARK: Mapping[str, Any] = {"type": "boolean", "doc_values": False}

_META_MAPPING: Mapping[str, Any] = {
    "dynamic": False,
    "properties": {
        "what": {"type": "keyword"},
        "policy": {"type": "keyword"},
        "min_ts": {"type": "long"},
        "max_ts": {"type": "long"},
    },
}


class Setup:
    """The names and the shape of what is ours in one cluster."""

    def __init__(self, cluster: Cluster, prefix: str, replicas: int) -> None:
        self._cluster = cluster
        self.replicas = replicas
        self.prefix = prefix
        self.events = f"{prefix}-events"
        """The alias of all indices of events; our template has this name, too."""
        self.meta = f"{prefix}-meta"
        """The index of our notes: holds, tombstones, grains."""
        self.sample = f"{prefix}-level3-2026.w48"

    def make(self) -> None:
        """Make what is not there. Raises BadConfig when the cluster is none of ours or too old, when something
        foreign stands in the way or a newer version was here; Unavailable when it does not answer."""
        self._cluster.check()
        self._look_for_foreign_templates()
        named = self._cluster.call(lambda es: es.options(ignore_status=404).indices.get_alias(index=self.events)).body
        if self.events in named:  # an index, where it should be an alias of others
            raise failure(BadConfig, "store.elastic.foreign_index", name=self.events)
        wanted = self.template()
        there = self._template_there()
        if there is not None:
            self._check_layout(self.events, there.get("_meta", {}))
        if not _is_same(there, wanted):
            self._cluster.call(lambda es: es.indices.put_index_template(name=self.events, **_as_arguments(wanted)))
        if not self._cluster.call(lambda es: es.indices.exists(index=self.meta)).body:  # a block bars to make it, too
            self._create(self.meta, mappings={**_META_MAPPING, "_meta": _mark()}, settings=self._meta_settings())

    def template(self) -> dict[str, Any]:
        """Our index template."""
        body = template(has_wildcard=has_wildcard(self._cluster.call))
        mappings = {**body["mappings"], "_meta": _mark()}
        mappings["properties"] = {**mappings["properties"], FLOW: _MARK, REPLACED: _MARK}
        settings = {
            **body["settings"]["index"],
            "number_of_shards": 1,
            "number_of_replicas": self.replicas,
            "translog": {"durability": "request"},
        }
        inner = {"mappings": mappings, "settings": {"index": settings}, "aliases": {self.events: {}}}
        print_ = sha256(orjson.dumps(inner, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
        return {
            "index_patterns": [pattern(self.prefix)],
            "priority": PRIORITY,
            "template": inner,
            "_meta": {**_mark(), "print": print_},
        }

    def is_template_right(self) -> bool:
        """Whether the cluster has our template as we make it."""
        return _is_same(self._template_there(), self.template())

    def _template_there(self) -> dict[str, Any] | None:
        found = self._cluster.call(
            lambda es: es.options(ignore_status=404).indices.get_index_template(name=self.events)
        )
        return next((dict(t["index_template"]) for t in found.body.get("index_templates", [])), None)

    def shadows(self) -> list[str]:
        """Templates of others that match our indices and go before ours or bar it."""
        found = self._cluster.call(lambda es: es.indices.get_index_template()).body["index_templates"]
        return sorted(
            each["name"]
            for each in found
            if each["name"] != self.events
            and each["index_template"].get("priority", 0) >= PRIORITY
            and any(fnmatchcase(self.sample, wanted) for wanted in each["index_template"]["index_patterns"])
        )

    def create(self, name: str) -> None:
        """Make an index of events, or see that it is ours. Raises as ``make``."""
        if self.check_ours(name):
            return
        is_new = self._create(name)
        try:
            self.check_ours(name)
        except BadConfig:
            if is_new:  # made by a template that came before ours since: nothing is in it yet
                self._cluster.call(lambda es: es.indices.delete(index=name))
                self._look_for_foreign_templates()
            raise

    def check_ours(self, name: str) -> bool:
        """Whether it is there. Raises BadConfig when an index that has a name of ours is not ours, or a newer version
        made it."""
        found = self._cluster.call(lambda es: es.indices.get_mapping(index=name, ignore_unavailable=True)).body
        for mapping in found.values():
            mark = mapping["mappings"].get("_meta", {})
            if mark.get("managed_by") != "kydai":
                raise failure(BadConfig, "store.elastic.foreign_index", name=name)
            self._check_layout(name, mark)
        return bool(found)

    def _create(self, name: str, **body: Any) -> bool:
        """Whether the index was made; not when it was there."""

        def ask(es: Any) -> bool:
            try:
                es.indices.create(index=name, **body)
            except BadRequestError as error:
                if any(said in told(error.body) for said in ("resource_already_exists", "already exists as alias")):
                    return False
                raise
            return True

        return self._cluster.call(ask)

    def _meta_settings(self) -> dict[str, Any]:
        return {"index": {"number_of_shards": 1, "number_of_replicas": self.replicas, "hidden": True}}

    def _look_for_foreign_templates(self) -> None:
        if found := self.shadows():
            raise failure(BadConfig, "store.elastic.foreign_template", names=", ".join(found), priority=PRIORITY)

    def _check_layout(self, name: str, mark: Mapping[str, Any]) -> None:
        if int(mark.get("layout", 0)) > LAYOUT:
            raise failure(BadConfig, "store.error.newer", file=name)


def has_wildcard(ask: Callable[[Callable[[Elasticsearch], Any]], Any]) -> bool:
    """Whether every node knows the type ``wildcard``, a module of the free licence. ``ask``: as of ``closed``."""
    nodes = ask(lambda es: es.nodes.info(metric="plugins")).body["nodes"]
    return all(any(module["name"] == "wildcard" for module in node.get("modules", [])) for node in nodes.values())


def as_told(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as the server gives it back."""
    return {**mapping, "dynamic": str(mapping["dynamic"]).lower()}


def is_ours(mapping: Mapping[str, Any]) -> bool:
    """Whether a mapping is one that we made."""
    return bool(mapping.get("_meta", {}).get("managed_by") == "kydai")


def takes_no_writes(described: Mapping[str, Any]) -> bool:
    """Whether an index as the server describes it is blocked for writes."""
    return _has_block(described, "write")


def is_blocked(described: Mapping[str, Any]) -> bool:
    """Whether it takes no documents, be it for that, a full disk or an administrator's wish to keep it as it is."""
    return _has_block(described, "write", "read_only", "read_only_allow_delete")


def is_unread(described: Mapping[str, Any]) -> bool:
    """Whether it is blocked for reads."""
    return _has_block(described, "read")


def is_kept(described: Mapping[str, Any]) -> bool:
    """Whether it cannot be deleted behind a tombstone: it is blocked for that, or what is in it cannot be counted."""
    return _has_block(described, "read", "read_only")


def _has_block(described: Mapping[str, Any], *names: str) -> bool:
    blocks = described.get("settings", {}).get("index", {}).get("blocks", {})
    return any(str(blocks.get(name)) == "true" for name in names)


def closed(prefix: str, ask: Callable[[Callable[[Elasticsearch], Any]], Any]) -> list[Index]:
    """Our indices of events that somebody has closed: no search looks into them, and none says so. ``ask``: a call
    of the cluster, or of a read."""
    found = ask(
        lambda es: es.indices.get_mapping(
            index=pattern(prefix), expand_wildcards="closed", filter_path="*.mappings._meta"
        )
    ).body
    return [
        index
        for name, described in sorted(found.items())
        if is_ours(described["mappings"]) and (index := read_name(prefix, name)) is not None
    ]


def _is_same(there: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether a template is the wanted one. Settings come back as texts: a print of all stands for them."""
    if there is None or there.get("_meta") != wanted["_meta"]:
        return False
    return bool(there["template"].get("mappings") == wanted["template"]["mappings"])


def _mark() -> dict[str, Any]:
    return {"managed_by": "kydai", "layout": LAYOUT}


def _as_arguments(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body as the client's method takes it."""
    return {("meta" if name == "_meta" else name): value for name, value in body.items()}
