"""What a rule does when nobody has decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detections.ir import TRUE
from detections.rule import Level, Logsource, Mode, Rule, RuleError, default_mode

RULE = Rule("i", "T", Level.HIGH, "test", Logsource("windows"), TRUE, (), (), folder="rules", package="sigmahq")


@pytest.mark.parametrize(
    ("change", "mode"),
    [
        ({}, Mode.ALERT),
        ({"level": Level.MEDIUM, "status": "stable"}, Mode.ALERT),
        ({"folder": "rules-emerging-threats"}, Mode.ALERT),
        ({"level": Level.LOW}, Mode.RECORD),
        ({"level": Level.INFORMATIONAL}, Mode.RECORD),
        ({"status": "experimental"}, Mode.RECORD),
        ({"folder": "rules-threat-hunting"}, Mode.RECORD),
        ({"folder": "rules-placeholder"}, Mode.RECORD),
        ({"package": "kydai", "status": "experimental"}, Mode.ALERT),
        ({"package": "kydai", "level": Level.LOW}, Mode.RECORD),
    ],
)
def test_default_mode(change: dict[str, object], mode: Mode) -> None:
    assert default_mode(replace(RULE, **change)) is mode  # type: ignore[arg-type]


def test_words_of_a_rule() -> None:
    rule = replace(RULE, texts={"title": {"vi": "Dò mật khẩu", "en": "Password guessing"}}, description="Why")
    assert rule.text("title", "vi") == "Dò mật khẩu"
    assert rule.text("title", "fr") == "Password guessing"
    assert rule.text("reason", "vi") == "Why"
    assert RULE.text("title", "vi") == "T"


def test_errors_read_as_places() -> None:
    assert str(RuleError("a.yml", 3, "why")) == "a.yml:3: why"
    assert str(RuleError("a.yml", None, "why")) == "a.yml: why"
