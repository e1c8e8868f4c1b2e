"""The benches of Elasticsearch in small, on the node that the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import elastic as append_path
from bench import elastic_system
from tests.core.store.elastic_stores import new_prefix, remove
from tests.services.elasticsearch import Node


@pytest.fixture
def prefix(elastic: Node) -> Iterator[str]:
    made = new_prefix()[:12]  # what the sides are called follows it
    yield made
    for each in ("", *append_path.NAMES):
        remove(elastic.url, made + each)


@pytest.mark.slow
def test_the_append_path_beside_parallel_bulk(elastic: Node, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    append_path.measured(elastic, 50, 1, prefix)
    said = capsys.readouterr().out
    assert "our append path" in said
    assert said.count("parallel_bulk") == 6


@pytest.mark.slow
def test_the_whole_system(elastic: Node, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    elastic_system.measured(elastic, 50, 1, 20, prefix)
    said = capsys.readouterr().out
    assert "50 lines" in said
    assert "alert visible beside 20 lines/s" in said
