"""Real material for tests: used when present, and said so when absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.services import missing

NAMED = os.environ.get("KYDAI_DATA_SAMPLES")
ROOT = Path(NAMED or Path(__file__).parents[2] / "shared" / "data")


def sample(path: str) -> Path:
    """A file or folder of the samples.

    Without any samples the test is skipped, saying so, wherever it runs: they are not part of the project. Samples that
    are there in part, or whose folder is named and empty, are a mistake: ``missing`` as a service.
    """
    found = ROOT / path
    if not found.exists():
        if not NAMED and (not ROOT.is_dir() or not any(ROOT.iterdir())):
            pytest.skip("there is no sample data here (KYDAI_DATA_SAMPLES names its folder)")
        missing(f"the sample data {path} in {ROOT}")
    return found
