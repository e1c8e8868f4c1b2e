"""The past day and the live minute."""

from __future__ import annotations

import hashlib
import re
from itertools import islice

import pytest

from core.clock import DAY, HOUR, SECOND, Micros, to_micros
from core.event import FrameKind
from kydai.demo import stories
from kydai.demo.day import live_attempts, live_emissions, past_day, past_emissions
from kydai.demo.emission import Emission, Transport
from kydai.demo.story_ssh import refused
from kydai.demo.world import load_world

NOW: Micros = to_micros("2026-11-25T09:00:00+07:00")


def _events(emissions: list[Emission]) -> int:
    size = {9: 38, 10: 50}
    flows = [e for e in emissions if e.transport is Transport.NETFLOW]
    return len(emissions) - len(flows) + sum((len(e.data) - 20) // size[e.data[1]] for e in flows)


def test_a_working_day_is_thinned_to_its_bound(past: list[Emission]) -> None:
    assert 100_000 < _events(past) <= 120_000


def test_the_day_is_in_order_and_within_24_hours(past: list[Emission]) -> None:
    times = [e.at for e in past]
    assert times == sorted(times)
    assert times[0] >= NOW - DAY
    assert times[-1] < NOW


def test_everybody_speaks_but_the_two(past: list[Emission]) -> None:
    heard = {e.host for e in past}
    assert set(load_world().hosts) - heard == {"thedt-pay01", "rt-xa14"}


def test_the_firewall_is_silent_for_50_minutes_and_only_then(past: list[Emission]) -> None:
    start, end = stories.silence(NOW)
    times = [e.at for e in past if e.host == "fw-ttdl"]
    assert not [t for t in times if start <= t < end]
    longest = max(
        b - a for a, b in zip([t for t in times if t < start], [t for t in times if t < start][1:], strict=False)
    )
    assert longest < 10 * 60 * SECOND


def test_addresses_and_names_are_documentation_only(past: list[Emission]) -> None:
    """RFC 5737 outside, 10.20.0.0/16 inside, loopback; names under .example (RFC 2606)."""
    allowed = ("10.20.", "192.0.2.", "198.51.100.", "203.0.113.", "127.0.0.1", "142.0.0.0")  # the last: a browser
    text = b"\n".join(e.data for e in past if e.transport is not Transport.NETFLOW).decode()
    quads = {
        q for q in re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text) if max(map(int, q.split("."))) < 256
    }
    assert not {q for q in quads if not q.startswith(allowed)}
    assert not set(re.findall(r"[a-z0-9-]+\.(?:com|net|org|vn)\b", text))


def test_the_stories_are_in_it(past: list[Emission]) -> None:
    assert {e.story for e in past} == {None, "webshell", "ransom", "blind"}


def test_same_seed_and_time_same_bytes(past: list[Emission]) -> None:
    def digest(emissions: list[Emission]) -> str:
        return hashlib.sha256(b"\n".join(e.data for e in emissions)).hexdigest()

    assert digest(list(islice(past_emissions(7, NOW), 3000))) == digest(past[:3000])
    assert digest(list(islice(past_emissions(8, NOW), 3000))) != digest(past[:3000])


def test_frames_are_a_replay_with_their_own_times() -> None:
    frames = list(islice(past_day(7, NOW), 4000))
    assert all(f.meta["replay"] == "1" and NOW - DAY < f.created_at < NOW for f in frames)
    assert [f.created_at for f in frames] == sorted(f.created_at for f in frames)
    prefixes = {f.source.partition(":")[0] for f in frames}
    assert prefixes == {"relay", "token", "flow", "udp"}
    assert {f.source for f in frames if f.kind is FrameKind.FLOW} == {"flow:127.0.1.1", "flow:127.0.1.11"}


@pytest.mark.parametrize("now", [NOW, NOW - 8 * HOUR], ids=["morning", "night"])
def test_the_live_minute(now: Micros) -> None:
    found = list(live_emissions(7, now))
    assert [e.at for e in found] == sorted(e.at for e in found)
    assert now <= found[0].at
    assert found[-1].at < now + 80 * SECOND
    assert sum(e.story == "ssh" for e in found) > 300
    assert {Transport.SYSLOG_UDP, Transport.SYSLOG_TCP, Transport.HTTP, Transport.NETFLOW} == {
        e.transport for e in found
    }


def test_calm_goes_on_after_the_minute() -> None:
    found = list(islice(live_emissions(7, NOW, after=30 * DAY), 6000))
    calm = [e for e in found if e.at > NOW + 80 * SECOND]
    assert len(calm) > 200
    assert {e.story for e in calm} == {None}
    assert len(calm) < 10 * (found[-1].at - calm[0].at) / SECOND


def test_guesses_can_be_left_to_connections_that_really_arrive() -> None:
    whole = [e.data for e in live_emissions(7, NOW) if e.story == "ssh" and e.transport is Transport.SYSLOG_UDP]
    rest = [e.data for e in live_emissions(7, NOW, guesses=False) if e.story and e.transport is Transport.SYSLOG_UDP]
    guessed = [e.data for a in live_attempts(7, NOW) for e in refused(load_world(), a)]
    assert sorted(whole) == sorted(rest + guessed)
