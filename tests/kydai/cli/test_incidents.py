"""Vụ việc on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_alerts import alerted

__all__ = ["alerted"]


def test_an_incident_is_shown_noted_declared_and_closed(alerted: Run) -> None:
    (incident,) = alerted("incidents", "list", "--json").documents
    number = incident["number"]
    assert number.startswith("VV-")
    assert sum(p["points"] for p in incident["priority_sum"]) == incident["priority"]
    shown = alerted("incidents", "show", number, "--json").documents[0]
    assert len(shown["alerts"]) == 1
    assert shown["sentence"]["vi"]
    noted = alerted("incidents", "note", number, "đã gọi quản trị")
    assert (noted.status, number in noted.err) == (0, True)
    assert alerted("incidents", "assign", number, "--to", "nobody").status == 2
    alerted("users", "add", "hanhnt", "--role", "analyst")
    assigned = alerted("incidents", "assign", number, "--to", "hanhnt")
    assert (assigned.status, f"{number}: " in assigned.err or f"{number} is" in assigned.err) == (0, True)
    assert "hanhnt" in assigned.err
    unknown = alerted("incidents", "declare", number, "--category", "xâm nhập", "--reason", "thử")
    assert unknown.status == 2
    assert "intrusion, malware, data_leak" in unknown.err
    early = ("--category", "intrusion", "--reason", "thử", "--detected", "2001-01-01T00:00")
    assert "before the first event" in alerted("incidents", "declare", number, *early).err
    declared = alerted("incidents", "declare", number, "--category", "intrusion", "--reason", "thử")
    assert (declared.status, number in declared.err) == (0, True)
    assert "Declared a security incident: Intrusion, takeover; detected " in alerted("incidents", "show", number).out
    wrong = alerted("incidents", "declare", number, "--withdraw", "--category", "intrusion", "--reason", "nhầm")
    assert wrong.status == 2, "a category that would do nothing"
    assert alerted("incidents", "declare", number, "--withdraw", "--reason", "nhầm").status == 0
    assert alerted("incidents", "declare", number, "--reason", "thử").status == 2, "a category is needed"
    assert alerted("incidents", "declare", number, "--category", "intrusion", "--reason", "thử").status == 0
    assert alerted("incidents", "show", number, "--json").documents[0]["declared_by"]
    closed = alerted("incidents", "close", number, "--verdict", "true_positive", "--reason", "xong")
    assert (closed.status, closed.err) == (0, f"{number} is now: Closed (true positive).\n")
    assert alerted("incidents", "list", "--json").documents == []
    again = alerted("incidents", "close", number, "--verdict", "benign")
    assert again.status == 0
    assert "Closed (true positive) already" in again.err
    assert alerted("incidents", "reopen", number, "--reason", "lại").err == f"{number} is now: In progress.\n"
    again = alerted("incidents", "reopen", number)
    assert again.status == 0
    assert "already" in again.err
    assert "đã gọi quản trị" in alerted("incidents", "show", number).out


def test_an_unknown_number_is_said(alerted: Run) -> None:
    assert alerted("incidents", "show", "VV-1999-0001").status == 2


def test_an_incident_says_how_it_stands_and_what_its_priority_adds_up_from(alerted: Run) -> None:
    number = alerted("incidents", "list", "--json").documents[0]["number"]
    alerted("users", "add", "hanhnt", "--role", "analyst")
    alerted("incidents", "assign", number, "--to", "hanhnt")
    shown = alerted("incidents", "show", number).out
    assert "Assignee: hanhnt" in shown
    assert "Status: In progress" in shown
    assert "level of the alerts" in shown
    assert "+0" not in shown
    alerted("incidents", "close", number, "--verdict", "benign", "--reason", "tập")
    assert "Status: Closed (benign)" in alerted("incidents", "show", number).out


def test_a_merged_incident_names_the_one_it_went_into(alerted: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text("<38>Nov 25 08:00:09 db09 sshd[7]: Failed password for lan from 198.51.100.9 port 4022 ssh2\n")
    alerted("ingest", str(other))
    (whole,) = alerted("incidents", "list", "--json").documents
    alerts = alerted("incidents", "show", whole["number"], "--json").documents[0]["alerts"]
    split = alerted("incidents", "split", whole["number"], str(alerts[1]["id"]), "--json")
    made = split.documents[0]["number"]
    assert split.err == f"{whole['number']}: 1 alert split off into {made}.\n"
    into, gone = sorted(i["number"] for i in alerted("incidents", "list", "--json").documents)
    assert alerted("incidents", "merge", into, gone).err == f"{gone} merged into {into}.\n"
    assert f"Merged into {into}" in alerted("incidents", "show", gone).out
    assert alerted("incidents", "show", gone, "--json").documents[0]["merged_into"] == into
