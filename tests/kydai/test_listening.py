"""Each listener has an address and port of its own, by name; ``--listen`` sets one or all."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import BadConfig, BadInput
from kydai.listening import Listener, by_options, intake_of, listeners, refuse_foreign, shown, told
from kydai.settings import Http, Intake, Netflow, Settings, Syslog


def placed(settings: Settings) -> dict[str, tuple[str, int]]:
    return {each.name: (each.address, each.port) for each in listeners(settings)}


def test_each_follows_its_section_until_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(placed(Settings())) == {"console", "syslog_udp", "syslog_tcp", "netflow"}
    settings = Settings(
        http=Http(address="10.0.0.5", port=443),
        intake=Intake(address="10.1.0.5"),
        syslog=Syslog(address="10.1.0.5", udp_port=514, tcp_address="10.2.0.5"),
        netflow=Netflow(address="10.3.0.5"),
    )
    assert placed(settings) == {
        "console": ("10.0.0.5", 443),
        "intake": ("10.1.0.5", 443),
        "syslog_udp": ("10.1.0.5", 514),
        "syslog_tcp": ("10.2.0.5", 5514),
        "netflow": ("10.3.0.5", 2055),
    }
    monkeypatch.setenv("KYDAI_SYSLOG_UDP_ADDRESS", "10.9.0.5")
    assert placed(Settings())["syslog_udp"] == ("10.9.0.5", 5514)


def test_an_intake_at_the_consoles_address_and_port_is_the_consoles() -> None:
    assert intake_of(Settings(intake=Intake(address="127.0.0.1", port=8470))) is None
    assert intake_of(Settings(intake=Intake(port=8471))) == Listener("intake", "127.0.0.1", 8471, "tcp")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["10.0.0.5"], {"console": "10.0.0.5:8470", "syslog_tcp": "10.0.0.5:5514", "netflow": "10.0.0.5:2055"}),
        (["10.0.0.5", "console=127.0.0.1:443"], {"console": "127.0.0.1:443", "syslog_udp": "10.0.0.5:5514"}),
        (["intake=10.1.0.5:8471"], {"console": "127.0.0.1:8470", "intake": "10.1.0.5:8471"}),
        (["syslog_udp=0.0.0.0:514", "10.0.0.5"], {"syslog_udp": "10.0.0.5:514"}),
        (["console=[::1]:443", "netflow=fd00::5"], {"console": "::1:443", "netflow": "fd00::5:2055"}),
    ],
)
def test_options(given: list[str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in by_options(given).items():
        monkeypatch.setenv(name, value)
    found = {name: f"{address}:{port}" for name, (address, port) in placed(Settings()).items()}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("text", ["", "1.2.3.4:99", "console=", "x=1.2.3.4", " 1.2.3.4", "console=1.2.3.4:"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        by_options([text])


def test_what_runs_is_told_by_its_processes() -> None:
    facts: list[dict[str, Any]] = [
        {"listening": {"console": ["10.0.0.5", 443]}},
        {"listening": {"netflow": ["10.0.0.6", 2055]}},
        {"counts": 1},
    ]
    assert told(facts) == [Listener("console", "10.0.0.5", 443, "tcp"), Listener("netflow", "10.0.0.6", 2055, "udp")]


def test_an_address_that_is_not_ours_is_refused_with_those_that_are() -> None:
    refuse_foreign([Listener("console", "127.0.0.1", 1, "tcp"), Listener("netflow", "0.0.0.0", 1, "udp")])
    for address in ("192.0.2.254", "no-such-host.invalid"):
        with pytest.raises(BadConfig) as caught:
            refuse_foreign([Listener("intake", address, 1, "tcp")])
        assert "127.0.0.1" in caught.value.told("en")


def test_the_console_is_shown_under_every_address_that_it_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"127.0.0.1", "::1", "fe80::1%eth0", "10.0.0.5", "fd00::5"}
    monkeypatch.setattr("kydai.listening.own_addresses", lambda: ours)
    assert shown("0.0.0.0", ["siem.example.vn"]) == ["siem.example.vn", "10.0.0.5", "127.0.0.1"]
    assert shown("::", []) == ["10.0.0.5", "fd00::5", "127.0.0.1", "::1"]
    assert shown("10.0.0.5", ["siem.example.vn"]) == ["siem.example.vn", "10.0.0.5"]
    assert shown("127.0.0.1", ["siem.example.vn"]) == ["127.0.0.1"]
