"""What is never blocked."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from core.db.database import Database
from core.db.models import Source
from playbooks.protected import declared_addresses, guard, infrastructure_addresses, own_addresses, reason_of


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("203.0.113.7", None),
        ("2001:db8::7", None),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("0.0.0.0", "loopback"),
        ("224.0.0.1", "loopback"),
        ("255.255.255.255", "loopback"),
        ("192.0.2.1", "own"),
        ("192.0.2.53", "infrastructure"),
        ("198.51.100.1", "declared"),
        ("203.0.113.50", "approver"),
        ("203.0.113.200", "listed"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "private"),
        ("fe80::1", "private"),
        ("10.99.0.5", None),
        ("not an address", "no_address"),
    ],
)
def test_reasons(address: str, reason: str | None) -> None:
    found = reason_of(
        address,
        "203.0.113.50",
        own={"192.0.2.1"},
        infrastructure={"192.0.2.53"},
        declared={"198.51.100.1"},
        extra=[ipaddress.ip_network("203.0.113.192/27")],
        targets=[ipaddress.ip_network("10.99.0.0/16")],
    )
    assert found == (f"playbook.protected.{reason}" if reason else None)


def test_this_machine_and_its_sources(database: Database) -> None:
    assert "127.0.0.1" in own_addresses()
    assert isinstance(infrastructure_addresses(), set)
    with database.write() as session:
        for name, keys in (("a", ["198.51.100.1"]), ("b", ["udp:198.51.100.2", "host:x", "token:y"])):
            session.add(Source(name=name, keys=keys, is_declared=True, expected=[]))
    with database.read() as session:
        assert declared_addresses(session) == {"198.51.100.1", "198.51.100.2"}
        protected = guard(session, ["203.0.113.9"], [])
    assert protected("203.0.113.9", None) == "playbook.protected.listed"
    assert protected("198.51.100.2", None) == "playbook.protected.declared"
    assert Path("/proc/net/route").exists()
