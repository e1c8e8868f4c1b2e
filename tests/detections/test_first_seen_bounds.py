"""What is kept of values never seen before is bounded, and a flood takes nothing from others in silence."""

from __future__ import annotations

import pytest

from core.clock import DAY, MINUTE, SECOND, Micros
from detections import first_seen
from detections.correlation_frozen import freeze, thaw
from detections.correlation_items import Item
from detections.correlation_state import Machine
from detections.hit_blocks import Placed
from tests.detections.correlation_cases import BASE, pattern_set
from tests.detections.test_first_seen import novelty

RULE = "id-novel"


class House:
    """Hosts whose events come at their times."""

    def __init__(self) -> None:
        self.machine = Machine(pattern_set(novelty(learn="7d", forget="90d")), 0)
        self.number = 0

    def comes(self, when: Micros, *seen: tuple[str, str], late: Micros = 0) -> list[str]:
        """What is told when instants up to ``when`` are final, of (host, value); ``late``: by how much."""
        self.machine.advance([BASE + when - MINUTE])
        rows = []
        for host, value in seen:
            self.number += 1
            rows.append(Placed(RULE, (host,), Item(BASE + when - late, f"e{self.number:06d}", 1, value)))
        alarms = [*self.machine.apply(rows).alarms, *self.machine.advance([BASE + when]).alarms]
        return [alarm.facts["values"][0] for alarm in alarms]

    def values(self, host: str) -> set[str]:
        return set(self.machine.memories.groups[RULE, (host,)].values)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_seen, "MAX_VALUES", 200)
    monkeypatch.setattr(first_seen, "MAX_GROUPS", 100)


@pytest.mark.parametrize("others", [1, 20])
def test_a_flood_on_one_host_forgets_its_own(others: int) -> None:
    house = House()
    hosts = [f"b{n}" for n in range(others)]
    house.comes(0, ("a", "x"), *((host, f"alice of {host}") for host in hosts))
    flood = [f"port {n:04d}" for n in range(1_000)]
    assert house.comes(20 * DAY, *(("a", port) for port in flood)) == flood
    assert all(house.values(host) == {f"alice of {host}"} for host in hosts)
    memories = house.machine.memories
    assert memories.dropped[RULE] == 1_001 - len(house.values("a"))
    assert memories.sizes[RULE] == sum(len(memory.values) for memory in memories.groups.values()) <= 200
    assert house.comes(20 * DAY + MINUTE, *((host, "evil") for host in hosts)) == ["evil"] * others


def test_a_host_that_forgot_all_its_values_has_still_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_seen, "MAX_VALUES", 50)
    house = House()
    hosts = [f"h{n}" for n in range(60)]
    house.comes(0, *((host, "alice") for host in hosts))
    assert sum(not house.values(host) for host in hosts) >= 10
    assert house.comes(20 * DAY, *((host, "evil") for host in hosts)) == ["evil"] * 60


def test_what_is_new_again_anyway_goes_first() -> None:
    house = House()
    house.comes(0, *((f"old{n}", "x") for n in range(50)))
    house.comes(80 * DAY, *(("a", f"a{n}") for n in range(140)))
    assert house.machine.memories.dropped == {}
    house.comes(95 * DAY, *(("a", f"b{n}") for n in range(11)))
    assert house.machine.memories.dropped == {}
    assert house.machine.memories.sizes[RULE] == 180
    assert len(house.values("a")) == 151


@pytest.mark.parametrize("late", [0, 6 * DAY, 30 * DAY])
def test_made_up_hosts_take_nothing_from_one_that_has_learnt(late: Micros) -> None:
    house = House()
    house.comes(0, ("b", "alice"))
    house.comes(18 * DAY, ("new", "carol"))
    house.comes(19 * DAY, ("new", "carol"))
    for n in range(300):
        house.comes(20 * DAY + n * SECOND, (f"made up {n}", "x"), late=late)
        if n == 50:
            house.machine = thaw(freeze(house.machine), house.machine.patterns, 0)
    assert house.comes(20 * DAY + 10 * MINUTE, ("b", "evil")) == ["evil"]
    memories = house.machine.memories
    assert len(memories.groups) <= 100
    assert memories.lost[RULE] == 302 - len(memories.groups)
    assert memories.sizes[RULE] == sum(len(memory.values) for memory in memories.groups.values())
    assert (RULE, ("new",)) in memories.groups
    again = thaw(freeze(house.machine), house.machine.patterns, 0).memories
    assert (again.lost, again.learnt(0)[RULE].lost) == (memories.lost, memories.lost[RULE])


def test_hosts_with_events_that_are_not_final_are_not_forgotten() -> None:
    house = House()
    house.comes(0, ("b", "alice"))
    rows = [Placed(RULE, (f"h{n}",), Item(BASE + 8 * DAY, f"x{n}", 1, "x")) for n in range(500)]
    house.machine.apply(rows)
    assert len(house.machine.memories.groups) == 501
    assert house.machine.advance([BASE + 9 * DAY]).alarms == []
    assert 90 <= len(house.machine.memories.groups) <= 100
    assert house.comes(10 * DAY, ("b", "evil")) == ["evil"]
