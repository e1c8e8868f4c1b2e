"""``kydai rules convert``."""

from __future__ import annotations

from pathlib import Path

from core.query.language import parse
from tests.kydai.cli.conftest import Run
from tests.kydai.conftest import RULE

NAME = "kydai_windows_other_log_cleared"
BORDER = RULE.replace("event.outcome: failure", "event.outcome|re: 'a\\bc'")


def test_a_rule_in_force_and_a_file(kydai: Run, tmp_path: Path) -> None:
    ran = kydai("rules", "convert", NAME)
    assert ran.status == 0
    (query,) = [line for line in ran.out.splitlines() if line.startswith("winlog.channel")]
    parse(query, now=0, zone="UTC")
    (tmp_path / "r.yml").write_text(RULE)
    (document,) = kydai("rules", "convert", str(tmp_path), "--json").documents
    assert document["error"] is None
    assert document["queries"][0].endswith("event.outcome:failure")


def test_what_has_no_query_is_told(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(BORDER)
    ran = kydai("rules", "convert", str(tmp_path / "r.yml"))
    assert ran.status == 3
    assert "\\b" in ran.err
    assert kydai("rules", "convert", "nosuch").status == 2
    assert kydai("rules", "convert", "-t", "splunk", str(tmp_path / "r.yml")).status == 2


def test_the_checks_of_sigmahq_are_asked_for(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(RULE)
    plain, shared = (kydai("rules", "lint", str(tmp_path / "r.yml"), *more) for more in ((), ("--sigmahq",)))
    assert plain.status == shared.status == 0
    assert "Sigmahq" not in plain.out
    assert "SigmahqDescriptionExistenceIssue" in shared.out
