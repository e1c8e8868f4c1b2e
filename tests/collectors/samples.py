"""Real material for tests: beside the repository (``../shared/data``) or where KYDAI_DATA_SAMPLES says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def samples(name: str) -> Path:
    """The file or folder of this name; skips the test, saying what is missing, when it is not here."""
    folder = os.environ.get("KYDAI_DATA_SAMPLES")
    root = Path(folder) if folder else Path(__file__).parents[2].parent / "shared" / "data"
    path = root / name
    if not path.exists():
        pytest.skip(f"no sample data at {path} (set KYDAI_DATA_SAMPLES)")
    return path
