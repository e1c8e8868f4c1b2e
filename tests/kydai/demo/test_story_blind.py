"""Story 13: what never came."""

from __future__ import annotations

from random import Random

from kydai.demo.emission import Emission, Transport
from kydai.demo.story_blind import STORY, hidden
from kydai.demo.world import load_world


def _one(host: str, at: int, data: bytes = b"x") -> Emission:
    return Emission(at, host, Transport.SYSLOG_UDP, "10.20.1.1", data)


def test_the_firewall_is_hidden_within_its_silence_only() -> None:
    assert hidden(_one("fw-ttdl", 15), (10, 20), 0)
    assert not hidden(_one("fw-ttdl", 20), (10, 20), 0)
    assert not hidden(_one("dc01", 15), (10, 20), 0)


def test_auditd_of_one_database_ends_with_the_record_that_says_so() -> None:
    (last,) = STORY.play(load_world(), Random("1"), 100)
    assert isinstance(last, Emission)
    assert b"audit_enabled=0 old=1" in last.data
    assert not hidden(last, (0, 0), 100)
    assert hidden(_one("csdl-db02", 101, last.data), (0, 0), 100)
    assert not hidden(_one("csdl-db02", 101, b"<86>Nov 25 08:26:00 csdl-db02 sshd[1]: x"), (0, 0), 100)
    assert not hidden(_one("csdl-db01", 101, last.data), (0, 0), 100)
