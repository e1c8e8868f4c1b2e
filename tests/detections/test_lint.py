"""Findings on rules."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from core.errors import BadConfig
from detections.lint import Weight, lint, own_rules
from detections.ruleset import RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text
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


CORRELATION = """\
title: Many
id: 00000000-0000-4000-8000-00000000000{number}
name: {name}
level: high
correlation:
  type: temporal
  rules: [{rules}]
  timespan: 5m
"""


def test_correlations_that_cannot_be_evaluated(tmp_path: Path) -> None:
    text = GOOD + "name: there\n---\n" + CORRELATION.format(number=7, name="one", rules="there, gone")
    circle = [CORRELATION.format(number=n, name=a, rules=b) for n, a, b in ((8, "left", "right"), (9, "right", "left"))]
    (tmp_path / "one.yml").write_text(text)
    (tmp_path / "two.yml").write_text("---\n".join(circle))
    loaded, findings = lint(tmp_path)
    assert [(f.weight, f.file, f.line) for f in findings] == [
        (Weight.ERROR, "one.yml", text.count("\n", 0, text.index("title: Many")) + 1),
        (Weight.ERROR, "two.yml", 1),
        (Weight.ERROR, "two.yml", 10),
    ]
    assert "'gone'" in findings[0].said["en"]
    assert "itself" in findings[1].said["en"]
    assert {error.said["vi"] for error in loaded.errors} == {finding.said["vi"] for finding in findings}


def test_a_correlation_may_read_what_is_in_force_elsewhere(tmp_path: Path) -> None:
    own = Path(str(files("detections"))) / "correlations"
    first, *others = sorted(own.glob("*.yml"))
    assert not lint(first, "kydai")[1]
    ours = own_rules()
    for path in others:
        assert not lint(path, "kydai", lambda: ours)[1], path
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_text(rule_text(3, "s:\n  F: 1\ncondition: s\n", more="name: elsewhere\n"))
    (tmp_path / "c.yml").write_text(CORRELATION.format(number=7, name="one", rules="elsewhere"))
    assert not lint(tmp_path / "c.yml", in_force=lambda: load([RuleSource(tmp_path / "rules", "p")]))[1]
    assert lint(tmp_path / "c.yml")[1]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadConfig):
        lint(tmp_path / "nothing.yml")


def test_a_part_of_sigmahq_has_no_errors() -> None:
    loaded, findings = lint(sample("sigmahq") / "rules" / "linux")
    assert len(loaded.rules) > 200
    assert all(finding.weight is Weight.WARNING for finding in findings)


def test_a_value_of_the_site_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(rule_text(1, "s:\n  G: abc\n  User|expand: '%admins%'\ncondition: s\n"))
    (finding,) = (each for each in lint(tmp_path)[1] if each.code == "no_value")
    assert (finding.weight, finding.line, "%admins%" in finding.said["en"]) == (Weight.WARNING, 9, True)
    assert not [each for each in lint(tmp_path, placeholders={"admins": ["root"]})[1] if each.code == "no_value"]


def test_a_filter_that_names_no_rule_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(rule_text(1, "s:\n  G: abc\ncondition: s\n", more="name: one_rule\n"))
    text = "title: F\nlogsource: {product: windows}\nfilter:\n  rules: [@]\n  x: {A: 1}\n  condition: not x\n"
    (tmp_path / "f.yml").write_text(text.replace("@", "one_rull"))
    (finding,) = (each for each in lint(tmp_path)[1] if each.code == "filter_rule")
    assert (finding.file, finding.weight, "one_rule" in finding.said["en"]) == ("f.yml", Weight.WARNING, True)
    for known in ("one_rule", rule_id(1), "kydai_linux_logs_cleared"):
        (tmp_path / "f.yml").write_text(text.replace("@", known))
        assert not [each for each in lint(tmp_path)[1] if each.code == "filter_rule"]


@pytest.mark.parametrize(
    ("wrong", "right"), [("filtre", "filter"), ("corelation", "correlation"), ("detecton", "detection")]
)
def test_a_misspelt_head_is_told(tmp_path: Path, wrong: str, right: str) -> None:
    (tmp_path / "x.yml").write_text(f"title: F\nlogsource: {{product: windows}}\n{wrong}:\n  condition: x\n")
    (finding,) = lint(tmp_path)[1]
    assert (finding.line, f"Perhaps it should be: {right}" in finding.said["en"]) == (3, True)
