"""Whether the fields of each rule are mapped to what parsers fill, as a person asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run

RULE = """\
title: House rule of parents
id: 11111111-1111-4111-8111-111111111111
status: test
level: high
logsource: {product: linux, category: process_creation}
detection:
  s: {ParentImage: x}
  condition: s
"""
ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def house(tmp_path: Path, kydai: Run) -> Run:
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    assert kydai("rules", "list").status == 0
    return kydai


def test_a_field_that_nobody_fills_is_named_with_what_to_do(house: Run) -> None:
    (found,) = house("rules", "coverage", ID, "--static", "--json").documents
    assert (found["standing"], found["missing"]) == ("needs_field", ["ParentImage"])
    ran = house("rules", "coverage", "--static")
    assert "House rule of parents" in ran.out
    assert "nothing fills ParentImage" in ran.out
    assert "Sysmon" in ran.out
    assert "need a field" in ran.err
    (counts,) = house("rules", "coverage", "--static", "--count", "--json").documents
    assert counts["needs_field"] >= 1
    assert counts["unknown"] == 0


def test_classes_are_not_mixed(house: Run) -> None:
    refused = house("rules", "coverage", "--static", "--state", "blind")
    assert refused.status == 2
    assert "--static does not go with --state" in refused.err
