"""``kydai audit``: the journal, read and checked from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import text

from core.db.database import open_database, sqlite_url
from tests.kydai.cli.conftest import Run


def test_entries_are_listed_verified_and_exported(kydai: Run, tmp_path: Path) -> None:
    kydai("users", "add", "hanhnt", "--role", "analyst")
    assert kydai("audit", "list", "--action", "user", "--json").documents
    checked = kydai("audit", "verify", "--json")
    assert checked.status == 0
    assert checked.documents[0]["is_whole"] is True
    file = tmp_path / "audit.jsonl"
    assert kydai("audit", "export", "-o", str(file)).status == 0
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert entries[-1]["action"] == "audit.export"


def test_an_export_that_cannot_be_written_is_not_in_the_journal(kydai: Run) -> None:
    kydai("users", "add", "hanhnt", "--role", "analyst")
    assert kydai("audit", "export", "-o", "/nowhere/a.jsonl").status == 2
    assert kydai("audit", "list", "--action", "audit", "--json").documents == []


def test_a_changed_entry_is_found_and_the_command_fails(kydai: Run, tmp_path: Path) -> None:
    kydai("users", "add", "hanhnt", "--role", "analyst")
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        session.execute(text("UPDATE audit SET actor = 'nobody' WHERE seq = 1"))
    database.close()
    ran = kydai("audit", "verify")
    assert ran.status == 1
    assert "BROKEN" in ran.out
    assert "1" in ran.out


def test_a_chain_that_was_cut_shorter_is_found_by_a_head_kept_elsewhere(kydai: Run, tmp_path: Path) -> None:
    for name in ("hanhnt", "baotq"):
        kydai("users", "add", name, "--role", "analyst")
    head = kydai("audit", "verify", "--json").documents[0]["head"]
    assert kydai("audit", "verify", "--head", head.upper()).status == 0
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        # checks are entries, too
        session.execute(text(f"DELETE FROM audit WHERE seq >= (SELECT seq FROM audit WHERE hash = '{head}')"))
    assert kydai("audit", "verify").status == 1
    with database.write() as session:
        left = "(SELECT seq || ' ' || hash FROM audit ORDER BY seq DESC LIMIT 1)"
        session.execute(text(f"UPDATE meta SET value = {left} WHERE key = 'audit_head'"))
    database.close()
    assert kydai("audit", "verify").status == 0
    ran = kydai("audit", "verify", "--head", head)
    assert ran.status == 1
    assert head in ran.out
