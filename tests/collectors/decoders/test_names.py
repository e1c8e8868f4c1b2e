from __future__ import annotations

from collectors.decoders.names import DIRECTIONS, FIREWALL_EVENTS, TRANSPORTS


def test_keywords_are_lower_case_and_unique() -> None:
    assert (TRANSPORTS[6], TRANSPORTS[17], TRANSPORTS[58]) == ("tcp", "udp", "ipv6-icmp")
    assert all(name == name.lower() for name in TRANSPORTS.values())
    assert len(set(TRANSPORTS.values())) == len(TRANSPORTS)


def test_directions_and_events() -> None:
    assert DIRECTIONS == {0: "ingress", 1: "egress"}
    assert FIREWALL_EVENTS[3] == "flow-denied"
