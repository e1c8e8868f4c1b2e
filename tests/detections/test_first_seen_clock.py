"""A clock that was ahead, by more than a value is kept, does not make what was learnt unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import DAY, HOUR, MINUTE, SECOND, Micros, StillClock
from core.db.models import Alert
from detections import first_seen
from detections.correlate_worker import CorrelationWorker
from detections.correlation_frozen import freeze, thaw
from detections.correlation_items import Item
from detections.correlation_state import Machine
from detections.hit_blocks import Placed
from detections.rule import Correlation
from tests.detections.correlation_cases import BASE, Stream, pattern_set
from tests.detections.test_correlate_worker import LATENESS, folder, fresh, put, ruleset, run
from tests.detections.test_first_seen import novelty

__all__ = ["folder"]

AHEAD = 400 * DAY


class Site:
    """One machine whose gateway and worker go by one clock."""

    def __init__(self, folder: Path, asked: Correlation) -> None:
        self.database, self.rules, self.clock = fresh(folder), ruleset(asked), StillClock(BASE)
        self.begin()

    def begin(self) -> None:
        self.clock.ticks += 100
        self.worker = CorrelationWorker(self.database, self.rules, self.clock, "w", lateness=LATENESS)

    def hear(self, at: Micros, *values: str) -> list[tuple[str, Micros]]:
        """Values at ``at``, and what is told when that is final: (event, since when the group learns)."""
        self.clock.at = BASE + at
        with self.database.read() as session:
            told = {row.id for row in session.scalars(select(Alert))}
        stream: Stream = [
            ({"host": "h", "user": value}, ["id-a"], BASE + at, f"{value}-{at // SECOND}") for value in values
        ]
        put(self.database, self.rules, stream, self.clock.at)
        for _ in range(4):
            self.clock.at += LATENESS
            self.clock.ticks += 2
            put(self.database, self.rules, [], self.clock.at)
            run(self.worker)
        with self.database.read() as session:
            rows = [row for row in session.scalars(select(Alert)) if row.id not in told]
            return [(event, row.summary["since"]) for row in rows for event in row.event_ids]


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("group_by", [["host"], []])
def test_what_was_learnt_is_known_when_the_clock_is_right_again(
    folder: Path, group_by: list[str], is_killed: bool
) -> None:
    site = Site(folder, novelty(group_by=group_by, learn="14d", forget="90d"))
    assert site.hear(0, "a", "b") == []
    since = BASE - LATENESS if not group_by else BASE
    assert site.hear(20 * DAY, "a") == []
    site.hear(AHEAD, "a", "c")
    site.hear(AHEAD + HOUR, "c")
    if is_killed:
        site.begin()
    assert site.hear(21 * DAY, "a", "b", "c") == [], "c was seen while the clock was ahead"
    assert [event.partition("-")[0] for event, began in site.hear(21 * DAY + HOUR, "d")] == ["d"]
    ((_, began),) = site.hear(22 * DAY, "e")
    assert abs(began - since) <= LATENESS


def test_a_silence_that_was_one_is_still_a_new_beginning(folder: Path) -> None:
    site = Site(folder, novelty(learn="14d", forget="90d"))
    site.hear(0, "a")
    site.hear(20 * DAY, "a")
    assert site.hear(AHEAD, "a", "b") == []
    assert site.hear(AHEAD + DAY, "c") == []
    ((event, began),) = site.hear(AHEAD + 15 * DAY, "d")
    assert (event.partition("-")[0], began) == ("d", BASE + AHEAD)


def machine_with(*at: tuple[Micros, str]) -> Machine:
    machine = Machine(pattern_set(novelty(learn="1h", forget="1d")), 0)
    for number, (time, value) in enumerate(at):
        machine.apply([Placed("id-novel", ("h",), Item(BASE + time, f"e{number}", 1, value))])
        machine.advance([BASE + time])
    return machine


def test_what_was_known_before_a_silence_is_bounded_and_goes_when_it_was_one(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = machine_with((0, "a"), (1, "b"), (10 * DAY, "a"))
    memories = thaw(freeze(machine), pattern_set(novelty(learn="1h", forget="1d")), 0).memories
    assert memories.sizes == machine.memories.sizes == {"id-novel": 3}
    assert machine_with((0, "a"), (1, "b"), (10 * DAY, "a"), (10 * DAY + HOUR, "a")).memories.sizes == {"id-novel": 1}
    monkeypatch.setattr(first_seen, "MAX_VALUES", 10)
    later = ((10 * DAY + number * SECOND, f"v{number}") for number in range(9))
    assert machine_with((0, "a"), (1, "b"), *later).memories.sizes == {"id-novel": 9}
    memories.back_to(BASE + MINUTE)
    assert memories.groups["id-novel", ("h",)].values == {"a": (BASE, BASE + MINUTE), "b": (BASE + 1, BASE + 1)}
    assert memories.sizes == {"id-novel": 2}
