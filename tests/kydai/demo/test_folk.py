"""Who goes by."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from random import Random

from kydai.demo import folk, stories
from kydai.demo.world import load_world

OUTSIDE = [ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def test_citizens_have_documentation_addresses_and_never_an_attackers() -> None:
    assert all(any(ip_address(a) in n for n in OUTSIDE) for a in folk.CITIZENS)
    attackers = {a for s in (*stories.PAST, *stories.MORE, stories.LIVE) for a in s.truth.outside}
    assert not attackers & set(folk.CITIZENS)


def test_a_machine_always_has_the_same_officer() -> None:
    world = load_world()
    pairs = {(pc.name, who.account) for pc, who in (folk.machine(world, Random(n)) for n in range(500))}
    assert len({pc for pc, _ in pairs}) == len(pairs)
