"""The past day and the live minute: background and stories together, as emissions in time order and as frames."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from random import Random

from core.clock import DAY, MINUTE, SECOND, Micros
from core.event import Frame, FrameKind
from kydai.demo import stories, story_blind, story_ssh
from kydai.demo.background import background
from kydai.demo.emission import Emission, Given, Transport
from kydai.demo.exporters import Exporting
from kydai.demo.story import Story
from kydai.demo.world import World, load_world

LIVE_RATE = 30.0
"""How much busier the live minute is than the thinned past day."""
LIVE_SECONDS = 50
_ON_THE_WAY: Micros = 35_000
"""From the host to us; the same for all, so that order is kept."""


def past_emissions(
    seed: int, now: Micros, world: World | None = None, tales: Sequence[Story] = stories.PAST
) -> Iterator[Emission]:
    """The 24 hours before ``now``: background, ``tales`` (stories 2 and 4; the test bed has ``stories.MORE`` besides),
    and the gaps of story 13. Sorted by time."""
    house = world or load_world()
    start = now - DAY
    quiet, audit_lost = stories.silence(now), start + story_blind.AUDIT_LOST_AFTER
    told = [_told(p.story.play, house, seed, p.story.name, p.start) for p in stories.past_stories(now, tales)]
    told.append(_told(story_blind.play, house, seed, story_blind.NAME, audit_lost))
    given = heapq.merge(background(house, seed, start, now), *told, key=_at)
    for emission in _emissions(house, given, start, hold=MINUTE, domain=0):
        if emission.at < now and not story_blind.hidden(emission, quiet, audit_lost):
            yield emission


def live_emissions(
    seed: int,
    start: Micros,
    seconds: int = LIVE_SECONDS,
    *,
    rate: float = LIVE_RATE,
    after: Micros = 0,
    guesses: bool = True,
    world: World | None = None,
) -> Iterator[Emission]:
    """What happens from ``start`` on: story 1 after three seconds, in the background's noise, for ``seconds``; then
    for ``after`` the thinned background alone, so that nobody falls silent while the demonstration stays up.
    Without ``guesses`` sshd's lines of the guesses are left out: netns.py makes them of connections that arrive
    (``live_attempts``). Sorted by time, streamed."""
    house = world or load_world()
    end = start + seconds * SECOND
    noise = background(house, seed + 1, start, end, rate=rate)
    calm = background(house, seed + 2, end, end + after)
    begins = _story_begins(start)
    story = _told(story_ssh.play if guesses else _around, house, seed, story_ssh.NAME, begins)
    given = heapq.merge(chain(noise, calm), story, key=_at)
    return _emissions(house, given, start, hold=2 * SECOND, domain=1)


def live_attempts(seed: int, start: Micros) -> list[story_ssh.Attempt]:
    """The guesses of the live minute that begins at ``start``."""
    return story_ssh.attempts(_story_random(seed, story_ssh.NAME), _story_begins(start))


def _story_begins(start: Micros) -> Micros:
    return start + 3 * SECOND


def _around(world: World, random: Random, start: Micros) -> Iterator[Given]:
    return story_ssh.around(world, random, start, story_ssh.attempts(random, start))


def past_day(seed: int, now: Micros) -> Iterator[Frame]:
    """The past day as frames for a spool: own ``created_at``, marked as a replay, in order of ``created_at``."""
    world = load_world()
    return (to_frame(world, e, replay=True) for e in past_emissions(seed, now, world))


def to_frame(world: World, emission: Emission, *, replay: bool) -> Frame:
    """The frame that our receivers would have made of it."""
    source = world.source_of(world.host(emission.host), emission.transport)
    meta = {"receiver": _RECEIVERS[emission.transport]}
    if replay:
        meta["replay"] = "1"
    if emission.transport is Transport.NETFLOW:
        meta["port"] = "2055"
    kind = FrameKind.FLOW if emission.transport is Transport.NETFLOW else FrameKind.LOG
    at = emission.at + _ON_THE_WAY
    return Frame(source, at, emission.data, kind, at, meta)


_RECEIVERS = {
    Transport.SYSLOG_UDP: "syslog",
    Transport.SYSLOG_TCP: "syslog",
    Transport.HTTP: "http",
    Transport.NETFLOW: "netflow",
}


def _told(
    play: Callable[[World, Random, Micros], Iterable[Given]], world: World, seed: int, name: str, start: Micros
) -> list[Given]:
    return sorted(play(world, _story_random(seed, name), start), key=_at)


def _story_random(seed: int, name: str) -> Random:
    return Random(f"{seed}:story:{name}")


def _emissions(world: World, given: Iterator[Given], begun: Micros, *, hold: Micros, domain: int) -> Iterator[Emission]:
    """Log records as they are, flows through their exporters, all in time order."""
    heap: list[tuple[Micros, int, Emission]] = []
    exporters = {k: Exporting(e, begun, hold=hold, domain=domain) for k, e in world.exporters.items()}
    number = 0

    def push(made: Iterable[Emission]) -> None:
        nonlocal number
        for emission in made:
            number += 1
            heapq.heappush(heap, (emission.at, number, emission))

    for item in given:
        for exporter in exporters.values():
            push(exporter.tick(item.at))
        push((item,) if isinstance(item, Emission) else exporters[item.exporter].add(item))
        # a tick's datagram is dated after the item before it: nothing earlier than this item minus hold can come
        while heap and heap[0][0] <= item.at - hold:
            yield heapq.heappop(heap)[2]
    for exporter in exporters.values():
        push(exporter.flush())
    while heap:
        yield heapq.heappop(heap)[2]


def _at(given: Given) -> Micros:
    return given.at
