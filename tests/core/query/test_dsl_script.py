"""The scripts are constant, and compile: what they decide is compared in test_to_dsl.py."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from core.query.dsl_script import CHECK, JOINED, NUMBERS, SEPARATOR, VALUES
from core.store.elastic_fields import FOLDED_TEXTS, MISFIT, TEXTS
from tests.services.elasticsearch import Node


def test_they_read_what_the_document_writes() -> None:
    for script in (CHECK, JOINED, VALUES, NUMBERS):
        assert f"source['{TEXTS}']" in script
        assert f"source['{FOLDED_TEXTS}']" in script
    for script in (CHECK, VALUES, NUMBERS):
        assert f"doc['{MISFIT}']" in script
    assert SEPARATOR in JOINED


@pytest.mark.service
@pytest.mark.parametrize(("type_", "source"), [("boolean", CHECK), ("keyword", JOINED)])
def test_the_server_compiles_them(elastic: Node, type_: str, source: str) -> None:
    with Elasticsearch(elastic.url) as client:
        name = "kydai-test-script"
        client.options(ignore_status=400).indices.create(index=name)
        script = {"source": source, "params": {"field": "a", "mode": "ci", "op": "in", "values": ["x"]}}
        found = client.search(
            index=name, runtime_mappings={"c": {"type": type_, "script": script}}, query={"exists": {"field": "c"}}
        )
        assert found["hits"]["total"]["value"] == 0
        client.indices.delete(index=name)
