"""Rules over what is stored: hits, truth, what is kept, and going on after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from core.clock import DAY, StillClock, iso, to_micros
from core.store.contract import Deleted
from core.store.segments import SegmentStore
from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_rules import CORRELATION, CORRELATION_ID, ID
from tests.kydai.conftest import RULE

YEARS_AGO = to_micros("2018-11-25")
SPAN = ("--from", "2026-11-25", "--to", "2026-11-25")


@pytest.fixture
def stored(kydai: Run, tmp_path: Path) -> Run:
    """Failures of three hours, and a rule for them that is switched off."""
    local = tmp_path / "data" / "rules" / "local"
    local.mkdir(parents=True)
    (local / "r.yml").write_text(RULE)
    (local / "c.yml").write_text(CORRELATION)
    file = tmp_path / "auth.log"
    line = "<38>Nov 25 {:02d}:00:{:02d} web01 sshd[7]: {} password for root from 203.0.113.5 port 4022 ssh2\n"
    lines = [line.format(hour, n, what) for hour in (8, 9, 10) for n, what in enumerate(("Failed", "Accepted"))]
    file.write_text("".join(lines))
    assert kydai("ingest", str(file)).status == 0
    assert kydai("rules", "disable", ID).status == 0
    return kydai


def test_hits_are_shown_kept_and_written(stored: Run, tmp_path: Path) -> None:
    ran = stored("rules", "hunt", "test_sign_in_failure", *SPAN)
    assert ran.status == 0
    assert ran.out.count("web01") == 3
    assert "1 rule, " in ran.err
    assert "3 events read, 3 hits" in ran.err, "what the query cannot find is not read"
    (kept,) = stored("rules", "hunt", "--json").documents
    assert (kept["hits"], kept["rules"], kept["complete"], kept["exact"]) == (3, [ID], True, True)
    out = tmp_path / "hits.jsonl"
    again = stored("rules", "hunt", "--resume", kept["id"], "-o", str(out))
    assert again.status == 0
    hits: list[dict[str, Any]] = [orjson.loads(each) for each in out.read_bytes().splitlines()]
    assert [(h["rule"], h["time"][:13], h["host"], h["user"]) for h in hits] == [
        (ID, f"2026-11-25T0{hour}", "web01", "root") for hour in (1, 2, 3)
    ]
    found = stored("search", f'event.id: "{hits[0]["event"]}"', *SPAN, "--json").documents
    assert [each["event.outcome"] for each in found] == ["failure"]
    journal = stored("audit", "list", "--json").documents
    assert sum(each["action"] == "rules.hunt" for each in journal) == 1, "to look at it again is no new hunt"


def test_a_hunt_that_was_stopped_goes_on(stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.portions.MOST", 2)
    scan, asked = SegmentStore.scan, []

    def stops(self: SegmentStore, query: Any, **more: Any) -> Any:
        asked.append(query.span.start)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return scan(self, query, **more)

    monkeypatch.setattr(SegmentStore, "scan", stops)
    ran = stored("rules", "hunt", ID, *SPAN, "--json")
    assert ran.status == 130
    assert ran.documents == []
    assert "All before 2026-11-25 09:00:00 is done" in ran.err
    hunt_id = ran.err.split("--resume ")[1].split()[0]
    (kept,) = stored("rules", "hunt", "--json").documents
    assert (kept["id"], kept["hours_done"], kept["hits"], kept["complete"]) == (hunt_id, 9, 1, False)
    done = stored("rules", "hunt", "--resume", hunt_id, "--json")
    assert done.status == 0
    assert [h["time"][:13] for h in done.documents] == [f"2026-11-25T0{hour}" for hour in (1, 2, 3)]
    assert len(asked) == len(set(asked)) + 1 == 4, "only the portion that was cut off was read twice"


def test_what_is_deleted_of_the_time_asked_for_is_said(stored: Run, tmp_path: Path) -> None:
    store = SegmentStore(tmp_path / "data" / "store", StillClock())
    gone = Deleted("old", "0", ("level3",), 0, DAY, 7, "five years", DAY, min_ts=YEARS_AGO, max_ts=YEARS_AGO + DAY)
    store.adopt([gone])
    store.close()
    assert stored("rules", "hunt", ID, *SPAN).status == 0
    ran = stored("rules", "hunt", ID, "--from", iso(YEARS_AGO - DAY), "--to", "2026-11-25")
    assert ran.status == 3
    assert "five years" in ran.err
    assert "3 hits" in ran.err


def test_rules_that_changed_are_not_gone_on_with(stored: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SegmentStore, "scan", lambda self, query: (_ for _ in ()).throw(KeyboardInterrupt))
        hunt_id = stored("rules", "hunt", ID, *SPAN).err.split("--resume ")[1].split()[0]
    (tmp_path / "data" / "rules" / "local" / "r.yml").write_text(RULE.replace("failure\n", "success\n"))
    ran = stored("rules", "hunt", "--resume", hunt_id)
    assert ran.status == 1
    assert "have changed" in ran.err


def test_a_set_of_rules(stored: Run) -> None:
    ran = stored("rules", "hunt", "--package", "local", *SPAN, "--json")
    assert [h["rule"] for h in ran.documents] == [ID] * 3
    assert "1 rule is left out" in ran.err


def test_a_rule_without_its_values_is_left_out_in_words(stored: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "rules" / "local" / "b.yml").write_text(
        "title: Blind\nid: 22222222-2222-4222-8222-222222222222\nlogsource: {product: linux}\n"
        "detection:\n  s: {User|expand: '%admins%'}\n  condition: s\n"
    )
    ran = stored("rules", "hunt", "--package", "local", *SPAN)
    assert "%admins%" in ran.err
    assert "{" not in ran.err


def test_a_broken_file_hides_no_other_hunt(stored: Run, tmp_path: Path) -> None:
    assert stored("rules", "hunt", ID, *SPAN).status == 0
    (tmp_path / "data" / "hunts" / "01broken.jsonl").touch()
    table, json = stored("rules", "hunt"), stored("rules", "hunt", "--json")
    assert table.status == json.status == 3
    assert "hunts/01broken.jsonl is not the file of a hunt" in table.err
    assert "24/24" in table.out
    assert [each["rules"] for each in json.documents] == [[ID]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "no rule nonsense"),
        ([CORRELATION_ID], "hunt with the rules that it reads: test_sign_in_failure"),
        (["--package", "nonsense"], "nonsense"),
        (["--resume", "nonsense"], "no hunt nonsense"),
        (["--resume", "../../control"], "no hunt ../../control"),
        ([ID, "--resume", "x"], "give no rule"),
        ([ID, "--from", "yesterdayish"], "yesterdayish"),
        ([ID, "--from", "2026-11-25", "--to", "2026-11-24"], "2026-11-24"),
        ([ID, "--from", "2096-11-25"], "2096-11-25"),
    ],
)
def test_wrong_inputs(stored: Run, arguments: list[str], said: str) -> None:
    ran = stored("rules", "hunt", *arguments)
    assert ran.status == 2
    assert said in ran.err
    assert stored("rules", "hunt", "--json").documents == []
