"""Fields and log sources that are nearly known ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from detections.lint import Finding, lint
from detections.rule import Rule
from detections.rule_files import RuleFile, rule_files
from detections.ruleset import RuleSet
from detections.slips import remarks
from tests.detections.sigma_samples import rule_text
from tests.samples import sample

SUDO = "{product: linux, service: sudo}"
PROCESS = "{product: windows, category: process_creation}"


def findings(folder: Path, *texts: str) -> list[Finding]:
    (folder / "r.yml").write_text("---\n".join(texts), encoding="utf-8")
    return [each for each in lint(folder / "r.yml")[1] if each.code in ("field", "logsource")]


@pytest.mark.parametrize(
    ("detection", "source", "place", "word"),
    [
        ("s:\n  CommandLin|contains: whoami\ncondition: s\n", PROCESS, (8, 5), "CommandLine"),
        ("s:\n  - Image: abc\n    commandline: whoami\ncondition: s\n", PROCESS, (9, 7), "CommandLine"),
        ("s: {process.comand_line: whoami}\ncondition: s\n", SUDO, (7, 7), "process.command_line"),
        ("s: {dst_prt: 22}\ncondition: s\n", "{category: flow}", (7, 7), "dst_port"),
        ("s: {G: abc}\ncondition: s\n", PROCESS.replace("ss_", "s_"), (5, 41), "windows/process_creation"),
        ("s: {G: abc}\ncondition: s\n", "{product: window, service: security}", (5, 22), "windows/security"),
    ],
)  # fmt: skip
def test_named_with_place_and_what_was_meant(
    tmp_path: Path, detection: str, source: str, place: tuple[int, int], word: str
) -> None:
    (found,) = findings(tmp_path, rule_text(1, detection, source))
    assert (found.line, found.column) == place
    assert all(text.endswith(f": {word}.") or f": {word}," in text for text in found.said.values()), found.said


def test_each_document_has_its_own_line(tmp_path: Path) -> None:
    good = rule_text(1, "s: {Image: abc}\ncondition: s\n", PROCESS)
    bad = rule_text(2, "s: {Imag: abc}\ncondition: s\n", PROCESS)
    assert [(each.line, each.column) for each in findings(tmp_path, good, bad)] == [(16, 7)]


def test_what_is_known_or_like_nothing_is_left_alone(tmp_path: Path) -> None:
    for field in ("CommandLine", "NewProcessName", "TargetImage", "LogonType", "process.command_line", "Whatever"):
        assert not findings(tmp_path, rule_text(1, f"s: {{{field}: abc}}\ncondition: s\n", PROCESS))
    for source in ("{product: aws, service: guardduty}", "{product: own}"):
        assert not [
            each
            for each in findings(tmp_path, rule_text(1, "s: {eventNam: abc}\ncondition: s\n", source))
            if each.code == "field"
        ]


def test_no_rule_of_sigmahq_has_a_slip(sigmahq: RuleSet) -> None:
    by_file: dict[str, list[Rule]] = {}
    for rule in sigmahq.rules:
        by_file.setdefault(rule.file, []).append(rule)
    files = [file for file in rule_files(sample("sigmahq")) if isinstance(file, RuleFile)]
    assert [remark for file in files for remark in remarks(file, by_file.get(file.name, ()), ())] == []
