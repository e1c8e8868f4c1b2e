"""Findings on rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadConfig
from detections.lint import Weight, lint
from tests.detections.sigma_samples import rule_text
from tests.samples import sample

GOOD = rule_text(1, "s:\n  Image: cmd.exe\ncondition: s\n", "{product: windows, category: process_creation}")
WORDS = """\
kydai:
  title: {vi: a, en: b}
  reason: {vi: a, en: b}
  falsepositives: {vi: a, en: b}
  remediation: {vi: a}
"""


@pytest.mark.parametrize(
    ("text", "package", "codes"),
    [
        (GOOD, "local", []),
        (GOOD.replace("id: ", "name: n"), "local", ["id"]),
        (GOOD.replace("process_creation", "unheard_of"), "local", ["logsource"]),
        (GOOD.replace("Image: cmd", "Image|contains: [a, 'b'] #"), "local", ["short", "short"]),
        (rule_text(1, "s:\n  destination.port: 22\ncondition: s\n", "{category: flow}"), "local", []),
        (GOOD, "kydai", ["words"] * 4),
        (rule_text(1, "s:\n  F: 1\ncondition: s\n", more=WORDS), "kydai", ["words"]),
        ("title: [\n", "local", ["load"]),
    ],
)
def test_findings(tmp_path: Path, text: str, package: str, codes: list[str]) -> None:
    (tmp_path / "r.yml").write_text(text)
    findings = lint(tmp_path / "r.yml", package)[1]
    assert [finding.code for finding in findings] == codes
    assert all(finding.file == "r.yml" for finding in findings)
    assert all((finding.weight is Weight.ERROR) == (finding.code == "load") for finding in findings)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfig):
        lint(tmp_path / "nothing.yml")


def test_a_part_of_sigmahq_has_no_errors() -> None:
    loaded, findings = lint(sample("sigmahq") / "rules" / "linux")
    assert len(loaded.rules) > 200
    assert all(finding.weight is Weight.WARNING for finding in findings)
