"""Facts for an alert's sentence."""

from __future__ import annotations

from core.event import Event
from detections.alert_facts import facts


def test_a_hosts_own_connection_is_no_origin() -> None:
    going: Event = {"source.ip": "10.20.32.11", "destination.ip": "203.0.113.9", "network.direction": "egress"}
    assert facts(going)["from"] == ["10.20.32.11"]
    assert "from" not in facts(going | {"process.executable": r"C:\Windows\notepad.exe"})
    assert facts({"client.ip": "10.20.32.11"}) == {"from": ["10.20.32.11"]}
