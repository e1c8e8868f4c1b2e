"""What an exception can be made of, by what the events of an alert have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from core.clock import SECOND
from core.db.models import Alert
from core.errors import BadInput, NotFound
from core.event import Event
from core.query.to_match import compile_match
from detections.exception_offer import (
    MAX_VALUE,
    Asked,
    Offer,
    asked,
    bases,
    chosen,
    groups_of,
    not_alone,
    offered,
    takes_all,
    too_long,
)
from detections.exceptions import where_of
from detections.ruleset import RuleSet
from tests.detections.correlation_cases import rule
from tests.detections.excepting import ID, curl_rules, hit
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

NOW = 1_764_000_000 * SECOND


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    return curl_rules(tmp_path)


def of(*offers: Offer, too_long: Sequence[str] = ()) -> Asked:
    return Asked(Alert(), rule("a"), (), offers, 1, too_long)


def test_what_all_events_share_and_the_rule_does_not_ask_is_the_narrowest(ruleset: RuleSet) -> None:
    events = [hit(NOW, 1), hit(NOW, 2, process__command_line="curl http://other")]
    offers = {each.field: each for each in offered(ruleset.by_id[ID], events)}
    assert "process.name" not in offers, "the rule itself asks for it: it would take everything"
    assert offers["host.name"].values == ("web01",)
    assert offers["process.command_line"].is_shared is False
    assert len(offers["process.command_line"].values) == 2
    narrowest = chosen(of(*offers.values()), None)
    assert narrowest == {
        "host.name": ["web01"], "user.name": ["www"], "process.parent.executable": ["/usr/sbin/cron"],
    }  # fmt: skip


def test_fields_that_some_event_lacks_are_not_offered(ruleset: RuleSet) -> None:
    other = hit(NOW, 2)
    del other["user.name"]
    assert "user.name" not in {each.field for each in offered(ruleset.by_id[ID], [hit(NOW, 1), other])}


def test_names_of_windows_fields_are_those_of_the_store(tmp_path: Path) -> None:
    rule = ruleset_of(tmp_path, [rule_text(1, "s:\n  EventID: 1\n  Image|endswith: \\x.exe\ncondition: s\n")]).by_id[ID]
    event: Event = {
        "winlog.channel": "Security", "event.code": "1", "kydai.parser": "windows", "host.name": "dc01",
        "winlog.event_data.Image": "C:\\a\\x.exe",
    }  # fmt: skip
    assert [each.field for each in offered(rule, [event])] == ["winlog.event_data.Image", "host.name"]
    assert takes_all(rule, {"event.code": ["1"]}, event)
    assert not takes_all(rule, {"winlog.event_data.Image": ["C:\\a\\x.exe"]}, event)


def test_fields_are_chosen_from_what_is_offered(ruleset: RuleSet) -> None:
    offers = of(*offered(ruleset.by_id[ID], [hit(NOW, 1)]))
    assert chosen(offers, ["user.name"]) == {"user.name": ["www"]}
    with pytest.raises(BadInput, match=r"user\.nam is not offered") as raised:
        chosen(offers, ["user.nam"])
    assert raised.value.remedy
    assert "user.name" in raised.value.remedy["en"]
    with pytest.raises(BadInput, match="every alert of the rule"):
        chosen(offers, [])


def test_a_correlation_is_excepted_at_the_rules_that_it_reads(ruleset: RuleSet) -> None:
    assert [rule.id for rule in bases(ruleset, rule_id(9))] == [ID]
    assert groups_of(ruleset, rule_id(9)) == ("host.name",)
    assert [rule.id for rule in bases(ruleset, ID)] == [ID]
    assert groups_of(ruleset, ID) == ()
    with pytest.raises(NotFound):
        bases(ruleset, "gone")


def test_it_is_about_the_rule_that_most_events_met(ruleset: RuleSet) -> None:
    events = [hit(NOW, 1), hit(NOW, 2, kydai__rules=["other"])]
    counting = Alert(kind="correlation", rule_id=rule_id(9))
    found = asked(ruleset, counting, events)
    assert ([rule.id for rule in found.rules], found.rule.id, found.events) == ([ID], ID, 1)
    assert asked(ruleset, Alert(kind="rule", rule_id=ID), events).events == 2
    with pytest.raises(BadInput, match="does not come from rule x"):
        asked(ruleset, counting, events, "x")
    with pytest.raises(BadInput, match="about the system itself"):
        asked(ruleset, Alert(kind="self", rule_id="self:lag"), events)
    with pytest.raises(BadInput, match="No event"):
        asked(ruleset, Alert(kind="rule", rule_id=ID), [])


@pytest.mark.parametrize("length", [255, 256, 257, MAX_VALUE])
def test_what_is_offered_is_met_whole_however_long(ruleset: RuleSet, length: int) -> None:
    event = hit(NOW, 1, process__command_line="x" * length)
    conditions = chosen(of(*offered(ruleset.by_id[ID], [event])), ["process.command_line"])
    meets = compile_match(where_of(ruleset.by_id[ID], conditions))
    assert meets(event)
    assert not meets(event | {"process.command_line": "x" * length + "y"})


def test_what_is_too_long_is_named_and_refused(ruleset: RuleSet) -> None:
    rule, events = ruleset.by_id[ID], [hit(NOW, 1), hit(NOW, 2, process__command_line="x" * (MAX_VALUE + 1))]
    assert too_long(rule, events[:1]) == []
    assert too_long(rule, events) == ["process.command_line"]
    found = of(*offered(rule, events), too_long=too_long(rule, events))
    assert "process.command_line" not in chosen(found, None)
    with pytest.raises(BadInput, match=f"more than {MAX_VALUE} characters"):
        chosen(found, ["process.command_line"])


def test_what_cannot_be_asked_alone_names_the_rules_at_the_end_of_the_chain(tmp_path: Path) -> None:
    chained = f"title: Chain\nid: {rule_id(8)}\ncorrelation: {{type: temporal, rules: [{rule_id(7)}], timespan: 1h}}\n"
    body = f"{{type: event_count, rules: [{ID}], timespan: 1h, condition: {{gte: 2}}}}"
    lower = f"title: Low\nid: {rule_id(7)}\ncorrelation: {body}\n"
    ruleset = ruleset_of(tmp_path, [rule_text(1, "s: {F: 1}\ncondition: s"), lower, chained])
    found = {each.title: each for each in ruleset.correlations}
    assert str(not_alone(ruleset, found["Chain"], "hunts.correlation")).endswith(f"the rules that it reads: {ID}.")
    (tmp_path / "gone").mkdir()
    gone = ruleset_of(tmp_path / "gone", [chained])
    said = not_alone(gone, gone.correlations[0], "hunts.backtest.correlation").said["vi"]
    assert said.startswith("“Chain” xét nhiều sự kiện") and said.endswith(f"{rule_id(7)}.")
