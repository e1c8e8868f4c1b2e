from __future__ import annotations

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from core.store.elastic import ElasticStore
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.services.elasticsearch import Node


@pytest.fixture
def prefix(elastic: Node) -> Iterator[str]:
    """A prefix for one test."""
    made = new_prefix()
    yield made
    remove(elastic.url, made)


@pytest.fixture(scope="session")
def shared(elastic: Node) -> Iterator[ElasticStore]:
    """One store for tests that look at events of their own only: to make one takes a second or two."""
    made = new_prefix()
    store = open_store(elastic.url, made)
    yield store
    store.close()
    remove(elastic.url, made)


@pytest.fixture
def store(elastic: Node, prefix: str) -> Iterator[ElasticStore]:
    """An empty store under ``prefix``."""
    opened = open_store(elastic.url, prefix)
    yield opened
    opened.close()


@pytest.fixture
def es(elastic: Node) -> Iterator[Elasticsearch]:
    """The bare client, for doing what others may do to the cluster."""
    client = Elasticsearch(elastic.url)
    yield client
    client.close()
