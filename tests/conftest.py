"""Options for all tests, and the demonstration that several tests look at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demonstration import Shown, play_once
from tests.services import elasticsearch

os.environ["KYDAI_LANG"] = "en"  # kydai.cli.main reads the language once, when it is imported


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-rounds", type=int, default=3, help="how often everything is killed (make chaos: 200)")
    parser.addoption("--language-cases", type=int, default=20_000, help="events compared on engines (long: 500000)")


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """`make demo ARGS=--once`, played once for all tests that look at it; nobody changes its folder."""
    folder: Path = tmp_path_factory.mktemp("demo") / "data"
    return play_once(folder)


@pytest.fixture(scope="session")
def elastic() -> Iterator[elasticsearch.Node]:
    """One running Elasticsearch for all tests, which use names of their own in it and do not stop it.

    KYDAI_TEST_ELASTICSEARCH_URL names one that runs already, to try a single test again and again.
    """
    if url := os.environ.get("KYDAI_TEST_ELASTICSEARCH_URL"):
        there = elasticsearch.Node(Path(), 0, 0)
        there.url = url
        yield there
        return
    with elasticsearch.node() as started:
        yield started


@pytest.fixture(scope="session")
def secured() -> Iterator[elasticsearch.SecureNode]:
    """One running Elasticsearch with security on (TLS, API keys), shared as ``elastic`` is."""
    with elasticsearch.secure_node() as started:
        yield started
