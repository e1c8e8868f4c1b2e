"""What a search takes away says of itself how much of the answer it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import extract_events
from kydai.cli.main import INCOMPLETE
from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_search import ALL


@pytest.fixture
def filled(kydai: Run, log: Path) -> Run:
    kydai("ingest", str(log))
    return kydai


def test_a_table_taken_away_says_what_it_lacks(filled: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_events, "PAGE", 2)
    file = tmp_path / "cut.csv"
    ran = filled("search", "sshd", *ALL, "--limit", "1", "-o", str(file))
    assert ran.status == INCOMPLETE
    assert "The query counts 3 results. Only 1 row was asked for." in ran.err
    assert filled("search", "sshd | limit 1", *ALL, "-o", str(file)).status == 0, "that is the query"
    assert filled("search", "sshd", *ALL, "-o", str(file)).status == 0
    assert "Query,sshd\n" in file.read_text()
    for damaged in (tmp_path / "data" / "store").rglob("*.parquet"):
        damaged.write_bytes(damaged.read_bytes()[:-100])
    ran = filled("search", "sshd", *ALL, "-o", str(file))
    assert ran.status == INCOMPLETE
    assert "at least" in ran.err
    assert "Part of the data is quarantined as damaged" in file.read_text()


def test_a_table_of_time_has_it_twice(filled: Run, tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    assert filled("search", "sshd | timechart 1d by user.name", *ALL, "-o", str(file)).status == 0
    head, row, end, *_ = file.read_text(encoding="utf-8-sig").splitlines()
    assert head == "Time,Time (UTC),user.name,count"
    assert row == "25/11/2026 00:00:00,2026-11-24T17:00:00.000000Z,root,3"
    assert end.startswith('"End: 1 row, as many')
    assert [e["action"] for e in filled("audit", "list", "--json").documents][:2] == ["events.export", "events.search"]
