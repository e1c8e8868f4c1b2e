"""Rules in force, their modes, and rules over files."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run
from tests.kydai.conftest import RULE

ID = "11111111-1111-4111-8111-111111111111"
CORRELATION_ID = "22222222-2222-4222-8222-222222222222"
CORRELATION = f"""title: Many failures
id: {CORRELATION_ID}
status: test
level: high
correlation:
  type: event_count
  rules: [{ID}]
  group-by: [host.name]
  timespan: 5m
  condition: {{gte: 3}}
"""


def test_modes_are_listed_and_changed(kydai: Run, tmp_path: Path) -> None:
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    (local / "bad.yml").write_text("title: x\nlogsource: {}\n")
    listed = kydai("rules", "list", "--package", "local", "--json")
    assert listed.status == 3, "one rule cannot be used"
    assert [(r["id"], r["mode"]) for r in listed.documents] == [(ID, "alert")]
    assert "bad.yml" in kydai("rules", "list", "--errors").out
    assert kydai("rules", "record", "test_sign_in_failure", "--reason", "ồn").status == 0
    assert [r["mode"] for r in kydai("rules", "list", "--package", "local", "--json").documents] == ["record"]
    assert kydai("rules", "disable", "nonsense").status == 2


def test_rules_over_a_file(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(RULE)
    events = tmp_path / "e.jsonl"
    events.write_text('{"event.outcome":"success"}\n{"event.outcome":"failure"}\n')
    ran = kydai("rules", "match", "--rules", str(tmp_path / "r.yml"), str(events))
    assert [(d["rule"], d["level"], d["record"]) for d in ran.documents] == [(ID, "high", 1)]


def test_a_correlation_is_counted_alike_and_named(kydai: Run, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "rules"
    folder.mkdir(parents=True)
    (folder / "r.yml").write_text(RULE)
    (folder / "c.yml").write_text(CORRELATION)
    kydai("ingest", str(log))
    installed = kydai("rules", "install", str(tmp_path / "mine"))
    assert (
        "2 rules, of them 1 correlation (1 alert, 1 for a correlation, 0 record, 0 disabled, 0 cannot be used)"
        in installed.out
    )
    listed = kydai("rules", "list", "--package", "mine")
    assert "2 rules, of them 1 correlation" in listed.err
    assert "correlation" in listed.out
    kinds = {r["id"]: r["kind"] for r in kydai("rules", "list", "--package", "mine", "--json").documents}
    assert kinds == {ID: "rule", CORRELATION_ID: "correlation"}
    effects = {r["id"]: r["effect"] for r in kydai("rules", "list", "--package", "mine", "--json").documents}
    assert effects == {ID: "correlation", CORRELATION_ID: "alert"}, "nobody is called by what a correlation reads"
    assert "for a correlation" in listed.out
    read = kydai("rules", "list", "--package", "mine", "--mode", "correlation", "--json").documents
    assert [r["id"] for r in read] == [ID]
    told = kydai("rules", "enable", ID, CORRELATION_ID).err
    assert "1 rule now: for a correlation." in told
    assert "1 rule now: alerts." in told
    assert "it makes no alert of its own" in told
    assert "2 rules, of them 1 correlation; 0 findings" in kydai("rules", "lint", str(folder)).err
    assert kydai("rules", "disable", CORRELATION_ID).status == 0
    assert "1 disabled" in kydai("rules", "update", "mine").out


def test_a_correlation_that_refers_to_nothing_is_named_everywhere_and_alerts_nowhere(
    kydai: Run, log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine" / "rules"
    folder.mkdir(parents=True)
    (folder / "r.yml").write_text(RULE)
    (folder / "c.yml").write_text("# \n" + CORRELATION.replace(f"rules: [{ID}]", "rules: [gone]"))
    installed = kydai("rules", "install", str(tmp_path / "mine"))
    place = "rules/c.yml:2: there is no rule with the id or name 'gone'."
    assert (installed.status, place in installed.out) == (3, True)
    assert "(1 alert, 0 for a correlation, 0 record, 0 disabled, 1 cannot be used), 1 error;" in installed.out
    assert kydai("rules", "list", "--errors").out.count(place) == 1
    (listed,) = kydai("rules", "list", "--mode", "unusable", "--json").documents
    assert (listed["id"], listed["effect"]) == (CORRELATION_ID, "unusable")
    assert "cannot be used" in kydai("rules", "list", "--package", "mine").out
    assert "1 rule now: cannot be used." in kydai("rules", "enable", CORRELATION_ID).err
    linted = kydai("rules", "lint", str(folder))
    assert (linted.status, linted.out.count("'gone'")) == (2, 1)
    matched = kydai("rules", "match", "--rules", str(folder), str(log))
    assert (matched.status, matched.err.count("'gone'")) == (3, 1)
    assert kydai("rules", "disable", CORRELATION_ID).err.startswith("1 rule now: disabled.\n")


def test_a_filter_that_is_left_out_is_named_when_it_is_installed(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    body = "logsource: {product: linux}\nfilter:\n  rules: any\n  x: {event.action: '*'}\n  condition: not x\n"
    (tmp_path / "mine" / "f.yml").write_text("title: Ours\n" + body)
    (tmp_path / "mine" / "r.yml").write_text(RULE)
    installed = kydai("rules", "install", str(tmp_path / "mine"))
    assert (installed.status, "1 error;" in installed.out) == (3, True)
    assert "f.yml:5: under this filter" in installed.out


def test_lint_names_the_line(kydai: Run, tmp_path: Path) -> None:
    file = tmp_path / "r.yml"
    file.write_text(RULE.replace("condition: selection", "condition: selction"))
    ran = kydai("rules", "lint", str(file), "--json")
    assert ran.status == 2
    assert (ran.documents[0]["line"], ran.documents[0]["column"]) == (10, 14)
    told = kydai("rules", "lint", str(file)).out
    assert "r.yml:10:14: error: condition: there is no selection 'selction'. Perhaps it should be: selection.\n" in told
