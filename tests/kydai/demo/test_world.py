"""The house as data."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from kydai.demo.world import load_world

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


def test_clocks_that_are_wrong() -> None:
    world = load_world()
    assert world.host("motcua-app01").clock(0) == 420_000_000
    assert world.host("esx01").spoken_zone == "UTC"
    assert world.host("esx01").zone == "Asia/Ho_Chi_Minh"
