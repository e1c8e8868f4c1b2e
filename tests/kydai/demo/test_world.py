"""The house as data, and the inventory that a sysadmin would declare of it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from core.db.models import Source
from core.sources import SourceBook
from kydai.demo.world import inventory, load_world

INSIDE = ip_network("10.20.0.0/16")


def test_every_host_stands_inside_and_alone() -> None:
    world = load_world()
    addresses = [h.address for h in world.hosts.values()] + list(world.others.values())
    assert all(ip_address(a) in INSIDE for a in addresses)
    assert len(addresses) == len(set(addresses))
    assert len(world.named("pc-")) == 60
    assert len(world.named("rt-xa")) == 13


def test_every_host_and_person_has_words_in_both_languages() -> None:
    world = load_world()
    words = [h.what for h in world.hosts.values()] + [s.name for s in world.systems.values()]
    words += [p.title for p in world.watch] + [world.province]
    assert all(w["vi"] and w["en"] for w in words)


def test_inventory_has_one_row_a_source_and_two_that_never_send() -> None:
    rows = inventory(load_world())
    assert len({r.name for r in rows}) == len(rows)
    assert {r.name for r in rows if not r.sends} == {"thedt-pay01", "rt-xa14"}
    assert next(r for r in rows if r.name == "may-tram").keys == ("token:may-tram",)
    assert next(r for r in rows if r.name == "sw-core01").keys == ("host:sw-core01", "127.0.1.11")


def test_inventory_finds_the_source_of_every_host_whatever_its_transport() -> None:
    world = load_world()
    rows = [
        Source(
            name=r.name,
            keys=list(r.keys),
            is_declared=True,
            is_relay=False,
            is_replay=False,
            zone=r.zone,
            system=r.system,
            agency=r.agency,
            level=r.level,
            retention="default",
        )
        for r in inventory(world)
    ]
    book = SourceBook(rows)
    for host in world.hosts.values():
        found = book.resolve(world.source_of(host, "http" if host.by == "http" else "syslog_udp"))
        assert (found.name, found.is_declared) == (host.token or host.name, True)
    for name, exporter in world.exporters.items():
        assert book.resolve(world.source_of(exporter.host, "netflow")).name == name


def test_clocks_that_are_wrong() -> None:
    world = load_world()
    assert world.host("motcua-app01").clock(0) == 420_000_000
    assert world.host("esx01").spoken_zone == "UTC"
    assert world.host("esx01").zone == "Asia/Ho_Chi_Minh"
