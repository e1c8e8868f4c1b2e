"""Real services for tests: named when they are missing, and a failure where they are required."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, saying what is missing; fail with KYDAI_REQUIRE_SERVICES=1."""
    if os.environ.get("KYDAI_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what} is required here and missing")
    pytest.skip(f"{what} is missing")


def program(*names: str) -> str:
    """The path of the first program that is installed."""
    for name in names:
        for found in (shutil.which(name), shutil.which(name, path="/usr/sbin:/sbin")):
            if found:
                return found
    missing(" or ".join(names))
