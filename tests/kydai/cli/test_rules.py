"""Rules in force, their modes, and rules over files."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run
from tests.kydai.conftest import RULE

ID = "11111111-1111-4111-8111-111111111111"


def test_modes_are_listed_and_changed(kydai: Run, tmp_path: Path) -> None:
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    (local / "bad.yml").write_text("title: x\nlogsource: {}\n")
    listed = kydai("rules", "list", "--package", "local", "--json")
    assert listed.status == 3, "one rule cannot be used"
    assert [(r["id"], r["mode"]) for r in listed.documents] == [(ID, "alert")]
    assert "bad.yml" in kydai("rules", "list", "--errors").out
    assert kydai("rules", "record", "test_sign_in_failure", "--reason", "ồn").status == 0
    assert [r["mode"] for r in kydai("rules", "list", "--package", "local", "--json").documents] == ["record"]
    assert kydai("rules", "disable", "nonsense").status == 2


def test_rules_over_a_file(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(RULE)
    events = tmp_path / "e.jsonl"
    events.write_text('{"event.outcome":"success"}\n{"event.outcome":"failure"}\n')
    ran = kydai("rules", "match", "--rules", str(tmp_path / "r.yml"), str(events))
    assert [(d["rule"], d["level"], d["record"]) for d in ran.documents] == [(ID, "high", 1)]
