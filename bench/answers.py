"""How long answers take: the same question with changing values, wall time and CPU of this process and its helpers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Asked:
    """A question; ``ask`` is given the number of the run, from 0."""

    name: str
    ask: Callable[[int], object]
    bar: float | None = None
    """Seconds within which 95 of 100 are to be answered."""


@dataclass(frozen=True, slots=True)
class Took:
    p50: float
    p95: float
    cpu: float
    """Seconds of CPU of one answer."""


def cpu_of(*processes: int) -> float:
    """User and system time of these processes in seconds, of this one when none is named."""
    found = 0.0
    for pid in processes or (os.getpid(),):
        times = psutil.Process(pid).cpu_times()
        found += times.user + times.system
    return found


def timed(ask: Callable[[int], object], runs: int, *processes: int) -> Took:
    """Ask once to warm up, then so often."""
    ask(runs)
    walls = []
    before = cpu_of(*processes)
    for number in range(runs):
        began = time.perf_counter()
        ask(number)
        walls.append(time.perf_counter() - began)
    walls.sort()
    return Took(walls[runs // 2], p95(walls), (cpu_of(*processes) - before) / runs)


def p95(walls: Sequence[float]) -> float:
    """That within which 95 of 100 are, of times in order: of fewer than 20 it is the longest."""
    return walls[-(-len(walls) * 95 // 100) - 1]


def told(questions: Sequence[Asked], runs: int, *processes: int) -> dict[str, Took]:
    """Print a table of the answers; ``processes`` are those that work for them."""
    print(f"  {'':42}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}{'bar ms':>9}{'load':>7}")
    found = {}
    for each in questions:
        took = found[each.name] = timed(each.ask, runs, *processes)
        bar = f"{each.bar * 1000:9.0f}" if each.bar is not None else " " * 9
        print(
            f"  {each.name:42}{took.p50 * 1000:9.1f}{took.p95 * 1000:9.1f}{took.cpu * 1000:9.1f}{bar}"
            f"{os.getloadavg()[0]:7.1f}",
            flush=True,
        )
    return found
