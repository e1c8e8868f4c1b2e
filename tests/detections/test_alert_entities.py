"""Entities are what the event is about; who only looks on is not what it happened to."""

from __future__ import annotations

from core.event import Event
from detections.alert_entities import KINDS, MOST, bounded, cut_kinds, entities, host_name, is_onlooker


def test_entities_of_a_log_on() -> None:
    event: Event = {
        "host.name": "DC01.bachvan.example",
        "user.name": "LanNT",
        "user.target.name": "lannt",
        "source.ip": "203.0.113.7",
        "event.category": ["authentication"],
        "process.name": "sshd",
        "process.pid": 712,
        "file.hash.sha256": "AB" * 32,
        "dns.question.name": "X.example",
    }
    assert entities(event) == {
        ("host", "dc01"),
        ("user", "lannt"),
        ("ip", "203.0.113.7"),
        ("process", "sshd (712) @ dc01"),
        ("hash", "ab" * 32),
        ("domain", "x.example"),
    }


def test_a_firewall_is_an_observer_of_traffic_but_the_host_of_its_own_log_ons() -> None:
    traffic: Event = {"host.name": "fw-ttdl", "observer.name": "fw-ttdl", "event.category": ["network"]}
    own: Event = traffic | {"event.category": ["authentication"]}
    assert entities(traffic) == {("observer", "fw-ttdl")}
    assert entities(own) == {("host", "fw-ttdl")}
    assert is_onlooker({"host.name": "proxy01", "event.dataset": "squid.access"})
    assert not is_onlooker({"host.name": "cong-web01", "event.dataset": "iis.access"})


def test_an_address_in_the_place_of_a_domain_is_an_address() -> None:
    event: Event = {
        "url.domain": "203.0.113.5",
        "destination.domain": ["[2001:DB8::1]", "Down.example"],
        "url.full": "http://203.0.113.5/x",
    }
    assert entities(event) == {
        ("ip", "203.0.113.5"),
        ("ip", "2001:db8::1"),
        ("domain", "down.example"),
        ("url", "http://203.0.113.5/x"),
    }


def test_names_and_addresses_of_hosts() -> None:
    assert host_name("Web01.Example.") == "web01"
    assert host_name("10.20.1.1") == "10.20.1.1"
    assert host_name("2001:DB8::1") == "2001:db8::1"


def test_the_bound_keeps_each_kind_and_does_not_depend_on_order() -> None:
    flood = [("ip", f"192.0.2.{n}") for n in range(256)] + [("host", "web01")]
    kept = bounded(flood)
    assert kept == bounded(reversed(flood))
    assert kept[0] == ("host", "web01")
    assert len(kept) == 1 + MOST["ip"]
    assert sum(MOST[kind] for kind in KINDS) <= 500
    assert (cut_kinds(flood), cut_kinds(kept)) == (["entities.ip"], [])
    assert bounded(bounded(flood[:100]) + bounded(flood[100:])) == kept
