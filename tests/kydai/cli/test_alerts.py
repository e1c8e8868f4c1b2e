"""The queue on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.db.database import open_database, sqlite_url
from core.db.models import Alert
from tests.kydai.cli.conftest import Run
from tests.kydai.conftest import RULE


@pytest.fixture
def alerted(kydai: Run, log: Path, tmp_path: Path) -> Run:
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    kydai("ingest", str(log))
    return kydai


def test_an_alert_is_listed_shown_and_closed(alerted: Run) -> None:
    (alert,) = alerted("alerts", "list", "--json").documents
    assert (alert["count"], alert["level"], alert["host"], alert["status"]) == (3, "high", "web01", "new")
    assert alert["matched"][0]["line"] == 9
    shown = alerted("alerts", "show", str(alert["id"]))
    assert "event.outcome" in shown.out
    assert "Line of the rule" in shown.out
    assert "Status: New" in shown.out
    assert "Account: root\n" in shown.out
    assert alerted("alerts", "ack", str(alert["id"])).status == 0
    alerted("users", "add", "hanhnt", "--role", "analyst")
    nobody = alerted("alerts", "assign", str(alert["id"]), "--to", "nobody")
    assert (nobody.status, "nobody" in nobody.err) == (2, True)
    assert alerted("alerts", "assign", str(alert["id"]), "--to", "hanhnt").status == 0
    assert alerted("alerts", "close", str(alert["id"]), "--verdict", "benign", "--reason", "thử").status == 0
    assert alerted("alerts", "list", "--json").documents == []
    again = alerted("alerts", "close", str(alert["id"]), "--verdict", "false_positive")
    assert (again.status, again.out) == (0, "0 alerts changed.\n")
    assert "unchanged: 1" in again.err
    assert alerted("alerts", "reopen", str(alert["id"])).status == 0
    assert len(alerted("alerts", "list").out.splitlines()) == 2


def test_an_alert_about_ourselves_shows_no_rule_that_there_is_not(alerted: Run, tmp_path: Path) -> None:
    with open_database(sqlite_url(tmp_path / "data")).write() as session:
        alert = session.get_one(Alert, 1)
        alert.rule_file, alert.matched, alert.event_ids, alert.summary = "", [], [], {}
    assert len(alerted("alerts", "show", "1").out.splitlines()) == 4


def test_an_alert_that_explains_its_number_does_so(alerted: Run, tmp_path: Path) -> None:
    with open_database(sqlite_url(tmp_path / "data")).write() as session:
        session.get_one(Alert, 1).summary = {"explained": {"vi": "chưa từng thấy", "en": "never \x1b[2J seen"}}
    shown = alerted("alerts", "show", "1").out
    assert "never" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("noun", ["alerts", "incidents"])
def test_an_unknown_status_or_level_is_refused_with_the_known_ones(alerted: Run, noun: str) -> None:
    for status, count in {"open": 1, "new": 1, "closed": 0, "all": 1}.items():
        assert len(alerted(noun, "list", "--status", status, "--json").documents) == count
    refused = alerted(noun, "list", "--status", "foo")
    assert (refused.status, refused.out) == (2, "")
    assert "open, new, " in refused.err
    assert "closed, all" in refused.err


def test_the_lowest_level(alerted: Run) -> None:
    assert len(alerted("alerts", "list", "--level", "high", "--json").documents) == 1
    assert alerted("alerts", "list", "--level", "critical", "--json").documents == []
    refused = alerted("alerts", "list", "--level", "foo")
    assert refused.status == 2
    assert "informational, low, medium, high, critical" in refused.err


def test_wrong_ids_and_verdicts(alerted: Run) -> None:
    assert alerted("alerts", "show", "999").status == 2
    assert alerted("alerts", "ack", "999").status == 2
    assert alerted("alerts", "close", "1", "--verdict", "guilty").status == 2


def test_an_alert_about_an_account_says_who_did_it_and_to_whom(alerted: Run, tmp_path: Path) -> None:
    with open_database(sqlite_url(tmp_path / "data")).write() as session:
        session.get_one(Alert, 1).summary = {"user": ["an"], "target_user": ["gia1", "gia2\x1b[2J"]}
    shown = alerted("alerts", "show", "1").out
    assert "Account: an\n" in shown
    assert "Account acted upon: gia1, gia2" in shown
    assert "\x1b" not in shown
