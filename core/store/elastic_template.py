"""Settings and mappings of the indices that hold events: how what core/store/elastic_document.py sends is indexed."""

from __future__ import annotations

from typing import Any

from core.ecs import FIELDS, FieldType, is_folded
from core.store.elastic_fields import (
    INDEX,
    KEYS,
    KV,
    MISFIT,
    RECORD,
    SEGMENT,
    WILDCARD,
    WORDS,
    N,
    folded,
    held,
    is_mapped,
    searched,
    time,
    words,
)


def template(*, has_wildcard: bool) -> dict[str, Any]:
    """Settings and mappings of the indices that hold events."""
    lowered = {"type": "keyword", "normalizer": "lower", "doc_values": False}
    keyword = {"type": "keyword", "index": False, "fields": {"lower": lowered}}
    exact = {"type": "keyword", "index": False}
    ready = {"type": "keyword", "doc_values": False}  # lowered or folded before it was sent
    wildcard = {"type": "wildcard"} if has_wildcard else ready
    types: dict[FieldType, dict[str, Any]] = {
        FieldType.KEYWORD: keyword,
        FieldType.IP: {"type": "ip", "ignore_malformed": True},
        FieldType.LONG: {"type": "long"},
        FieldType.DOUBLE: {"type": "double"},
        FieldType.BOOLEAN: {"type": "boolean"},
        FieldType.DATE: {"type": "date", "ignore_malformed": True, "index": False},
    }
    fields: dict[str, Any] = {
        SEGMENT: {"type": "keyword"},
        RECORD: {"type": "long"},
        N: {"type": "integer"},
        KEYS: {"type": "keyword"},
        KV: ready,
        MISFIT: exact,
    }
    for name, type_ in FIELDS.items():
        if not is_mapped(name):
            continue
        if type_ is not FieldType.TEXT:
            fields[name] = exact if name in WILDCARD else types[type_]
        if name in WILDCARD:
            fields[searched(name)] = wildcard
        if type_ is FieldType.IP:
            fields[held(name)] = keyword
        if type_ is FieldType.DATE:
            fields[time(name)] = {"type": "long"}
        if type_ is FieldType.KEYWORD and is_folded(name):
            fields[folded(name)] = ready
        if name in WORDS:
            fields[words(name)] = {"type": "text", "analyzer": "words", "norms": False}
    fields["@timestamp"] = {"type": "date"}
    return {
        "settings": {
            "index": {
                "codec": "best_compression",
                "refresh_interval": "-1",  # the appender refreshes: what it acknowledged is seen
                "mapping": {"total_fields": {"limit": 4_000}},
                "max_regex_length": 20_000,
                "analysis": {
                    "normalizer": {"lower": {"type": "custom", "filter": ["lowercase"]}},
                    "tokenizer": {"words": {"type": "pattern", "pattern": r"[^\p{L}\p{N}\p{M}_]+"}},
                    "filter": {"short": {"type": "truncate", "length": 10_000}},
                    "analyzer": {"words": {"type": "custom", "tokenizer": "words", "filter": ["short"]}},
                },
            }
        },
        "mappings": {
            "subobjects": False,
            "dynamic": False,
            "_source": {"excludes": [f"{INDEX}*"]},
            "properties": fields,
        },
    }
