"""Options for all tests, and the demonstration that several tests look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.demonstration import Shown, play_once

os.environ["KYDAI_LANG"] = "en"  # kydai.cli.main reads the language once, when it is imported


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-rounds", type=int, default=3, help="how often everything is killed (make chaos: 50)")


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """`make demo ARGS=--once`, played once for all tests that look at it; nobody changes its folder."""
    folder: Path = tmp_path_factory.mktemp("demo") / "data"
    return play_once(folder)
