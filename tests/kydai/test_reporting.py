"""Reports of a data folder know its rules by title and state, and read them once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from detections.ruleset import RuleSet
from kydai import reporting
from kydai.cli.output import Output
from kydai.context import Context
from kydai.detector import load_rules
from kydai.settings import Settings


def test_rules_are_read_once_and_known_by_title_and_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def load(settings: Settings, session: Session) -> RuleSet:
        read.append(1)
        return load_rules(settings, session)

    monkeypatch.setattr(reporting, "load_rules", load)
    context = Context(tmp_path / "data", None, Output(True, "vi"))
    services = reporting.services_of(context)
    assert read == []
    states = list(services.coverage())
    assert len(states) > 50
    assert {str(s.state) for s in states} == {"not_here"}, "an empty house has no product"
    title = services.rule_title(states[0].rule)
    assert set(title) == {"vi", "en"}
    assert services.rule_title("gone") == "gone"
    assert read == [1]
    context.close()
