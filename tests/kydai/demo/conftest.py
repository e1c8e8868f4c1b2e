"""One generated day for all tests of the demonstration."""

from __future__ import annotations

import pytest

from core.clock import Micros, to_micros
from kydai.demo.day import past_emissions
from kydai.demo.emission import Emission

NOW: Micros = to_micros("2026-11-25T09:00:00+07:00")


@pytest.fixture(scope="session")
def past() -> list[Emission]:
    """The day before NOW, from seed 7."""
    return list(past_emissions(7, NOW))
