"""Vụ việc on the command line."""

from __future__ import annotations

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
    assert alerted("incidents", "note", number, "đã gọi quản trị").status == 0
    assert alerted("incidents", "assign", number, "--to", "hanhnt").status == 0
    declared = alerted("incidents", "declare", number, "--category", "xâm nhập", "--reason", "thử")
    assert declared.status == 0
    wrong = alerted("incidents", "declare", number, "--withdraw", "--category", "xâm nhập", "--reason", "nhầm")
    assert wrong.status == 2, "a category that would do nothing"
    assert alerted("incidents", "declare", number, "--withdraw", "--reason", "nhầm").status == 0
    assert alerted("incidents", "declare", number, "--reason", "thử").status == 2, "a category is needed"
    assert alerted("incidents", "declare", number, "--category", "xâm nhập", "--reason", "thử").status == 0
    assert alerted("incidents", "show", number, "--json").documents[0]["declared_by"]
    assert alerted("incidents", "close", number, "--verdict", "true_positive", "--reason", "xong").status == 0
    assert alerted("incidents", "list", "--json").documents == []
    again = alerted("incidents", "close", number, "--verdict", "benign")
    assert again.status == 0
    assert "Closed (true positive) already" in again.err
    assert alerted("incidents", "reopen", number, "--reason", "lại").err == ""
    again = alerted("incidents", "reopen", number)
    assert again.status == 0
    assert "already" in again.err
    assert "đã gọi quản trị" in alerted("incidents", "show", number).out


def test_an_unknown_number_is_said(alerted: Run) -> None:
    assert alerted("incidents", "show", "VV-1999-0001").status == 2
