"""The check of one source waits for its next event and says what it finds in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import SystemClock
from core.db.database import open_database, sqlite_url
from core.db.models import Heartbeat
from core.sources import Heards
from kydai.cli import main
from tests.kydai.cli.conftest import Run


def write(folder: Path, *, beats: bool = False, hears: bool = False) -> None:
    """What a pipeline would: that it lives, and that web01 was heard."""
    database, now = open_database(sqlite_url(folder / "data")), SystemClock().now()
    with database.write() as session:
        if beats:
            session.merge(Heartbeat(name="pipeline", kind="pipeline", at=now, data={}))
        if hears:
            heards = Heards()
            heards.add("web01", "web01", "system.auth", now, None)
            heards.save(session, {})
    database.close()


@pytest.fixture
def declared(kydai: Run, tmp_path: Path) -> Run:
    (tmp_path / "n.csv").write_text("name,addresses\nweb01,10.20.1.9\n")
    assert kydai("sources", "import", str(tmp_path / "n.csv")).status == 0
    return kydai


@pytest.fixture
def running(declared: Run, tmp_path: Path) -> Run:
    write(tmp_path, beats=True)
    return declared


def test_the_next_event_is_told_with_its_fields(
    running: Run, log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def arrives(_: float) -> None:
        assert main.main(["ingest", "--source", "web01", str(log)]) == 0
        capfd.readouterr()
        write(tmp_path, hears=True)

    monkeypatch.setattr("time.sleep", arrives)
    ran = running("sources", "check", "web01")
    assert "source.ip: 203.0.113.5" in ran.out
    assert "event.dataset: system.auth" in ran.out
    assert "event.original" not in ran.out


def test_nothing_that_comes_is_said_too(running: Run) -> None:
    ran = running("sources", "check", "web01", "--wait", "1")
    assert "Nothing arrived in 1 s" in ran.err
    assert "Waiting" not in running("sources", "check", "web01", "--wait", "0").err


def test_where_nothing_runs_nobody_waits(declared: Run) -> None:
    ran = declared("sources", "check", "web01")
    assert "Nothing runs on this folder" in ran.err
    assert declared("sources", "check", "web01", "--json").documents[0]["arrival"]["finding"] == "nothing"
