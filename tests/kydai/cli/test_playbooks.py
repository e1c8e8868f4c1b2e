"""Playbooks on the command line: from a run to its undo."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from core.db.database import open_database, sqlite_url
from core.db.models import StepRun
from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_alerts import alerted

__all__ = ["alerted"]


def test_what_there_is_and_lint(kydai: Run, tmp_path: Path) -> None:
    listed = " ".join(kydai("playbooks", "list").out.split())
    assert "by itself when an incident meets: incident.level:" in listed
    assert "started by a person" in listed
    assert "block_guessing_source" in [p["name"] for p in kydai("playbooks", "list", "--json").documents]
    bad = tmp_path / "p.yml"
    bad.write_text("name: x\nsteps: []\n")
    ran = kydai("playbooks", "lint", str(bad))
    assert ran.status == 2
    assert "p.yml:" in ran.err


def test_a_run_is_tried_dry_approved_and_undone(alerted: Run) -> None:
    (incident,) = alerted("incidents", "list", "--json").documents
    dry = alerted("playbooks", "run", "isolate_web_shell", incident["number"], "--dry-run", "--json").documents[0]
    assert (dry["status"], dry["effects"]) == ("succeeded", [])
    run = alerted("playbooks", "run", "isolate_web_shell", incident["number"], "--json").documents[0]
    assert (run["status"], run["waiting_step"]) == ("waiting_approval", "block")
    assert run["steps"][0]["preview"]["block"] == ["203.0.113.5"]
    assert len(alerted("playbooks", "runs", "--waiting", "--json").documents) == 1
    shown = alerted("playbooks", "run", "isolate_web_shell", incident["number"], "--dry-run")
    assert "\n    203.0.113.5\n" in shown.out
    head = shown.out.splitlines()[0]
    assert "dry run" in head or "chạy thử" in head
    looked = alerted("playbooks", "approve", str(run["id"]))
    assert looked.status == 2, "a person approves what they saw, so they name it"
    assert "\n    203.0.113.5\n" in looked.out
    assert "--step block" in looked.err
    assert alerted("playbooks", "approve", str(run["id"]), "--step", "isolate").status == 1, "that one does not wait"
    assert alerted("playbooks", "runs", "--waiting", "--json").documents[0]["waiting_step"] == "block"
    approved = alerted("playbooks", "approve", str(run["id"]), "--step", "block", "--json").documents[0]
    assert (approved["status"], approved["waiting_step"]) == ("waiting_person", "isolate")
    assert approved["steps"][0]["result"]["is_dry"] is True
    assert approved["steps"][0]["self_approved"] is True
    assert alerted("playbooks", "done", str(run["id"]), "--not-done").status == 2
    (done,) = alerted("playbooks", "done", str(run["id"]), "--step", "isolate", "--json").documents
    assert done["status"] == "succeeded"
    assert done["error"] == done["steps"][0]["error"] == {"vi": "", "en": ""}
    undone = alerted("playbooks", "undo", str(run["id"]), "--json").documents[0]
    assert "undone" in {e["state"] for e in undone["effects"]}
    assert alerted("playbooks", "undo", str(run["id"])).status == 1, "nothing is left to undo"
    listed = alerted("playbooks", "runs").out
    assert "block undone at" in listed or "block đã hoàn tác lúc" in listed


def test_what_waits_behind_an_undone_step_says_so(alerted: Run) -> None:
    (incident,) = alerted("incidents", "list", "--json").documents
    (run,) = alerted("playbooks", "run", "isolate_web_shell", incident["number"], "--json").documents
    alerted("playbooks", "approve", str(run["id"]), "--step", "block")
    told = alerted("playbooks", "undo", str(run["id"]), "--step", "block").out
    assert "block undone at" in told or "block đã hoàn tác lúc" in told
    assert "Step block was undone" in told or "Bước block đã hoàn tác" in told
    alerted("playbooks", "done", str(run["id"]), "--step", "isolate")
    asked = alerted("playbooks", "undo", str(run["id"]), "--step", "isolate").out
    assert "Step block was undone" not in asked, "what is to be undone is needed"
    assert "Bước block đã hoàn tác" not in asked


def test_an_approval_names_the_list_that_was_seen(alerted: Run, tmp_path: Path) -> None:
    (incident,) = alerted("incidents", "list", "--json").documents
    run = alerted("playbooks", "run", "isolate_web_shell", incident["number"], "--json").documents[0]
    with closing(open_database(sqlite_url(tmp_path / "data"))) as database, database.write() as session:
        session.get_one(StepRun, (run["id"], "block")).preview_version = 3
    assert "--step block --preview 3" in alerted("playbooks", "approve", str(run["id"])).err
    refused = alerted("playbooks", "approve", str(run["id"]), "--step", "block")
    assert (refused.status, "look again" in refused.err or "xem lại" in refused.err) == (1, True)
    approved = alerted("playbooks", "approve", str(run["id"]), "--step", "block", "--preview", "3", "--json")
    assert approved.documents[0]["steps"][0]["preview_version"] == 3
    with closing(open_database(sqlite_url(tmp_path / "data"))) as database, database.write() as session:
        session.get_one(StepRun, (run["id"], "block")).newcomers = ["203.0.113.6"]
    shown = alerted("playbooks", "done", str(run["id"]))
    assert f"kydai playbooks run isolate_web_shell {incident['number']}" in shown.out


def test_unknown_names(alerted: Run) -> None:
    assert alerted("playbooks", "run", "nope", "VV-2026-0001").status == 2
    ran = alerted("playbooks", "approve", "99")
    assert ran.status == 2
    assert "99" in ran.err


def test_scripts_say_what_a_playbook_does(kydai: Run, tmp_path: Path) -> None:
    script = tmp_path / "tell.yml"
    good = "playbook: tell_by_mail\ncases: [{facts: {incident.sentence.vi: c}, does: {mail: {}}}]\n"
    script.write_text(good)
    assert kydai("playbooks", "test", str(tmp_path), "--json").documents == [{"cases": 1, "problems": []}]
    script.write_text(good.replace("mail: {}", "mail: {text: other}"))
    ran = kydai("playbooks", "test", str(script))
    assert ran.status == 1
    assert "mail.text: 'c'; expected 'other'" in ran.out
    script.write_text(good.replace("tell_by_mail", "nope"))
    assert kydai("playbooks", "test", str(script)).status == 2
    assert kydai("playbooks", "test", str(tmp_path / "none.yml")).status == 2
