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
        ("::ffff:203.0.113.50", "approver"),
        ("2001:DB8:0::53", "infrastructure"),
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
        infrastructure={"192.0.2.53", "2001:db8::53"},
        declared={"198.51.100.1"},
        extra=[ipaddress.ip_network("203.0.113.192/27")],
        targets=[ipaddress.ip_network("10.99.0.0/16")],
    )
    assert found == (f"playbook.protected.{reason}" if reason else None)


def test_this_machine_and_its_sources(database: Database) -> None:
    assert "127.0.0.1" in own_addresses()
    assert isinstance(infrastructure_addresses(), set)
    with database.write() as session:
        for name, keys in (
            ("a", ["198.51.100.1"]),
            ("b", ["udp:198.51.100.2", "host:x", "token:y"]),
            ("c", ["udp:2001:db8::5", "2001:db8::6"]),
            ("198.51.100.7", []),
        ):
            session.add(Source(name=name, keys=keys, is_declared=True, expected=[]))
    with database.read() as session:
        four, six = {"198.51.100.1", "198.51.100.2", "198.51.100.7"}, {"2001:db8::5", "2001:db8::6"}
        assert declared_addresses(session) == four | six
        protected = guard(session, ["203.0.113.9"], [])
    assert protected("203.0.113.9", None) == "playbook.protected.listed"
    assert protected("198.51.100.2", None) == "playbook.protected.declared"
    assert Path("/proc/net/route").exists()


def test_gateways_and_name_servers_of_both_families(tmp_path: Path) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "proc/net/route").write_text(
        "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t010200C0\t0003\neth0\t000200C0\t00000000\t0001\n"
    )
    none, link = "0" * 32, "fe80" + "0" * 28
    (tmp_path / "proc/net/ipv6_route").write_text(
        f"{link} 40 {none} 00 {none} 00000100 00000001 00000000 00000001 eth0\n"
        f"{none} 00 {none} 00 20010db8{'0' * 23}1 00000400 00000003 00000000 00000003 eth0\n"
    )
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.0.2.53\nnameserver 2001:DB8::53%eth0\nnameserver ?\n")
    assert infrastructure_addresses(tmp_path) == {"192.0.2.1", "2001:db8::1", "192.0.2.53", "2001:db8::53"}


def test_an_approver_who_came_over_a_socket_of_both_families() -> None:
    found = reason_of(
        "203.0.113.50", "::ffff:203.0.113.50", own=(), infrastructure=(), declared=(), extra=(), targets=()
    )
    assert found == "playbook.protected.approver"
