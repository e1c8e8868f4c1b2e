"""Emissions are values."""

from __future__ import annotations

from kydai.demo.emission import Emission, Flow, Transport


def test_emissions_and_flows_are_values() -> None:
    one = Emission(1, "dc01", Transport.SYSLOG_TCP, "10.20.2.11", b"x")
    assert one == Emission(1, "dc01", Transport.SYSLOG_TCP, "10.20.2.11", b"x", None)
    flow = Flow(5, "fw-ttdl", "10.20.1.1", "192.0.2.1", 1, 2, 6, 10, 1, 4)
    assert flow.story is None
    assert Transport("netflow") is Transport.NETFLOW
