"""Benches that can be small run in small: a number that nobody can make again is none. The others take long or need
much data whatever they are asked (make bench)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.province import Province
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
    province = Province()
    table, (events,) = province.table(0, 1_500), province.events(1_500)
    flat = flatten(events)
    assert not flat.rejected
    assert [name for name in SCHEMA.names if not flat.table[name].equals(table[name])] == []
    assert len({str(event["event.dataset"]) for event in events}) == 5
