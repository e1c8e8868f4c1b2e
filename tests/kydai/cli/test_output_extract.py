"""Lists that commands write to files: all rows, their filters, an entry, and nothing left of what failed."""

from __future__ import annotations

import csv
import errno
import io
from pathlib import Path

import pytest

from core.db.database import open_database, sqlite_url
from core.db.models import Incident
from core.extract import Extract
from tests.api.conftest import NOW
from tests.api.rows import alert
from tests.kydai.cli.conftest import Run


@pytest.fixture
def filled(kydai: Run, tmp_path: Path) -> Run:
    kydai("users", "add", "hanhnt", "--role", "analyst")
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        session.add_all(alert(at=NOW - n, level="low" if n else "high") for n in range(3))
        words = {"vi": "a", "en": "b"}
        session.add(
            Incident(
                number="VV-2026-0001",
                title=words,
                sentence=words,
                level="high",
                first_at=NOW,
                last_at=NOW,
                created_at=NOW,
                updated_at=NOW,
            )
        )
    database.close()
    return kydai


def rows(file: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline="")))


def test_the_queue_and_the_incidents(filled: Run, tmp_path: Path) -> None:
    file = tmp_path / "queue.csv"
    assert filled("alerts", "list", "--limit", "1", "-o", str(file)).status == 0
    found = rows(file)
    assert (found[0][1], [row[1] for row in found[1:4]]) == ("Level", ["High", "Low", "Low"])
    assert found[4][0] == "End: 3 rows, as many as the query counts."
    assert filled("alerts", "list", "--level", "high", "-o", str(file)).status == 0
    assert ["Query", "status: open; level: high"] in rows(file)
    assert filled("incidents", "list", "-o", str(tmp_path / "i.csv")).status == 0
    assert rows(tmp_path / "i.csv")[1][0] == "VV-2026-0001"
    entries = [e["action"] for e in filled("audit", "list", "--json").documents]
    assert entries[:3] == ["incidents.export", "alerts.export", "alerts.export"]


def test_the_journal_of_a_person_and_a_day(filled: Run, tmp_path: Path) -> None:
    file = tmp_path / "journal.csv"
    assert filled("audit", "export", "--action", "user", "--from", "now-1h", "-o", str(file)).status == 0
    assert [row[6] for row in rows(file)[1:-14]] == ["user.add", "user.link"]
    assert filled("audit", "export", "--from", "now+1h", "-o", str(file)).status == 0
    assert rows(file)[1][0] == "End: 0 rows, as many as the query counts."


@pytest.mark.parametrize("name", ["queue.doc", "queue", "nowhere/queue.csv"])
def test_a_file_that_cannot_be_is_refused(filled: Run, tmp_path: Path, name: str) -> None:
    assert filled("alerts", "list", "-o", str(tmp_path / name)).status == 2
    assert filled("audit", "list", "--action", "alerts", "--json").documents == []


def test_a_disk_that_fills_leaves_nothing_and_says_so(
    filled: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Extract, "add", full)
    file = tmp_path / "queue.xlsx"
    ran = filled("alerts", "list", "-o", str(file))
    assert (ran.status, "No space left" in ran.err) == (2, True)
    assert not list(tmp_path.glob("*queue*"))
    assert not list(tmp_path.glob(".queue*"))
    assert filled("audit", "list", "--action", "alerts", "--json").documents == []
