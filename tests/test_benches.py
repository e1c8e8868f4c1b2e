"""Benches that can be small run in small: a number that nobody can make again is none. The others take long or need
much data whatever they are asked (make bench)."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from bench import province
from bench.answers import p95
from bench.province import Province
from bench.search import fill, intake
from core.clock import SystemClock
from core.store.contract import Batch
from core.store.segments import SegmentStore
from core.store.segments_layout import SCHEMA
from core.store.segments_rows import flatten

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bench", "arguments"),
    [
        ("alerts", ("1", "1")),
        ("correlate", ("2000",)),
        ("flow_path", ("500",)),
        ("flow_store", ("--flows", "4000")),
        ("parsers", ("--events", "200")),
    ],
)
def test_it_runs_and_prints_its_figures(bench: str, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", f"bench.{bench}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_made_up_columns_are_those_of_the_same_events() -> None:
    made = Province()
    table, (events,) = made.table(0, 1_500), made.events(1_500)
    flat = flatten(events)
    assert not flat.rejected
    assert [name for name in SCHEMA.names if not flat.table[name].equals(table[name])] == []
    assert len({str(event["event.dataset"]) for event in events}) == 5


def test_what_comes_in_while_a_bench_asks_is_not_there_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writer:
        def __init__(self, command: list[str], **_: object) -> None:
            self.stdout = io.StringIO("ready\n")
            self.stored = 0
            if "--intake" in command:
                store = SegmentStore(Path(command[-1]), SystemClock())
                self.stored = store.append(Batch(next(Province().events(100)))).stored
                assert self.stored == 100
                store.close()

        def terminate(self) -> None:
            pass

        def communicate(self) -> tuple[str, str]:
            return f"100.0 {self.stored} 0.1", ""

    fill(tmp_path, 1_000)
    monkeypatch.setattr(subprocess, "Popen", Writer)
    # the events of both are those of one province: other spools, or they were known
    monkeypatch.setattr(province, "_SPOOLS", {})
    with intake(tmp_path):
        pass
    fill(tmp_path, 1_000)
    store = SegmentStore(tmp_path, SystemClock(), writer=False)
    assert store.verify() == []
    store.close()


def test_a_folder_with_other_events_is_not_measured(tmp_path: Path) -> None:
    fill(tmp_path, 100)
    with pytest.raises(SystemExit, match="holds 100 events, not 200"):
        fill(tmp_path, 200)


@pytest.mark.parametrize(("runs", "place"), [(1, 0), (9, 8), (19, 18), (20, 18), (100, 94)])
def test_the_longest_of_twenty_is_not_p95(runs: int, place: int) -> None:
    assert p95(list(range(runs))) == place
