"""All SigmaHQ rules, loaded once for the tests of this folder."""

from __future__ import annotations

import pytest

from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import samples


@pytest.fixture(scope="session")
def sigmahq() -> RuleSet:
    return load([RuleSource(samples("sigmahq"), "sigmahq")])
