"""What an exception can be made of, how it is written, and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.clock import HOUR, SECOND
from core.errors import BadInput
from core.event import Event
from core.query.to_match import compile_match
from core.query.tree import Equals
from detections.exceptions import read, sigma_text, taking, where_of
from detections.rule import Level, Logsource, Rule
from detections.ruleset import RuleSet
from tests.detections.excepting import ID, curl_rules
from tests.detections.sigma_samples import rule_text

NOW = 1_764_000_000 * SECOND


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    return curl_rules(tmp_path)


CURL = Rule(ID, "Downloads", Level.HIGH, "test", Logsource("linux", "process_creation"), 0, (), ())


@example(value="İstanbul", other="istanbul")
@example(value="ΟΔΟΣ", other="οδοσ")
@given(value=st.text(min_size=1, max_size=20).filter(str.isprintable), other=st.text(max_size=20))
def test_the_filter_that_is_written_takes_what_the_conditions_say(value: str, other: str) -> None:
    text = sigma_text(CURL, {"process.command_line": [value]}, reason="r", owner="o", expires="2026-12-31")
    taken = taking(7, ID, text, NOW)
    unwritten = compile_match(where_of(CURL, {"process.command_line": [value]}))
    asked = compile_match(Equals("process.command_line", value))
    assert taken.meets({"process.command_line": value})
    for each in (value, other, value + "x", value.upper()):
        event: Event = {"process.command_line": each}
        assert taken.meets(event) == unwritten(event) == asked(event)
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
