"""Stores in one shared Elasticsearch, each under a prefix of its own."""

from __future__ import annotations

import os
from typing import Any

from elasticsearch import Elasticsearch

from core.clock import StillClock
from core.store.elastic import ElasticStore
from tests.core.store.conformance import START


def new_prefix() -> str:
    return f"t{os.urandom(8).hex()}"


def open_store(url: str, prefix: str, now: int = START, **options: Any) -> ElasticStore:
    """A store that soon gives up, unless told otherwise."""
    return ElasticStore([url], StillClock(now), prefix=prefix, **{"patience": 2.0, **options})


def remove(url: str, prefix: str) -> None:
    """Remove all that stands under a prefix: every index makes the next one slower."""
    with Elasticsearch(url, request_timeout=60) as client:
        if names := list(client.indices.get(index=f"{prefix}-*", expand_wildcards="all").body):
            client.indices.delete(index=names)
        client.options(ignore_status=404).indices.delete_index_template(name=f"{prefix}-events")
