"""The power goes at every boundary of a recorded run: what was not synced is gone, or there in part.

Every acknowledged event is searchable exactly once; alerts and balances are those of an undisturbed run.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from core.clock import SECOND, Micros, StillClock
from kydai.pipeline import Parts
from tests.chaos import trace
from tests.chaos.disk import Disk, Left, write_out
from tests.chaos.site import FILES, Outcome, Site, flow, heard, template
from tests.chaos.trace import Mark, Operation
from tests.services import program

A_ROUND = 8
"""Boundaries that are tried a round, of each kind."""
ALL = 50
"""With so many rounds all are, and more of them would try nothing new (make chaos)."""
IN_A_START = 6
"""Boundaries that are tried within each start that is cut off itself; one such start a round."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of the folder, and what had been acknowledged by then."""

    number: int
    at: Micros
    acknowledged: frozenset[str]
    left: Left

    @property
    def eager(self) -> bool:
        """The pipeline may come before the sender, or behind it."""
        return bool(self.number % 2)


@dataclass(frozen=True, slots=True)
class Recording:
    """A run of all parts, as operations below ``root``, which held what a cut had left."""

    root: Path
    before: Cut
    operations: Sequence[Operation]

    def boundaries(self) -> list[int]:
        """How many operations had ended each time before something became durable, and in the end."""
        disk, found = Disk(self.root, self.before.left), []
        for number, operation in enumerate(self.operations):
            version = disk.version
            disk.apply(operation)
            if disk.version > version:
                found.append(number)
        return [*found, len(self.operations)]

    def cuts(self, chosen: dict[int, random.Random | None]) -> Iterator[Cut]:
        """The power goes after so many operations: all that was not synced is lost, or (with a chance) some."""
        disk, at, acknowledged = Disk(self.root, self.before.left), self.before.at, self.before.acknowledged
        for number in range(len(self.operations) + 1):
            if number in chosen:
                chance = chosen[number]
                yield Cut(number, at, acknowledged, disk.strict() if chance is None else disk.partial(chance))
            if number < len(self.operations):
                disk.apply(operation := self.operations[number])
                if isinstance(operation, Mark):
                    said = orjson.loads(operation.text)
                    at, acknowledged = said["at"], acknowledged | set(said["keys"])

    def told(self, number: int) -> str:
        last = f"the last was {str(self.operations[number - 1])[:200]}" if number else "nothing done"
        return f"cut after operation {number} of {len(self.operations)}; {last}"


def record(folder: Path, before: Cut | None = None) -> Recording:
    """A first run, or a start from what a cut has left."""
    root, marks, output = folder / "root", folder / "marks", folder / "strace"
    shutil.rmtree(folder, ignore_errors=True)
    write_out(before.left if before else {}, root)
    marks.touch()
    command = ["-m", "tests.chaos.site", str(root / "data"), str(marks)]
    if before:
        plan = {"at": before.at + SECOND, "acknowledged": sorted(before.acknowledged), "eager": before.eager}
        (folder / "plan").write_bytes(orjson.dumps(plan))
        command.append(str(folder / "plan"))
    trace.record(command, output, dict(os.environ))
    with output.open(encoding="ascii") as lines:
        operations = trace.read(lines, root, marks)
    began: Micros = next(orjson.loads(o.text)["at"] for o in operations if isinstance(o, Mark))
    return Recording(root, before or Cut(0, began, frozenset(), {}), operations)


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
        site = self.start("left", cut.at + SECOND)
        site.recover(cut.acknowledged, cut.eager, lambda acknowledged: None)
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


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    program("strace")
    return record(tmp_path_factory.mktemp("power") / "first")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_power_goes_at_every_boundary(tmp_path: Path, recording: Recording, request: pytest.FixtureRequest) -> None:
    rounds = int(request.config.getoption("--chaos-rounds"))
    seed = random.randrange(1 << 30)
    trials = Trials(tmp_path, recording.before.at)
    ends = recording.boundaries()
    count = len(ends) if rounds >= ALL else min(len(ends), A_ROUND * rounds)
    print(f"seed {seed}: {len(recording.operations)} operations, {len(ends)} states, {count} of them tried")
    for cut, where in chosen(recording, count, seed):
        with noting(where):
            trials.check(cut)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_power_goes_again_while_a_start_mends(
    tmp_path: Path, recording: Recording, request: pytest.FixtureRequest
) -> None:
    rounds = int(request.config.getoption("--chaos-rounds"))
    seed = random.randrange(1 << 30)
    trials = Trials(tmp_path, recording.before.at)
    states, tried = 0, 0
    for first, where in chosen(recording, max(1, min(rounds, ALL) // 2), seed):
        with noting(where):
            start = record(tmp_path / "again", first)
            states += len(start.boundaries())
            for cut, place in chosen(start, IN_A_START, seed):
                tried += 1
                with noting(f"then, while it started: {place}"):
                    trials.check(cut)
    print(f"seed {seed}: {tried} of {2 * states} states within starts tried")


def chosen(recording: Recording, count: int, seed: int) -> Iterator[tuple[Cut, str]]:
    """So many cuts at boundaries with all that was not synced lost, then as many between them with part of it kept."""
    chance = random.Random(seed)
    ends = recording.boundaries()
    count = min(count, len(ends))
    starts = [0, *ends]
    whole: dict[int, random.Random | None] = dict.fromkeys(chance.sample(ends, count))
    between = {chance.randint(starts[i], ends[i]) for i in chance.sample(range(len(ends)), count)}
    parts: dict[int, random.Random | None] = {number: random.Random(seed + number) for number in between}
    for kind, numbers in (("all unsynced lost", whole), ("part of it kept", parts)):
        for cut in recording.cuts(numbers):
            yield cut, f"seed {seed}, {kind}, {recording.told(cut.number)}"


@contextmanager
def noting(where: str) -> Iterator[None]:
    """Whatever fails within says where it was."""
    try:
        yield
    except Exception as error:
        error.add_note(where)
        raise
