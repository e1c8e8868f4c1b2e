"""Ports as an account sees them, and the firewall of the machine."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from kydai import systemd
from kydai.cli import doctor_ports
from kydai.cli.doctor_ports import Door, Finding, ports
from kydai.listening import listeners
from kydai.settings import Http, Netflow, Settings, Syslog


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No service, no firewall, and an account that may not open ports below 1024."""
    monkeypatch.setattr(systemd, "FILE", tmp_path / systemd.NAME)
    for name in ("UFW", "NFTABLES"):
        monkeypatch.setattr(doctor_ports, name, tmp_path / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(Door, "refusal", lambda door: errno.EACCES if door.port < 1024 else 0)
    return tmp_path


def found(*, is_running: bool = False, address: str = "127.0.0.1", syslog: int = 5514) -> dict[str, Finding]:
    settings = Settings(
        http=Http(address="127.0.0.1"),
        syslog=Syslog(address=address, port=syslog),
        netflow=Netflow(address="127.0.0.1"),
    )
    return {finding.check: finding for finding in ports(settings, running=listeners(settings) if is_running else ())}


def test_514_is_no_fault_unless_it_is_wanted(machine: Path) -> None:
    allows = "ip_unprivileged_port_start=514"
    low = found()["port 514"]
    assert low.ok and allows in low.text
    wanted = found(syslog=514)["port 514"]
    assert not wanted.ok and allows in wanted.remedy
    assert found(syslog=514, is_running=True)["port 514"].ok, "we hold it, though this account may not"
    systemd.FILE.touch()
    assert found(syslog=514)["port 514"].ok
    assert "set [syslog] port = 514" in found()["port 514"].text


def test_each_firewall_has_its_lines_for_what_is_open_to_others(machine: Path) -> None:
    (machine / "UFW").write_text("ENABLED=no\n")
    assert "firewall" not in found(address="0.0.0.0")
    (machine / "NFTABLES").write_text("chain input { type filter hook input priority 0; policy drop; }\n")
    assert "firewall" not in found()
    text = found(address="0.0.0.0")["firewall"].text
    assert "udp dport 5514 accept" in text and "tcp dport 5514 accept" in text
    assert "8470" not in text and "2055" not in text
    (machine / "firewall-cmd").write_text("#!/bin/sh\n")
    (machine / "firewall-cmd").chmod(0o755)
    assert "--add-port=5514/udp" in found(address="10.20.1.50")["firewall"].text
    (machine / "UFW").write_text("# on\nENABLED=yes\n")
    assert "sudo ufw allow 5514/tcp" in found(address="::")["firewall"].text
