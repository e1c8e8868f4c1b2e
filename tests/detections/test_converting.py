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
    assert (good.id, good.title, good.error) == (rule_id(1), "Rule 1", "")
    assert good.queries == ("winlog.channel:* AND event.code:1",)
    assert "\\b" in no_lucene.error and not no_lucene.queries
    assert "nonsense" in no_rule.error and not no_rule.queries


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
