"""From Sigma documents to predicates, with lines and reasons."""

from __future__ import annotations

import json
import re
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from detections.ir import MANY, Kind, Predicate
from detections.rule import Correlation, Filter, Level, Logsource, Rule
from detections.sigma_reader import read_file

HEAD = """\
title: Something
id: 0f1a7a4e-93f0-4e83-8d0c-8a5b3f6e2a10
status: test
level: high
logsource: {product: windows, category: process_creation}
"""


def rule_of(detection: str, head: str = HEAD) -> Rule:
    text = head + "detection:\n" + indent(dedent(detection), "  ")
    found, errors = read_file(text.encode(), "r.yml")
    assert not errors, errors
    assert len(found) == 1
    assert isinstance(found[0], Rule)
    return found[0]


def error_of(text: str) -> BadInput:
    found, errors = read_file(text.encode(), "r.yml")
    assert not found
    assert len(errors) == 1
    return errors[0]


def test_head_and_lines() -> None:
    rule = rule_of(
        """\
        selection:
          Image|endswith:
            - '\\cmd.exe'
            - '\\powershell.exe'
          CommandLine|contains|all: ['/c', 'Whoami']
        filter:
          User: null
        condition: selection and not filter
        """
    )
    assert rule.id == "0f1a7a4e-93f0-4e83-8d0c-8a5b3f6e2a10"
    assert rule.level is Level.HIGH
    assert rule.logsource == Logsource("windows", "process_creation")
    assert rule.predicates == (
        Predicate("Image", Kind.ENDS, "\\cmd.exe"),
        Predicate("Image", Kind.ENDS, "\\powershell.exe"),
        Predicate("CommandLine", Kind.CONTAINS, "/c"),
        Predicate("CommandLine", Kind.CONTAINS, "whoami"),
        Predicate("User", Kind.NULL),
    )
    assert rule.lines == (9, 10, 11, 11, 13)
    assert rule.condition == ("&", ("|", 0, 1), 2, 3, ("!", 4))


@pytest.mark.parametrize(
    ("item", "predicates"),
    [
        ("F: '*'", [("F", Kind.EXISTS, "", "")]),
        ("F: ''", [("F", Kind.EQUALS, "", "")]),
        ("F: 42", [("F", Kind.EQUALS, "42", "")]),
        ("F: true", [("F", Kind.EQUALS, "true", "")]),
        ("F|cased: Ab", [("F", Kind.EQUALS, "Ab", "c")]),
        ("F|contains|cased: Ab", [("F", Kind.CONTAINS, "Ab", "c")]),
        ("F: 'a*b'", [("F", Kind.LIKE, f"a{MANY}b", "")]),
        ("F: 'a\\*b'", [("F", Kind.EQUALS, "a*b", "")]),
        ("F|re: '^A\\d+'", [("F", Kind.REGEX, "^A\\d+", "")]),
        ("F|re|i|s: 'a.b'", [("F", Kind.REGEX, "a.b", "is")]),
        ("F|cidr: 10.0.0.0/8", [("F", Kind.CIDR, "10.0.0.0/8", "")]),
        ("F|cidr: 'fe80::/10'", [("F", Kind.CIDR, "fe80::/10", "")]),
        ("F|gte: 5", [("F", Kind.COMPARE, "gte:5", "")]),
        ("F|exists: true", [("F", Kind.EXISTS, "", "")]),
        ("F|fieldref: G", [("F", Kind.FIELD, "G", "")]),
        ("F|fieldref|endswith: G", [("F", Kind.FIELD, "G", "e")]),
        ("F|hour: 3", [("F", Kind.PART, "hour:3", "")]),
        ("F|week: 9", [("F", Kind.PART, "week:9", "")]),
        ("F|base64offset|contains: foobar", [
            ("F", Kind.CONTAINS, "zm9vymfy", ""),
            ("F", Kind.CONTAINS, "zvb2jhc", ""),
            ("F", Kind.CONTAINS, "mb29iyx", ""),
        ]),
    ],
)  # fmt: skip
def test_values(item: str, predicates: list[tuple[str, Kind, str, str]]) -> None:
    rule = rule_of(f"s:\n  {item}\ncondition: s\n")
    assert rule.predicates == tuple(Predicate(*each) for each in predicates)


def test_windash_counts_as_one_value_of_all() -> None:
    rule = rule_of("s:\n  F|windash|contains|all: [' -a', ' -b']\ncondition: s\n")
    assert isinstance(rule.condition, tuple)
    assert rule.condition[0] == "&"
    assert len(rule.condition) == 3
    assert {predicate.value for predicate in rule.predicates} >= {" -a", " /a", " –a", " -b", " /b"}


def test_neq_exists_false_and_lists() -> None:
    assert rule_of("s:\n  F|neq: a\ncondition: s\n").condition == ("!", 0)
    assert rule_of("s:\n  F|exists: false\ncondition: s\n").condition == ("!", 0)
    rule = rule_of("s:\n  - A: 1\n    B: 2\n  - C: 3\nk: [x, y]\nk2:\n  '|all': [p, q]\ncondition: s or k or k2\n")
    assert rule.condition == ("|", ("&", 0, 1), 2, 3, 4, ("&", 5, 6))
    assert rule.predicates[3] == Predicate(None, Kind.CONTAINS, "x")


def test_of_them_skips_underscores_and_conditions_are_alternatives() -> None:
    rule = rule_of("a1:\n  F: 1\na2:\n  F: 2\n_b:\n  F: 3\ncondition: all of them\n")
    assert rule.condition == ("&", 0, 1)
    rule = rule_of("a1:\n  F: 1\na2:\n  F: 2\ncondition: [a1, 1 of a2*]\n")
    assert rule.condition == ("|", 0, 1)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEAD + "detection:\n  s:\n    F: 1\n  condition: s and t\n", 9, "no selection 't'"),
        (HEAD + "detection:\n  s:\n    F: 1\n  condition: s and\n", 9, "condition"),
        (HEAD + "detection:\n  s:\n    F: 1\n  condition: 1 of x*\n", 9, "x\\*"),
        (HEAD + "detection:\n  s:\n    F: 1\n  condition: s | count() > 3\n", 9, "pipe"),
        (HEAD + "detection:\n  s:\n    F|containz: 1\n  condition: s\n", 8, "containz"),
        (HEAD + "detection:\n  s:\n    F|re: '(?=a)b'\n  condition: s\n", 8, "regular expression"),
        (HEAD + "detection:\n  s:\n    F|re: '(a'\n  condition: s\n", 8, "egular expression"),
        (HEAD + "detection:\n  s: ['']\n  condition: s\n", 7, "keyword"),
        (HEAD.replace("high", "huge") + "detection:\n  s:\n    F: 1\n  condition: s\n", 4, "huge"),
        (HEAD, 1, "detection"),
        ("- a\n- b\n", 1, "mapping"),
        ("title: T\ndetection: {s: {F: 1}, condition: s}\n", 1, "log source"),
        (HEAD + "detection:\n  s:\n    F: " + "'\ufdd0'\n  condition: s\n", 8, "noncharacter"),
        (HEAD + "detection:\n  s:\n    F: {a: b}\n  condition: s\n", 6, "type"),
    ],
)
def test_errors_have_a_place(text: str, line: int, reason: str) -> None:
    error = error_of(text)
    assert error.place is not None
    assert (error.place.file, error.place.line) == ("r.yml", line)
    assert re.search(reason, error.message), error.message


def test_one_bad_document_does_not_stop_the_next() -> None:
    good = HEAD + "detection:\n  s:\n    F: 1\n  condition: s\n"
    found, errors = read_file(("title: bad\n---\n" + good).encode(), "r.yml")
    assert len(found) == 1
    assert len(errors) == 1


def test_correlations_and_filters() -> None:
    text = """\
title: Many failures
id: 9d1a7a4e-93f0-4e83-8d0c-8a5b3f6e2a11
level: high
correlation:
  type: event_count
  rules: [failed]
  group-by: [user]
  timespan: 5m
  condition: {gte: 5, lte: 90}
---
title: Only our hosts
logsource: {product: windows}
filter:
  rules: [0f1a7a4e-93f0-4e83-8d0c-8a5b3f6e2a10]
  ours:
    Computer|startswith: TEST
  condition: not ours
"""
    found, errors = read_file(text.encode(), "c.yml")
    assert not errors
    correlation, sigma_filter = found
    assert isinstance(correlation, Correlation)
    assert correlation.rules == ("failed",)
    assert correlation.document["correlation"]["timespan"] == "5m"
    assert correlation.document["correlation"]["condition"] == {"gte": 5, "lte": 90}
    assert isinstance(sigma_filter, Filter)
    assert sigma_filter.rules == ("0f1a7a4e-93f0-4e83-8d0c-8a5b3f6e2a10",)
    assert sigma_filter.condition == ("!", 0)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_any_detection_gives_a_rule_or_bad_input(detection: object) -> None:
    text = HEAD + "detection: " + json.dumps({"s": detection, "condition": "s"}) + "\n"
    found, errors = read_file(text.encode(), "r.yml")
    assert len(found) + len(errors) == 1


def test_a_condition_that_is_too_nested_is_said_at_its_place() -> None:
    error = error_of(HEAD + "detection:\n  s: {F: a}\n  condition: " + "not " * 900 + "s\n")
    assert str(error.place) == "r.yml:8:14"
    assert "too nested" in error.message
