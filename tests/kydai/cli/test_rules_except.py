"""Exceptions on the command line: offered from an alert, made, listed, approved, removed, undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.audit import Actor
from core.clock import SystemClock, from_micros
from detections import local_rules
from detections.local_rules import Written, local_rule
from kydai.context import Context
from kydai.people import cli_actor
from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_rules import ID
from tests.kydai.conftest import RULE

LINE = "<38>{} {} sshd[7]: Failed password for root from 203.0.113.5 port 4022 ssh2\n"


@pytest.fixture
def alerted(kydai: Run, tmp_path: Path) -> Run:
    """Failures on two hosts a moment ago, and their alerts."""
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    (tmp_path / "auth.log").write_text(lines("web01", "web01", "db01"))
    assert kydai("ingest", str(tmp_path / "auth.log")).status == 0
    return kydai


def lines(*hosts: str) -> str:
    now = from_micros(SystemClock().now()).strftime("%b %d %H:00:00")
    return "".join(LINE.format(now, host) for host in hosts)


def alerts(kydai: Run) -> dict[str, Any]:
    return {a["host"]: a for a in kydai("alerts", "list", "--json").documents if a["rule_id"] == ID}


def test_nothing_is_made_without_a_reason(alerted: Run) -> None:
    number = str(alerts(alerted)["web01"]["id"])
    (told,) = alerted("rules", "except", number, "--json").documents
    assert (told["rule"], told["hits"], told["taken"], told["removed"], told["alerts"]) == (ID, 3, 2, 1, 2)
    assert {o["field"] for o in told["fields"] if o["chosen"]} == {"host.name", "user.name", "source.ip"}
    ran = alerted("rules", "except", number, "--field", "user.name")
    assert "takes 3 of 3 hits" in ran.out
    assert "Nothing made yet" in ran.err
    assert alerted("rules", "exceptions", "--json").documents == []
    assert "There are no exceptions" in alerted("rules", "exceptions").err


def test_an_exception_takes_what_comes_then_until_it_is_removed(alerted: Run, tmp_path: Path) -> None:
    number = str(alerts(alerted)["web01"]["id"])
    made = alerted("rules", "except", number, "--field", "host.name", "--reason", "máy thử", "--until", "now+10d")
    assert made.status == 0
    assert "Made exception 1 (in force)" in made.out
    assert "would have hidden 0 confirmed incidents" in made.err
    more = tmp_path / "more.log"
    more.write_text(lines("web01", "db01"))
    assert alerted("ingest", str(more)).status == 0
    assert {host: a["count"] for host, a in alerts(alerted).items()} == {"web01": 2, "db01": 2}
    (row,) = alerted("rules", "exceptions", "list", "--rule", "sign-in failure", "--json").documents
    assert (row["taken"], row["state"], row["conditions"]) == (1, "active", {"host.name": ["web01"]})
    assert alerted("rules", "exceptions").out.count("host.name = web01") == 1
    assert "condition: not selection" in alerted("rules", "exceptions", "show", "1").out
    removed = alerted("rules", "exceptions", "remove", "1", "--reason", "xong")
    entry = removed.err.rpartition("kydai rules undo ")[2].strip()
    assert "no entry 999999" in alerted("rules", "undo", "999999").err
    assert alerted("rules", "undo", entry).status == 0
    assert alerted("rules", "exceptions", "list", "--state", "active", "--json").documents
    assert alerted("rules", "undo", entry).status == 1, "not twice"
    journal = [each["action"] for each in alerted("audit", "list", "--json").documents]
    assert {"exception.create", "exception.remove", "exception.undo"} <= set(journal)


def test_one_that_hides_what_was_confirmed_needs_another_account(alerted: Run) -> None:
    number = str(alerts(alerted)["web01"]["id"])
    assert alerted("alerts", "close", number, "--verdict", "true_positive", "--reason", "thật").status == 0
    made = alerted("rules", "except", number, "--reason", "r")
    assert "(waits for approval)" in made.out
    assert "waits for somebody else, signed in with their own account" in made.err
    assert alerted("rules", "exceptions", "approve", "1").status == 2, "a shell does not say who sits at it"
    assert "(refused)" in alerted("rules", "exceptions", "refuse", "1").out


def test_modes_are_undone(alerted: Run) -> None:
    ran = alerted("rules", "disable", "Test sign-in")
    assert f"{ID}: Test sign-in failure" in ran.err
    entry = ran.err.rpartition("kydai rules undo ")[2].strip()
    modes = [r["mode"] for r in alerted("rules", "list", "--json").documents if r["id"] == ID]
    assert modes == ["disabled"]
    assert alerted("rules", "undo", entry).status == 0
    assert [r["mode"] for r in alerted("rules", "list", "--json").documents if r["id"] == ID] == ["alert"]


def test_what_is_undone_by_another_command_says_by_which(alerted: Run, tmp_path: Path) -> None:
    package = tmp_path / "mine"
    package.mkdir()
    (package / "r.yml").write_text(
        RULE.replace(ID, "33333333-3333-4333-8333-333333333333").replace("name: test", "name: other")
    )
    for change, way in (("install", "rollback mine; "), ("remove", "rollback mine"), ("rollback", "remove mine")):
        assert alerted("rules", change, "mine" if change != "install" else str(package)).status == 0
        entry = alerted("audit", "list", "--json").documents[0]
        assert entry["action"] == f"rules.{change}"
        ran = alerted("rules", "undo", str(entry["seq"]))
        assert (ran.status, f"kydai rules {way}" in ran.err) == (1, True), ran.err


WRONG = (
    (("except", "99"), "99"),
    (("except", "ALERT", "--field", "host.nam"), "host.name"),
    (("except", "ALERT", "--reason", "r", "--until", "2020-01-01"), "within a year"),
    (("except", "ALERT", "--reason", "r", "--owner", "nobody"), "nobody"),
    (("except", "ALERT", "--rule", "nonsense"), "nonsense"),
    (("exceptions", "show", "9"), "no exception 9"),
    (("undo", "1"), "no entry 1"),
    (("undo", "9" * 20), "at most 9223372036854775807"),
    (("except", "9" * 20), "at most 9223372036854775807"),
    (("exceptions", "refuse", "9" * 20), "at most 9223372036854775807"),
    (("except", "ALERT", "--reason", "r", "--until", "9999-12-31"), "9999-12-31"),
)


def test_wrong_inputs(alerted: Run) -> None:
    number = str(alerts(alerted)["web01"]["id"])
    for arguments, said in WRONG:
        ran = alerted("rules", *(number if each == "ALERT" else each for each in arguments))
        assert ran.status in (1, 2), arguments
        assert said in ran.err


def test_a_text_saved_in_the_console_is_put_back_by_who_wrote_it(kydai: Run, context: Context) -> None:
    folder = context.settings.rules_folder
    for number, (actor, status) in enumerate(((Actor("an", "console"), 1), (cli_actor(), 0))):
        before = local_rule(folder, "moi.yml")
        wish = Written("moi.yml", f"title: {number}\n")
        with local_rules.changing(context.database, folder, context.clock.now()) as session:
            entry = local_rules.save(
                session, actor, folder, "x", wish, now=context.clock.now(), version=before.version if before else None
            )
        assert kydai("rules", "undo", str(entry)).status == status
    left = local_rule(folder, "moi.yml")
    assert left is not None and left.text == "title: 0\n"
