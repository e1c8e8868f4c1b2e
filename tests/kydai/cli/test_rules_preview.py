"""What a package would change: rules, what they see here, and alerts over the past; nothing is changed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_rules import CORRELATION, CORRELATION_ID, ID
from tests.kydai.conftest import RULE

SPAN = ("--from", "2026-11-25", "--to", "2026-11-25")
NEW_ID = "33333333-3333-4333-8333-333333333333"
NEW = RULE.replace(ID, NEW_ID).replace("name: test", "name: new").replace("failure\n", "success\n")

ALIKE = RULE.replace("event.outcome: failure", "event.outcome: [failure, never]")
"""Another condition that matches the same."""
LINE = "<38>Nov 25 {:02d}:00:{:02d} web01 sshd[7]: {} password for root from 203.0.113.5 port 4022 ssh2\n"


@pytest.fixture
def mine(kydai: Run, tmp_path: Path) -> Path:
    """A package with a rule that made three alerts, and one that made none, over a morning of both outcomes."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "r.yml").write_text(RULE)
    (folder / "c.yml").write_text(CORRELATION.replace(f"rules: [{ID}]", f"generate: true\n  rules: [{ID}]"))
    assert kydai("rules", "install", str(folder)).status == 0
    lines = [LINE.format(hour, n, what) for hour in (8, 9, 10) for n, what in enumerate(("Failed", "Accepted"))]
    ingest(kydai, tmp_path, "".join(lines))
    return folder


def failed(*hours: int) -> str:
    return "".join(LINE.format(hour, 30, "Failed") for hour in hours)


def ingest(kydai: Run, folder: Path, lines: str) -> None:
    (folder / "auth.log").write_text(lines)
    assert kydai("ingest", str(folder / "auth.log")).status == 0


def alerts(kydai: Run) -> list[dict[str, Any]]:
    return [each for each in kydai("alerts", "list", "--json").documents if each["rule_id"] == ID]


def first_alert(kydai: Run) -> str:
    return str(alerts(kydai)[0]["id"])


def shown(kydai: Run, folder: Path, *more: str) -> dict[str, Any]:
    ran = kydai("rules", "update", "mine", str(folder), "--preview", *SPAN, "--json", *more)
    (document,) = ran.documents
    assert (ran.status == 0) is document["complete"]
    return dict(document)


def counts(document: dict[str, Any], how: str) -> list[tuple[str, int, int]]:
    return [(each["id"], each["more"], each["fewer"]) for each in document[how] if "more" in each]


def test_nothing_changes(kydai: Run, mine: Path) -> None:
    document = shown(kydai, mine)
    assert [document[how] for how in ("added", "removed", "changed")] == [[], [], []]
    assert (document["alerts_more"], document["alerts_fewer"]) == (0, 0)
    told = kydai("rules", "update", "mine", "--preview", *SPAN)
    assert told.out == ("Package mine: 0 rules new, 0 gone, 0 changed (condition 0, level 0, mode 0, words 0).\n")


def test_alerts_that_come_and_go(kydai: Run, mine: Path) -> None:
    (mine / "n.yml").write_text(NEW)
    document = shown(kydai, mine)
    assert counts(document, "added") == [(NEW_ID, 3, 0)]
    assert (document["alerts_more"], document["alerts_fewer"], document["changed"]) == (3, 0, [])
    (mine / "r.yml").unlink()
    (mine / "c.yml").unlink()
    document = shown(kydai, mine)
    assert counts(document, "removed")[0] == (ID, 0, 3)
    assert (document["alerts_more"], document["alerts_fewer"]) == (3, 3)
    assert kydai("rules", "list", "--package", "mine", "--json").out.count(NEW_ID) == 0, "nothing is changed"


def test_a_changed_rule_is_counted_by_what_differs(kydai: Run, mine: Path) -> None:
    both = RULE.replace("event.outcome: failure", "event.outcome: [failure, success]")
    (mine / "r.yml").write_text(both)
    document = shown(kydai, mine)
    assert [(each["id"], each["kinds"]) for each in document["changed"]] == [(ID, ["condition"])]
    assert (document["alerts_more"], document["alerts_fewer"]) == (0, 0), "each hour has its alert already"
    assert (document["correlations_not_counted"], document["carried"]) == ([], []), "the correlation had fired"
    (mine / "r.yml").write_text(both.replace("failure, success", "success"))
    assert kydai("rules", "record", ID).status == 0
    document = shown(kydai, mine)
    assert (document["alerts_more"], document["alerts_fewer"]) == (0, 3), "a person's choice goes on: it records only"
    (mine / "r.yml").write_text(RULE.replace("level: high", "level: critical").replace("Test", "Try"))
    document = shown(kydai, mine)
    assert [each["kinds"] for each in document["changed"]] == [["level", "words"]]
    assert counts(document, "changed") == []


def test_a_correlation_that_makes_a_rule_quiet(kydai: Run, mine: Path) -> None:
    (mine / "c.yml").write_text(CORRELATION.replace("Many", "Very many"))
    document = shown(kydai, mine)
    kinds = {each["id"]: each["kinds"] for each in document["changed"]}
    assert kinds == {ID: ["mode"], CORRELATION_ID: ["condition", "words"]}
    assert (document["alerts_more"], document["alerts_fewer"]) == (0, 3)


def test_correlations_are_counted_with_what_was_just_before(kydai: Run, mine: Path) -> None:
    three = CORRELATION.replace("timespan: 5m", "timespan: 3h")
    (mine / "c.yml").write_text(three)
    assert kydai("rules", "record", ID).status == 0
    late = ("--from", "2026-11-25T10:00", "--to", "2026-11-25T10:30")
    ran = kydai("rules", "update", "mine", "--preview", *late, "--json")
    (document,) = ran.documents
    assert (ran.status, counts(document, "changed")[-1]) == (0, (CORRELATION_ID, 1, 0)), "with those of 8 and 9 o'clock"
    assert kydai("rules", "update", "mine").status == 0
    ingest(kydai, mine.parent, failed(11, 12, 13))
    there = [each for each in kydai("alerts", "list", "--json").documents if each["rule_id"] == CORRELATION_ID]
    (mine / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome: never"))
    document = shown(kydai, mine)
    carried = counts(document, "carried")
    assert carried == [(CORRELATION_ID, 0, len(there))]
    assert there, "the correlation itself is as it was"
    told = kydai("rules", "update", "mine", "--preview", *SPAN)
    assert "follows" in told.out
    asked = three.partition("  timespan")[0].replace("event_count", "first_seen")
    (mine / "c.yml").write_text(f"{asked}  fields: [user.name]\n  learn: 14d\n  forget: 90d\n")
    document = shown(kydai, mine)
    assert document["correlations_not_counted"] == [CORRELATION_ID], document


def test_the_same_again_by_the_command_that_is_printed(kydai: Run, mine: Path) -> None:
    (mine / "n.yml").write_text(NEW)
    first = kydai("rules", "update", "mine", "--preview", *SPAN)
    command = shlex.split(first.err.partition("The same again: kydai ")[2].strip())
    assert kydai(*command).out == first.out
    (mine / "n.yml").write_text(RULE)
    assert "checksum" in kydai(*command).err


def test_rules_that_see_less(kydai: Run, mine: Path) -> None:
    (mine / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome|expand: '%none%'"))
    document = shown(kydai, mine)
    assert [each["state"] for each in document["gone_blind"]] == ["blind", "blind"]
    assert {each["rule"] for each in document["gone_blind"]} == {ID, CORRELATION_ID}
    assert "2 rules see less than before:" in kydai("rules", "update", "mine", "--preview", *SPAN).out


def test_a_rule_with_a_local_copy_changes_nothing_and_is_named(kydai: Run, mine: Path) -> None:
    assert shown(kydai, mine)["under_local_copies"] == []
    assert kydai("rules", "copy", ID).status == 0
    (mine / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome: success"))
    document = shown(kydai, mine)
    assert [each["id"] for each in document["under_local_copies"]] == [ID]
    assert (document["changed"], document["alerts_more"], document["alerts_fewer"]) == ([], 0, 0)
    told = kydai("rules", "update", "mine", "--preview", *SPAN).out
    assert "1 rule of the package change" in told
    assert "  Test sign-in failure" in told


def test_an_alert_that_followed_a_closed_one_is_not_lost(kydai: Run, mine: Path, tmp_path: Path) -> None:
    closed = first_alert(kydai)
    assert kydai("alerts", "close", closed, "--verdict", "benign", "--reason", "r").status == 0
    ingest(kydai, tmp_path, failed(8, 9, 10))
    assert (len(alerts(kydai)), first_alert(kydai) == closed) == (3, False), "another follows it"
    (mine / "r.yml").write_text(ALIKE)
    document = shown(kydai, mine)
    assert counts(document, "changed")[0] == (ID, 0, 0)


def test_hits_that_an_exception_takes_make_no_alert(kydai: Run, mine: Path, tmp_path: Path) -> None:
    made = kydai("rules", "except", first_alert(kydai), "--field", "source.ip", "--reason", "r")
    assert "(in force)" in made.out
    ingest(kydai, tmp_path, failed(12, 13, 14))
    assert len(alerts(kydai)) == 3, "all were taken"
    (mine / "r.yml").write_text(ALIKE)
    assert counts(shown(kydai, mine), "changed")[0] == (ID, 0, 0)
    assert kydai("rules", "exceptions", "remove", "1", "--reason", "r").status == 0
    assert counts(shown(kydai, mine), "changed")[0] == (ID, 3, 0)


def test_times_belong_to_a_preview(kydai: Run, mine: Path) -> None:
    ran = kydai("rules", "update", "mine", *SPAN)
    assert (ran.status, "go with --preview" in ran.err) == (2, True)
    assert kydai("rules", "update", "mine", "--preview", "--from", "2026-11-25", "--to", "2026-11-24").status == 2
