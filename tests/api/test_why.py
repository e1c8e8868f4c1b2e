"""What an alert is told beside its matches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.why import why
from detections.ruleset import RuleSet, RuleSource, load

RULE = """\
title: Sign-in failure
id: 11111111-1111-4111-8111-111111111111
status: test
level: high
logsource: {product: linux, service: sshd}
detection:
  selection:
    event.outcome: failure
  known:
    source.ip: 192.0.2.1
  condition: selection and not known
---
title: Many failures
id: 22222222-2222-4222-8222-222222222222
status: test
level: high
correlation:
  type: event_count
  rules: [11111111-1111-4111-8111-111111111111]
  group-by: [host.name]
  timespan: 10m
  condition: {gte: 3}
"""
ID = "11111111-1111-4111-8111-111111111111"


def rules(folder: Path) -> RuleSet:
    (folder / "r.yml").write_text(RULE)
    return load([RuleSource(folder, "local")])


def text(package: str, file: str) -> str:
    return RULE


def matched(line: int, selection: str) -> dict[str, Any]:
    return {"field": "event.outcome", "value": "failure", "line": line, "selection": selection}


def test_lines_are_shown_while_the_rule_still_asks_it_there(tmp_path: Path) -> None:
    ruleset = rules(tmp_path)
    told = why(ruleset, text, ID, [matched(8, "selection"), matched(10, "selection"), {"field": "x", "value": 1}])
    assert told is not None
    assert (told.lines, told.filters, told.correlation) == ({8: "event.outcome: failure"}, ["known"], None)
    gone = why(ruleset, lambda package, file: None, ID, [matched(8, "selection")])
    assert gone is not None and gone.lines == {}
    assert why(ruleset, text, "self:lag", []) is None


def test_a_correlation_says_what_it_asks(tmp_path: Path) -> None:
    told = why(rules(tmp_path), text, "22222222-2222-4222-8222-222222222222", [])
    assert told is not None and told.correlation is not None
    asked = told.correlation
    assert (asked.type, asked.group_by, asked.timespan.vi) == ("event_count", ["host.name"], "10 phút")
    assert [(each.operator, each.number) for each in asked.bounds] == [("gte", 3)]
    assert [(each.id, each.title.en) for each in asked.rules] == [(ID, "Sign-in failure")]
