"""The versions that a report of a fault needs."""

from __future__ import annotations

from tests.kydai.cli.conftest import Run


def test_version(kydai: Run) -> None:
    (facts,) = kydai("version", "--json").documents
    assert set(facts) == {"kydai", "python", "ecs", "schema"}
