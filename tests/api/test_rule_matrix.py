"""The matrix as it is told: each technique once, each tactic in its place."""

from __future__ import annotations

from typing import Any

from api.rule_matrix import matrix_of
from api.rules import RuleRow
from api.shapes import Words
from core.db.models import Level
from detections.rule import Effect, Mode


def row(*tags: str, **more: Any) -> RuleRow:
    values: dict[str, Any] = {
        "id": "r", "kind": "rule", "title": Words(), "level": Level.HIGH, "status": "test", "package": "kydai",
        "file": "r.yml", "line": 1, "logsource": "", "tags": list(tags), "mode": Mode.ALERT, "effect": Effect.ALERT,
        "default_effect": Effect.ALERT, "alert_effect": Effect.ALERT, "decided_by": None, "coverage": "live",
        "hosts": 1, "seeing_hosts": 1, "blind_hosts": 0, "why": None, "alerts": 0, "hits": None,
    }  # fmt: skip
    return RuleRow(**values | more)


def test_a_technique_stands_under_each_of_its_tactics() -> None:
    told = matrix_of([row("attack.t1078"), row("attack.t1003.001", coverage="blind")])
    under = [tactic.name for tactic in told.tactics if "T1078" in tactic.techniques]
    assert under == ["initial-access", "persistence", "privilege-escalation", "stealth"]
    assert told.tactics[0].name == "reconnaissance"
    dumping = told.techniques["T1003"]
    assert (dumping.sight, dumping.rules) == ("blind", {"blind": 1})
    assert [(each.id, each.sight) for each in dumping.subs][:2] == [("T1003.001", "blind"), ("T1003.002", "none")]
    assert told.sights == {"live": 1, "blind": 1, "none": len(told.techniques) - 2}
    assert told.is_told


def test_while_coverage_is_not_known_nothing_is_coloured() -> None:
    told = matrix_of([row("attack.t1078", coverage=None), row(effect=Effect.DISABLED, coverage=None)])
    assert not told.is_told
    assert (told.techniques["T1078"].sight, told.untagged) == ("none", 1)
