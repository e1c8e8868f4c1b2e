"""All SigmaHQ rules, loaded once for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from detections.ruleset import RuleSet, RuleSource, load
from tests.samples import sample


@pytest.fixture(scope="session")
def sigmahq(request: pytest.FixtureRequest) -> RuleSet:
    """The cache is keyed by the content of the rules and of what compiles them, so it cannot be stale."""
    cache: Path = request.config.cache.mkdir("sigma-rules")
    return load([RuleSource(sample("sigmahq"), "sigmahq")], cache=cache)
