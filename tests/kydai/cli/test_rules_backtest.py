"""A rule tried on what is stored, before it is in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_rules import CORRELATION_ID, ID
from tests.kydai.cli.test_rules_hunt import SPAN, stored
from tests.kydai.conftest import RULE

__all__ = ["stored"]

NEW = RULE.replace(ID, "33333333-3333-4333-8333-333333333333").replace("failure\n", "success\n")
FILTER = """title: Known
logsource: {product: linux, service: sshd}
filter: {rules: any, known: {host.name: web01}, condition: not known}
"""


def test_a_rule_in_force(stored: Run) -> None:
    (told,) = stored("rules", "backtest", ID, "--from", "2026-11-24", "--to", "2026-11-25", "--json").documents
    assert (told["rule"], told["hits"], told["days"]) == (ID, 3, {"2026-11-24": 0, "2026-11-25": 3})
    assert (told["hosts"], told["users"], told["alerts"]) == ({"web01": 3}, {"root": 3}, 3)
    assert told["values"] == [{"field": "event.outcome", "value": "failure", "hits": 3}]
    assert told["cpu_microseconds_an_event"] > 0
    assert told["events_measured"] == 6
    assert (told["alerts_looked_up"], told["incidents"]) == (3, [])
    ran = stored("rules", "backtest", ID, *SPAN)
    assert ran.status == 0
    assert "3 hits, " in ran.out
    assert "3 alerts" in ran.out
    assert "web01" in ran.out
    assert "Of 3 alerts looked at, 0 would have joined 0 incidents" in ran.out
    journal = stored("audit", "list", "--json").documents
    assert sum(each["action"] == "rules.backtest" for each in journal) == 2


def test_a_file_of_rules_under_the_filters_in_force(stored: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.yml"
    file.write_text(f"{RULE}---\n{NEW}")
    told = stored("rules", "backtest", str(file), *SPAN, "--json").documents
    assert [(each["rule"], each["hits"]) for each in told] == [(ID, 3), ("33333333-3333-4333-8333-333333333333", 3)]
    (tmp_path / "data" / "rules" / "local" / "filter.yml").write_text(FILTER)
    told = stored("rules", "backtest", str(file), *SPAN, "--json").documents
    assert [each["hits"] for each in told] == [0, 0]


def test_exceptions_in_force_take_their_hits(stored: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "rules" / "local" / "c.yml").unlink()
    assert stored("rules", "enable", ID).status == 0
    (tmp_path / "more.log").write_text((tmp_path / "auth.log").read_text().replace(":00:", ":05:"))
    assert stored("ingest", str(tmp_path / "more.log")).status == 0
    alert = next(each["id"] for each in stored("alerts", "list", "--json").documents if each["rule_id"] == ID)
    assert stored("rules", "except", str(alert), "--field", "host.name", "--reason", "r").status == 0
    (told,) = stored("rules", "backtest", ID, *SPAN, "--json").documents
    assert (told["hits"], told["taken_by_exceptions"], told["alerts"], told["alerts_looked_up"]) == (6, 6, 0, 0)
    assert "Of these, 6 hits are taken by exceptions in force" in stored("rules", "backtest", ID, *SPAN).out


def test_what_is_wrong_in_a_file_is_named(stored: Run, tmp_path: Path) -> None:
    file = tmp_path / "new.yml"
    file.write_text("title: x\nlogsource: {}\n")
    ran = stored("rules", "backtest", str(file))
    assert ran.status == 2
    assert "new.yml" in ran.err
    assert "no rule that can be used" in ran.err


@pytest.mark.parametrize("rule", ["nonsense", "nonsense.yml", CORRELATION_ID])
def test_wrong_inputs(stored: Run, rule: str) -> None:
    assert stored("rules", "backtest", rule).status == 2


def test_values_of_the_site_fill_the_placeholders_of_a_file(stored: Run, tmp_path: Path) -> None:
    file, config = tmp_path / "new.yml", tmp_path / "kydai.toml"
    file.write_text(NEW.replace("event.outcome: success", "event.outcome|expand: '%wanted%'"))
    config.write_text('[site.values]\nwanted = ["SUCC*"]\n')
    assert stored("rules", "backtest", str(file), *SPAN).status == 2
    (told,) = stored("--config", str(config), "rules", "backtest", str(file), *SPAN, "--json").documents
    assert told["hits"] == 3
