"""Story 1 in numbers."""

from __future__ import annotations

from random import Random

from core.clock import SECOND
from kydai.demo.emission import Emission, Flow
from kydai.demo.story_ssh import ATTACKERS, GUESSED_S, POOL, POOL_PORT, STORY, WINNER
from kydai.demo.world import load_world


def test_twenty_addresses_guess_and_one_fits() -> None:
    given = list(STORY.play(load_world(), Random("1"), 0))
    failed = [e for e in given if isinstance(e, Emission) and b"Failed password" in e.data]
    assert len(ATTACKERS) == 20
    assert WINNER in ATTACKERS
    assert 100 <= len(failed) <= 130
    for address in ATTACKERS:
        assert 5 <= sum(f" {address} ".encode() in e.data for e in failed) <= 6
    accepted = [e for e in given if isinstance(e, Emission) and b"Accepted" in e.data]
    assert [e.host for e in accepted] == ["baochi-crawl01", "jump01"]
    assert accepted[0].at > GUESSED_S * SECOND


def test_the_miner_is_seen_as_flows() -> None:
    flows = [g for g in STORY.play(load_world(), Random("1"), 0) if isinstance(g, Flow)]
    assert sum(f.dst == POOL and f.dport == POOL_PORT for f in flows) == 4
