"""What modifiers refuse, and how it is said; what they match stands in tests/detections/test_modifiers.py."""

from __future__ import annotations

import pytest

from core.query.tree import Comparison, FieldEquals
from detections.binding import FieldMap
from detections.rule import Rule
from detections.sigma_reader import read_file
from detections.to_tree import to_tree
from tests.detections.sigma_samples import rule_text


def read(item: str) -> tuple[list[Rule], list[str]]:
    found, errors = read_file(rule_text(1, f"s:\n  {item}\ncondition: s\n").encode(), "r.yml")
    return [rule for rule in found if isinstance(rule, Rule)], [error.told("en") for error in errors]


REFUSED = {
    f"F|windash|contains: '{' -x' * 7}'": "windash takes 6 dashes in one text at most, not 7",
    f"F|windash|contains: '{' -x' * 400}'": "windash takes 6 dashes in one text at most, not 400",
    "F|base64offset|contains: a": "base64offset needs 2 bytes of text",
    "F|base64offset|contains: ''": "base64offset needs 2 bytes of text",
    "F|hour: 24": "hour takes a whole number from 0 to 23, not 24",
    "F|hour: -1": "hour takes a whole number from 0 to 23, not -1",
    "F|day: 5.5": "day takes a whole number from 1 to 31, not 5.5",
    "F|month|gte: 13": "month takes a whole number from 1 to 12, not 13",
    "F|hour|gt: 23": "no hour is gt 23",
    "F|year|gte: 2026": "years cannot be compared",
    "F|gt: '5'": "gt does not take '5'",
    "F|contains: null": "contains does not take null",
    "F|re|cased: a": "cased does not take re",
    "F|i: a": "ignorecase does not take 'a'",
}


@pytest.mark.parametrize("item", REFUSED)
def test_what_is_refused_is_said_at_its_place(item: str) -> None:
    rules, errors = read(item)
    assert not rules
    assert [REFUSED[item] in error for error in errors] == [True], errors
    assert "r.yml:8:5" in errors[0]


def test_a_name_of_a_class_is_no_word_for_a_user() -> None:
    (found,) = read("F|gte: [1, null]")[1]
    assert "Modifier" not in found
    assert "object at" not in found


def test_as_many_dashes_as_may_be() -> None:
    (rule,), errors = read(f"F|windash|contains: '{' -x' * 6}'")
    assert not errors
    assert len(set(rule.predicates)) == 5**6


def test_the_case_of_another_field_counts_in_a_query_too() -> None:
    (rule,), _ = read("F|fieldref|cased: G")
    assert to_tree(rule, FieldMap({})) == FieldEquals("F", "G", "equals", Comparison.EXACT)
