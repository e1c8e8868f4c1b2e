"""What the page of a rule says of samples, texts and the past."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from api.rule_page import Checked, _leading, checked, runnable, samples
from core.clock import SECOND
from core.errors import BadInput, Place, failure
from core.words import both
from detections.drafts import drafted
from detections.ruleset import RuleSet, RuleSource, load
from detections.samples import Sample, Sheet, Step, Trial
from tests.api.test_why import ID, RULE, rules
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of


def nothing() -> NoReturn:
    raise AssertionError("asked though there is no correlation")


def test_samples_say_what_concerns_the_rule(tmp_path: Path) -> None:
    rule = rules(tmp_path).by_id[ID]

    def sample(is_match: bool, data: dict[str, object]) -> Sample:
        return Sample(Place("tests/r.yml", 2), is_match, data)

    trials = (
        Trial(sample(True, {"raw": "x" * 5000}), None, frozenset({ID})),
        Trial(sample(True, {"event.outcome": "lỗi"}), both("samples.unparsed"), frozenset()),
        Trial(sample(True, {"a": 1}), both("samples.unparsed"), frozenset({"other"})),
        Trial(sample(False, {"a": 1}), None, frozenset()),
    )
    told = samples(Sheet("r.yml", trials), rule)
    assert [(each.is_met, each.is_concerned, each.wrong is None) for each in told.samples] == [
        (True, True, True), (False, True, False), (False, False, True), (False, True, True),
    ]  # fmt: skip
    assert (len(told.samples[0].text), told.samples[1].text) == (4000, '{"event.outcome": "lỗi"}')
    stream = Sample(Place("tests/r.yml", 2), True, {}, (Step(sample(True, {"a": 1}), 300 * SECOND, 3, SECOND),))
    (told_stream,) = samples(Sheet("r.yml", (Trial(stream, both("samples.unparsed")),)), rule).samples
    assert (told_stream.is_concerned, told_stream.wrong, told_stream.text) == (False, None, '+300 s ×3: {"a": 1}')
    error = failure(BadInput, "samples.shape", place=Place("r.yml", 3))
    broken = samples(Sheet("r.yml", error=error), rule)
    assert broken.problem is not None and "r.yml:3" in broken.problem.vi


def told_of(text: str, in_force: Callable[[], RuleSet], samples: str = "") -> Checked:
    with drafted(text, samples, in_force, {}) as draft:
        return checked(draft)


def test_a_text_is_checked_with_places(tmp_path: Path) -> None:
    text = RULE.partition("---")[0]
    (only,) = told_of(text, nothing).remarks
    assert (only.code, only.weight, only.line) == ("words", "warning", 1), "no title in both languages"
    both_titles = text + "kydai: {title: {vi: Lỗi đăng nhập, en: Sign-in failure}}\n"
    assert told_of(both_titles, nothing).remarks == []
    wrong = told_of(text.replace("level: high", "level: hihg"), nothing)
    (remark,) = wrong.remarks
    assert (wrong.rules, remark.weight, remark.line, remark.column) == (0, "error", 4, 1)
    assert "high" in remark.text.vi
    assert told_of(RULE, lambda: rules(tmp_path)).rules == 2
    (sheet,) = told_of(both_titles, nothing, "match:\n  - {raw: ''}\n").samples
    assert (sheet.line, sheet.weight) == (2, "warning")


@pytest.mark.parametrize("text", ["\0", "a: [", "x" * 1_500_000, "a: &a [*a]\n", "title: <script>\n", "\ud800"])
def test_hostile_texts_are_answered(text: str) -> None:
    told = told_of(text, lambda: RuleSet(()))
    assert told.rules == 0
    assert told.remarks and all(each.text.vi and each.text.en for each in told.remarks)


def test_what_cannot_match_by_itself_is_not_run_over_the_past(tmp_path: Path) -> None:
    ruleset = rules(tmp_path)
    assert runnable(ruleset, ruleset.by_id[ID]).id == ID
    with pytest.raises(BadInput, match="backtest the rules that it reads: "):
        runnable(ruleset, ruleset.correlations[0])
    (tmp_path / "r.yml").write_text(RULE.partition("---")[0].replace("source.ip: ", "source.ip|expand: '%a%' #"))
    blind = load([RuleSource(tmp_path, "local")])
    with pytest.raises(BadInput):
        runnable(blind, blind.by_id[ID])


def test_a_sample_begins_with_what_the_rule_asks_for(tmp_path: Path) -> None:
    text = rule_text(1, "s:\n  CommandLine: x\ncondition: s\n", "{product: windows}")
    rule = ruleset_of(tmp_path, [text]).by_id[rule_id(1)]
    assert _leading('{"EventTime": 1, "commandline": "x", "a": 2}', rule) == '{"commandline":"x","EventTime":1,"a":2}'
    for other in ("Nov 26 sshd: x", "[1]", '{"a": 1}'):
        assert _leading(other, rule) == other
