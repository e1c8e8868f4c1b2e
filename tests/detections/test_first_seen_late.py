"""What comes late, or says that it is old, teaches nothing in silence."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros
from detections.correlation_frozen import freeze, thaw
from detections.correlation_items import Group, Item
from detections.correlation_rules import Pattern
from detections.correlation_state import Machine
from detections.hit_blocks import Placed
from tests.detections.correlation_cases import BASE, pattern_set
from tests.detections.test_first_seen import novelty

HOST: Group = ("h",)


@dataclass(frozen=True)
class Seen:
    """An event, and how far instants were final when it came; None: its own was not."""

    at: Micros
    id: str
    value: str
    late: Micros | None = None

    @property
    def known_by(self) -> Micros:
        return self.at if self.late is None else self.late


def by_definition(order: list[Seen], pattern: Pattern) -> dict[str, Micros]:
    """Ids of the events that are told and since when their group learnt, each against all that were taken before it."""
    learn, forget = pattern.timespan, pattern.forget
    told = {}
    for number, each in enumerate(order):
        begins = [
            n
            for n, other in enumerate(order[: number + 1])
            if other.late is None and all(before.at < other.at - forget for before in order[:n])
        ]
        own = order[max(begins, default=0) : number + 1]
        has_learnt_by = own[0].known_by + learn
        since = min(other.at for other in own if other.known_by < has_learnt_by)
        known = {other.value for other in own[:-1] if other.at >= each.at - forget}
        if each.value not in known and (each.known_by >= has_learnt_by or each.at >= since + learn):
            told[each.id] = since
    return told


@pytest.mark.parametrize("seed", range(150))
def test_whatever_is_late_by_the_definition(seed: int) -> None:
    random = Random(seed)
    patterns = pattern_set(
        novelty(learn=random.choice(("2s", "10s", "30s")), forget=random.choice(("5s", "20s", "200s")))
    )
    machine, frontier, lateness = Machine(patterns, 0), 0, 5 * SECOND
    waiting: list[Seen] = []
    order: list[Seen] = []
    found: dict[str, Micros] = {}
    arrival = BASE
    for number in range(random.randint(1, 50)):
        arrival += random.choice((0, 1, 1, 2, 30)) * SECOND
        at = arrival - random.choice((0, 0, 1, 4, 20, 90)) * SECOND
        seen = Seen(at, f"e{number:02d}", random.choice("abcdef"), frontier if at <= frontier else None)
        (order if seen.late is not None else waiting).append(seen)
        alarms = machine.apply([Placed("id-novel", HOST, Item(at, seen.id, 1, seen.value))]).alarms
        assert all(alarm.is_late for alarm in alarms)
        frontier = max(frontier, arrival - lateness)
        order += sorted((each for each in waiting if each.at <= frontier), key=lambda each: (each.at, each.id))
        waiting = [each for each in waiting if each.at > frontier]
        if random.random() < 0.3:
            machine = thaw(freeze(machine), patterns, 0)
        final = machine.advance([frontier]).alarms
        assert not any(alarm.is_late for alarm in final)
        found |= {alarm.items[0].id: alarm.facts["since"] for alarm in (*alarms, *final)}
    assert found == by_definition(order, patterns.patterns[0])


class House:
    """Hosts whose values come at their times; nothing is told but what is asked for."""

    def __init__(self) -> None:
        self.machine = Machine(pattern_set(novelty(learn="14d", forget="90d")), 0)
        self.number = 0

    def comes(self, when: Micros, value: str, *, dated: Micros | None = None) -> list[tuple[str, bool]]:
        """What is told by an hour later of an event that comes at ``when``: (value, whether it is late)."""
        told = self.machine.advance([BASE + when - 5 * MINUTE]).alarms
        self.number += 1
        at = BASE + (when if dated is None else dated)
        told += self.machine.apply([Placed("id-novel", HOST, Item(at, f"e{self.number}", 1, value))]).alarms
        told += self.machine.advance([BASE + when + HOUR]).alarms
        return [(alarm.facts["values"][0], alarm.is_late) for alarm in told]


@pytest.mark.parametrize("dated", [-DAY, HOUR, 13 * DAY], ids=["before", "at first", "while it learnt"])
def test_a_clock_that_is_set_back_teaches_nothing_in_silence(dated: Micros) -> None:
    house = House()
    assert house.comes(0, "alice") == []
    assert house.comes(20 * DAY, "evil", dated=dated) == [("evil", True)]
    assert house.comes(20 * DAY + 2 * HOUR, "evil") == []
    assert house.comes(21 * DAY, "other") == [("other", False)]


def test_what_was_learnt_before_an_update_stays_learnt() -> None:
    house = House()
    house.comes(0, "alice")
    for memory in house.machine.memories.groups.values():
        memory.begun = None  # as older states have it
    house.machine = thaw(freeze(house.machine), house.machine.patterns, 0)
    assert house.comes(20 * DAY, "evil", dated=-DAY) == [("evil", True)]


def test_a_value_that_was_forgotten_is_new_again_when_it_comes_late() -> None:
    house = House()
    for day, value in ((0, "alice"), (20, "evil"), (60, "alice"), (100, "alice")):
        house.comes(day * DAY, value)
    assert house.comes(120 * DAY, "evil", dated=119 * DAY) == [("evil", True)]


def test_what_a_new_host_brings_of_old_is_learnt_by_its_own_time() -> None:
    house = House()
    told = [house.comes(30 * DAY + n, f"u{n}", dated=n * DAY) for n in range(14)]
    assert told == [[]] * 14
    assert house.comes(30 * DAY + 2 * HOUR, "u3") == []
    assert house.comes(30 * DAY + 4 * HOUR, "evil") == [("evil", False)]
