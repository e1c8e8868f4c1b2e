"""Options for all tests, and the rule that a missing service fails where services are required."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-rounds", type=int, default=3, help="how often everything is killed (make chaos: 50)")
