"""Real material for tests: used when present, and said so when absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("KYDAI_DATA_SAMPLES") or Path(__file__).parents[2] / "shared" / "data")


def sample(path: str) -> Path:
    """A file or folder of the samples; skips the test, naming it, when it is not there."""
    found = ROOT / path
    if not found.exists():
        pytest.skip(f"the sample data {path} is not here (KYDAI_DATA_SAMPLES names its folder)")
    return found
