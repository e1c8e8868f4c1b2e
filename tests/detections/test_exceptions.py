"""What an exception can be made of, how it is written, and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import HOUR, SECOND
from core.errors import BadInput, NotFound
from core.event import Event
from core.query.to_match import compile_match
from detections.exceptions import bases, chosen, groups_of, offered, read, sigma_text, takes_all, taking, where_of
from detections.rule import Level, Logsource, Rule
from detections.ruleset import RuleSet
from tests.detections.excepting import ID, curl_rules, hit
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

NOW = 1_764_000_000 * SECOND


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    return curl_rules(tmp_path)


def test_what_all_events_share_and_the_rule_does_not_ask_is_the_narrowest(ruleset: RuleSet) -> None:
    events = [hit(NOW, 1), hit(NOW, 2, process__command_line="curl http://other")]
    offers = {each.field: each for each in offered(ruleset.by_id[ID], events)}
    assert "process.name" not in offers, "the rule itself asks for it: it would take everything"
    assert offers["host.name"].values == ("web01",)
    assert offers["process.command_line"].is_shared is False
    assert len(offers["process.command_line"].values) == 2
    narrowest = chosen(list(offers.values()), None)
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
    offers = offered(ruleset.by_id[ID], [hit(NOW, 1)])
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


CURL = Rule(ID, "Downloads", Level.HIGH, "test", Logsource("linux", "process_creation"), 0, (), ())


@given(value=st.text(min_size=1, max_size=20).filter(str.isprintable), other=st.text(max_size=20))
def test_the_filter_that_is_written_takes_what_the_conditions_say(value: str, other: str) -> None:
    text = sigma_text(CURL, {"process.command_line": [value]}, reason="r", owner="o", expires="2026-12-31")
    taken = taking(7, ID, text, NOW)
    unwritten = compile_match(where_of({"process.command_line": [value]}))
    assert taken.meets({"process.command_line": value})
    for each in (value, other, value + "x", value.upper()):
        assert taken.meets({"process.command_line": each}) == unwritten({"process.command_line": each})
    assert not taken.meets({})


def test_all_fields_must_meet_and_any_of_their_values(ruleset: RuleSet) -> None:
    rule = ruleset.by_id[ID]
    text = sigma_text(rule, {"host.name": ["a", "b"], "user.name": ["u"]}, reason="r", owner="o", expires="x")
    meets = taking(7, ID, text, NOW + HOUR).meets
    assert meets({"host.name": "B", "user.name": ["x", "u"]})
    assert not meets({"host.name": "c", "user.name": "u"})
    assert not meets({"host.name": "a"})


def test_what_is_written_is_a_sigma_filter_of_the_rule(ruleset: RuleSet) -> None:
    text = sigma_text(ruleset.by_id[ID], {"host.name": ["a"]}, reason="vì sao", owner="o", expires="2026-12-31")
    found = read(text)
    assert found.rules == (ID,)
    assert (found.logsource.product, found.logsource.category) == ("linux", "process_creation")
    assert "vì sao" in text
    with pytest.raises(BadInput, match="not one Sigma filter"):
        read(rule_text(1, "s:\n  A: 1\ncondition: s\n"))
