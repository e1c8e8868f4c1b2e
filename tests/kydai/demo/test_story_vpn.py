"""Story 11: the session from abroad begins while the officer's own is half an hour old."""

from __future__ import annotations

from random import Random

from core.clock import HOUR
from kydai.demo.emission import Emission
from kydai.demo.story_vpn import COUNTRY, FAILED, STORY
from kydai.demo.world import load_world


def test_two_sessions_of_one_account_from_two_countries() -> None:
    given = [e for e in STORY.play(load_world(), Random("1"), 0) if isinstance(e, Emission)]
    ups = [e for e in given if b'action="tunnel-up"' in e.data]
    assert [f'srccountry="{COUNTRY}"'.encode() in e.data for e in ups] == [False, True]
    assert ups[1].at - ups[0].at < HOUR
    assert sum(b"ssl-login-fail" in e.data for e in given) == FAILED
