"""The power goes at every boundary of a recorded run: what was not synced is gone, or there in part.

Every acknowledged event is searchable exactly once; alerts and balances are those of an undisturbed run.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from core.clock import SECOND, Micros, StillClock
from kydai.pipeline import Parts
from tests.chaos import trace
from tests.chaos.disk import Disk, Left, write_out
from tests.chaos.site import FILES, POSTED, ROUNDS, Outcome, Site, flow, heard, keys, template
from tests.chaos.trace import Mark, Operation
from tests.services import program

A_ROUND = 8
"""Boundaries that are tried a round, of each kind; with 50 rounds all are (make chaos)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of the folder, and what had been acknowledged by then."""

    number: int
    at: Micros
    acknowledged: frozenset[str]
    left: Left


def record(folder: Path) -> list[Operation]:
    """A run of all parts, as operations below ``folder/root``."""
    root, marks, output = folder / "root", folder / "marks", folder / "strace"
    root.mkdir()
    marks.touch()
    trace.record(["-m", "tests.chaos.site", str(root / "data"), str(marks)], output, dict(os.environ))
    with output.open(encoding="ascii") as lines:
        return trace.read(lines, root, marks)


def boundaries(operations: Sequence[Operation], root: Path) -> list[int]:
    """How many operations had ended each time before something became durable, and in the end."""
    disk, found = Disk(root), []
    for number, operation in enumerate(operations):
        version = disk.version
        disk.apply(operation)
        if disk.version > version:
            found.append(number)
    return [*found, len(operations)]


def cuts(operations: Sequence[Operation], root: Path, chosen: dict[int, random.Random | None]) -> Iterator[Cut]:
    """The power goes after so many operations: all that was not synced is lost, or (with a chance) some."""
    disk, at, acknowledged = Disk(root), 0, frozenset[str]()
    for number in range(len(operations) + 1):
        if number in chosen:
            chance = chosen[number]
            yield Cut(number, at, acknowledged, disk.strict() if chance is None else disk.partial(chance))
        if number < len(operations):
            disk.apply(operation := operations[number])
            if isinstance(operation, Mark):
                said = orjson.loads(operation.text)
                at, acknowledged = said["at"], acknowledged | set(said["keys"])


@dataclass(slots=True)
class Trials:
    """Starts from what a cut has left, and from nothing, for comparison."""

    folder: Path
    began: Micros
    parts: Parts | None = None
    undisturbed: dict[frozenset[str], Outcome] = field(default_factory=dict)

    def start(self, name: str, at: Micros) -> Site:
        site = Site(self.folder / name / "data", StillClock(at), self.parts)
        self.parts = site.parts
        return site

    def check(self, cut: Cut) -> None:
        shutil.rmtree(self.folder / "left", ignore_errors=True)
        write_out(cut.left, self.folder / "left")
        site = self.start("left", (cut.at or self.began) + SECOND)
        if cut.number % 2:  # the pipeline may come before the sender, or behind it
            site.work()
        site.post([key for key in keys("s", 0, ROUNDS * POSTED) if key not in cut.acknowledged])
        site.hear([template()])
        for name in FILES:
            site.ingest(name)
        site.settle()
        stored, outcome = site.stored(), site.outcome()
        site.close()
        assert not cut.acknowledged - stored.keys(), "acknowledged events are lost"
        assert not [key for key, count in stored.items() if count > 1], "stored twice"
        assert outcome == self.of_undisturbed(frozenset(stored))

    def of_undisturbed(self, stored: frozenset[str]) -> Outcome:
        if stored not in self.undisturbed:
            shutil.rmtree(self.folder / "still", ignore_errors=True)
            site = self.start("still", self.began)
            site.post(sorted(key for key in stored if key[0] == "s"))
            site.hear([template()])
            site.hear(heard(key) if key[0] == "g" else flow(key) for key in sorted(stored) if key[0] in "gf")
            for name in FILES:
                site.ingest(name)
            site.settle()
            self.undisturbed[stored] = site.outcome()
            site.close()
        return self.undisturbed[stored]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_power_goes_at_every_boundary(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    program("strace")
    rounds = int(request.config.getoption("--chaos-rounds"))
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    operations = record(tmp_path)
    root = tmp_path / "root"
    ends = boundaries(operations, root)
    began = next(orjson.loads(o.text)["at"] for o in operations if isinstance(o, Mark))
    trials = Trials(tmp_path, began)
    count = len(ends) if rounds >= 50 else min(len(ends), A_ROUND * rounds)
    whole: dict[int, random.Random | None] = dict.fromkeys(sorted(chance.sample(ends, count)))
    parts: dict[int, random.Random | None] = {n: random.Random(seed + n) for n in _between(ends, count, chance)}
    print(f"seed {seed}: {len(operations)} operations, {len(ends)} states, {len(whole)} + {len(parts)} tried")
    for kind, chosen in (("all unsynced lost", whole), ("part of it kept", parts)):
        for cut in cuts(operations, root, chosen):
            try:
                trials.check(cut)
            except Exception as error:
                error.add_note(f"seed {seed}, {kind}, cut after operation {cut.number} of {len(operations)}")
                error.add_note(f"the last was {_told(operations[cut.number - 1])}" if cut.number else "nothing done")
                raise


def _between(ends: Sequence[int], count: int, chance: random.Random) -> set[int]:
    """An operation somewhere within each of so many intervals."""
    starts = [0, *ends]
    return {chance.randint(starts[i], ends[i]) for i in chance.sample(range(len(ends)), count)}


def _told(operation: Operation) -> str:
    return str(operation)[:200]
