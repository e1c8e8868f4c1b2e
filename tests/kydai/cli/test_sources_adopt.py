"""Adopting undeclared senders on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import SystemClock
from core.db.database import open_database, sqlite_url
from core.sources import Heards
from tests.kydai.cli.conftest import Run


@pytest.fixture
def strangers(kydai: Run, tmp_path: Path, log: Path) -> Run:
    assert kydai("ingest", str(log)).status == 0  # the folder is there
    heards, now = Heards(), SystemClock().now()
    for key, host, dataset in (
        ("udp:10.1.0.1", "fw01", "fortinet.firewall"),
        ("udp:10.1.0.2", "web01", "nginx.access"),
    ):
        heards.add(key, host, dataset, now, None)
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        heards.save(session, {})
    database.close()
    return kydai


def test_they_are_listed_with_a_guess_and_one_is_declared(strangers: Run) -> None:
    listed = strangers("sources", "adopt")
    assert (listed.status, "FortiGate" in listed.out, "adopt NAME" in listed.err) == (0, True, True)
    assert [d["row"]["name"] for d in strangers("sources", "adopt", "--json").documents] == ["fw01", "web01"]
    assert strangers("sources", "adopt", "udp:10.1.0.1").status == 0
    states = {d["name"]: d["state"] for d in strangers("sources", "list", "--json").documents}
    assert (states["fw01"], "udp:10.1.0.1" in states, states["udp:10.1.0.2"]) == ("sending", False, "undeclared")
    assert strangers("sources", "adopt", "nobody").status == 2


def test_they_go_through_a_spreadsheet(strangers: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.xlsx"
    assert strangers("sources", "adopt", "-o", str(file)).status == 0
    assert strangers("sources", "adopt", "-o", str(file)).status == 2, "a file that is there stays"
    added = strangers("sources", "import", str(file), "--json").documents[0]["added"]
    assert added == ["fw01", "web01"]
    assert "not declared" in strangers("sources", "adopt").err
    assert strangers("sources", "adopt", "--all").status == 0
