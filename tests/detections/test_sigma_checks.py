"""The checks of pySigma and SigmaHQ, without the Internet."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from detections.sigma_checks import checks, sigma_findings
from tests.detections.sigma_samples import rule_text


def test_they_are_found_and_ask_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a check asks the Internet")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "a.yml").write_text(
        rule_text(1, "sel: {CommandLine: [a, a, '1']}\ncondition: sel") + "\nfalsepositives: [none]\n"
    )
    (tmp_path / "b.yml").write_text("title: [")
    (tmp_path / "c.yml").write_text("- x")
    (tmp_path / "d.yml").write_text(rule_text(2, "sel: {5: b}\ncondition: sel") + "\n---\ncorrelation: 5\n---\n")
    found = sigma_findings(tmp_path)
    codes = {each.code for each in found}
    assert {"SigmahqFalsepositivesBannedWordIssue", "SigmahqFieldDuplicateValueIssue", "NumberAsStringIssue"} <= codes
    assert {each.file for each in found} == {"a.yml"}
    assert len(checks()) > 40
    (duplicate,) = [each for each in found if each.code == "SigmahqFieldDuplicateValueIssue"]
    assert "(" in duplicate.said["en"], "says which"
