"""The province's own rules: they load, name rules that exist, and except what they say and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import detections
from detections.match import Matcher
from detections.rule import Mode
from detections.ruleset import RuleSet, RuleSource, load
from kydai.demo import stage

OWN = Path(detections.__file__).parent / "rules"
LOCAL = Path(stage.__file__).with_name(stage.HOUSE_RULES)
FLOW: dict[str, Any] = {"event.dataset": "netflow.flow", "network.transport": "tcp", "network.packets": 2}


def _rules(*, with_house: bool = True) -> RuleSet:
    found = load([RuleSource(OWN, "kydai")] + ([RuleSource(LOCAL, "local")] if with_house else []))
    assert not found.errors
    return found


def _names(event: dict[str, Any], *, with_house: bool = True) -> set[str]:
    rules = _rules(with_house=with_house)
    ((_, hits),) = Matcher(rules).judge([event])
    return {rules.by_id[hit].name for hit in hits}


def test_the_allowed_scanner_and_no_other_is_excepted() -> None:
    knock = FLOW | {"source.ip": "10.20.16.99", "destination.ip": "10.20.5.11", "destination.port": 22}
    assert _names(knock, with_house=False) == {"kydai_flow_probe", "kydai_flow_admin_probe"}
    assert _names(knock) == set()
    assert _names(knock | {"source.ip": "10.20.16.98"}) == {"kydai_flow_probe", "kydai_flow_admin_probe"}


def test_the_control_system_may_speak_with_its_gateway_only() -> None:
    talk = FLOW | {"network.packets": 20, "source.port": 50000, "source.ip": "10.20.7.12", "destination.port": 502}
    assert _names(talk | {"destination.ip": "10.20.7.11"}) == set()
    assert _names(talk | {"destination.ip": "10.20.7.13"}) == {"kydai_flow_control_protocol"}
    strange = talk | {"source.ip": "10.20.32.41", "destination.ip": "10.20.7.11"}
    assert _names(strange) == {"kydai_flow_control_protocol"}


def test_the_jump_host_is_entered_from_desks() -> None:
    accepted = {
        "event.module": "system",
        "event.dataset": "system.auth",
        "process.name": "sshd",
        "event.action": "ssh_login",
        "event.outcome": "success",
        "message": "Accepted publickey for duclm from 10.20.6.21 port 50212 ssh2",
        "host.name": "jump01",
        "source.ip": "10.20.6.21",
    }
    assert "bachvan_jump_host_from_server" in _names(accepted)
    assert "bachvan_jump_host_from_server" not in _names(accepted | {"source.ip": "10.20.32.41"})
    assert "bachvan_jump_host_from_server" not in _names(accepted | {"host.name": "csdl-db01"})
    rules = _rules()
    (ours,) = [rule for rule in rules.rules if rule.package == "local"]
    assert rules.mode(ours.id) is Mode.ALERT
