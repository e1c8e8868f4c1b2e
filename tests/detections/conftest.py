"""All SigmaHQ rules, and all rules there are, loaded once for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import detections
from detections.ruleset import RuleSet, RuleSource, load
from kydai.demo import stage
from tests.samples import sample

OWN = Path(detections.__file__).parent
HOUSE = Path(stage.__file__).with_name(stage.HOUSE_RULES)


@pytest.fixture(scope="session")
def sigmahq(request: pytest.FixtureRequest) -> RuleSet:
    """The cache is keyed by the content of the rules and of what compiles them, so it cannot be stale."""
    cache: Path = request.config.cache.mkdir("sigma-rules")
    return load([RuleSource(sample("sigmahq"), "sigmahq")], cache=cache)


@pytest.fixture(scope="session")
def all_rules(request: pytest.FixtureRequest) -> RuleSet:
    """All rules there are, as they alert or not when nobody has chosen."""
    folders = [
        (OWN / "rules", "kydai"),
        (OWN / "correlations", "kydai"),
        (sample("sigmahq"), "sigmahq"),
        (HOUSE, "local"),
    ]
    cache = request.config.cache.mkdir("sigma-rules")
    return load([RuleSource(folder, package) for folder, package in folders], cache=cache)
