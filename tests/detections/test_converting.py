"""Conversion of rule files, and what of them cannot be."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from detections.converting import convert
from tests.detections.sigma_samples import rule_id, rule_text


def test_each_rule_of_a_file_is_told_with_its_queries_or_why_it_has_none() -> None:
    border = rule_text(2, "sel: {CommandLine|re: 'a\\bc'}\ncondition: sel")
    wrong = rule_text(3, "sel: {CommandLine|nonsense: a}\ncondition: sel")
    text = "\n---\n".join([rule_text(1, "sel: {EventID: 1}\ncondition: sel"), border, wrong])
    good, no_lucene, no_rule = convert(text.encode(), "r.yml")
    assert (good.id, good.title, good.error) == (rule_id(1), "Rule 1", None)
    assert good.queries == ("winlog.channel:* AND event.code:1",)
    assert no_lucene.error and "\\b" in no_lucene.error["en"] and not no_lucene.queries
    assert no_rule.error and "r.yml:25:21: Unknown modifier 'nonsense'" in no_rule.error["en"] and not no_rule.queries


@pytest.mark.parametrize("item", ["F|hour: 22", "F|hour: [22, 23]", "F|hour|gte: 22", "F|hour|gte|neq: 22"])
def test_a_part_of_a_time_becomes_no_query_of_numbers(item: str) -> None:
    (found,) = convert(rule_text(1, f"sel: {{{item}}}\ncondition: sel").encode(), "r.yml")
    assert not found.queries
    assert found.error and "a part of a time (hour) has no form in Lucene" in found.error["en"]


def test_a_correlation_says_which_rules_to_convert() -> None:
    body = "{type: event_count, rules: [a], group-by: [host.name], timespan: 5m, condition: {gte: 5}}"
    text = f"title: Many\nid: {rule_id(2)}\ncorrelation: {body}"
    (found,) = convert(text.encode(), "r.yml")
    assert not found.queries
    assert found.error and found.error["en"].endswith("convert the rules that it reads: a")


ODD = [
    "detection: {sel: {5: b}, condition: sel}",
    "detection: {sel: [{true: b}], condition: sel}",
    "detection: {sel: {null: b}, condition: sel}",
    "correlation: {type: event_count, rules: [x], timespan: 5m, condition: {5: 1}}",
    "correlation: 5",
]


@pytest.mark.parametrize("odd", ODD)
def test_what_pysigma_breaks_on_stops_no_other_rule(odd: str) -> None:
    good = rule_text(1, "sel: {EventID: 1}\ncondition: sel")
    text = f"title: Odd\nid: x\nlogsource: {{product: linux}}\n{odd}\n---\n{good}"
    wrong, other = convert(text.encode(), "r.yml")
    assert (wrong.title, wrong.id, wrong.queries) == ("Odd", "x", ())
    assert wrong.error and wrong.error["en"].startswith("r.yml:")
    assert other.queries and other.error is None


@pytest.mark.parametrize(
    ("data", "target", "said"),
    [
        (b"a: [", "lucene", "r.yml:"),
        (b"- a", "lucene", "No rules can be read"),
        (b"a: &x [1]\nb: *x", "lucene", "aliases"),
        (b"title: x", "lucene", ""),
        (b"title: x", "splunk", "There is no conversion into splunk; there are: lucene."),
    ],
)
def test_what_cannot_be_read(data: bytes, target: str, said: str) -> None:
    if not said:
        (each,) = convert(data, "r.yml", target)
        assert each.error
        return
    with pytest.raises(BadInput) as caught:
        list(convert(data, "r.yml", target))
    assert said in f"{caught.value.place}: {caught.value.said['en']}"
