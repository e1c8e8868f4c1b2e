"""A rule as a query tree says what the rule says."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from core.errors import BadInput
from core.event import Event, Value
from core.query.to_match import compile_match
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Like,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Wild,
)
from detections import ir
from detections.binding import FieldMap
from detections.ir import Kind, Predicate
from detections.predicates import holds, texts_of
from detections.ruleset import RuleSet
from detections.to_tree import to_tree
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of
from tests.detections.test_engine import invented

ANY = Wild.MANY


@pytest.mark.parametrize(
    ("item", "node"),
    [
        ("F: Ab", Equals("F", "ab", Comparison.CI)),
        ("F|cased: Ab", Equals("F", "Ab", Comparison.EXACT)),
        ("F|contains: Ab", Like("F", (ANY, "ab", ANY), Comparison.CI)),
        ("F|startswith: Ab", Like("F", ("ab", ANY), Comparison.CI)),
        ("F: 'a?b*c'", Like("F", ("a", Wild.ONE, "b", ANY, "c"), Comparison.CI)),
        ("F|re|i|m: 'a+'", Regex("F", "a+", Comparison.CI, multiline=True)),
        ("F|re: 'a+'", Regex("F", "a+", Comparison.EXACT)),
        ("F|cidr: 192.0.2.0/24", Cidr("F", ip_network("192.0.2.0/24"))),
        ("F: null", Not(Exists("F"))),
        ("F: '*'", Exists("F")),
        ("F|exists: false", Not(Exists("F"))),
        ("F|gt: 5", Range("F", gt=5)),
        ("F|lte: 5.5", Range("F", lte=5.5)),
        ("F|fieldref: G", FieldEquals("F", "G", "equals", Comparison.CI)),
        ("F|fieldref: Image", Or((FieldEquals("F", "x", "equals", Comparison.CI),
                                  And((Not(Exists("x")), FieldEquals("F", "y", "equals", Comparison.CI)))))),
        ("F|hour: 3", Regex("F", "T03:")),
        ("F|day: 9", Regex("F", r"^\d{4}-\d\d-09")),
        ("F: [a, b]", Or((Equals("F", "a"), Equals("F", "b")))),
        ("Image: a", Or((Equals("x", "a"), And((Not(Exists("x")), Equals("y", "a")))))),
        ("Image: [a, b]", Or((Equals("x", "a"), Equals("x", "b"),
                              And((Not(Exists("x")), Or((Equals("y", "a"), Equals("y", "b")))))))),
        ("Image|contains|all: [a, b]", Or((And((Like("x", (ANY, "a", ANY)), Like("x", (ANY, "b", ANY)))),
                                           And((Not(Exists("x")), And((Like("y", (ANY, "a", ANY)),
                                                                       Like("y", (ANY, "b", ANY))))))))),
        ("Image: null", And((Not(Exists("x")), Not(Exists("y"))))),
    ],
)  # fmt: skip
def test_nodes(tmp_path: Path, item: str, node: Node) -> None:
    loaded = ruleset_of(tmp_path, [rule_text(1, f"s:\n  {item}\ncondition: s\n")])
    assert to_tree(loaded.by_id[rule_id(1)], FieldMap({"Image": ("x", "y")})) == node


def test_keywords_are_looked_for_in_the_texts(tmp_path: Path) -> None:
    loaded = ruleset_of(tmp_path, [rule_text(1, "k: [Abc]\ncondition: not k\n")])
    pattern = (ANY, "abc", ANY)
    assert to_tree(loaded.rules[0], FieldMap()) == Not(
        Or((Like("message", pattern, Comparison.CI), Like("event.original", pattern, Comparison.CI)))
    )


@pytest.mark.parametrize("item", ["F|week: 3", "F|expand: '%x%'"])
def test_what_a_query_cannot_ask(tmp_path: Path, item: str) -> None:
    loaded = ruleset_of(tmp_path, [rule_text(1, f"s:\n  {item}\ncondition: s\n")])
    with pytest.raises(BadInput, match="cannot ask"):
        to_tree(loaded.rules[0], FieldMap())


def test_the_predicate_of_the_tree_agrees_with_the_rule(sigmahq: RuleSet) -> None:
    dice = random.Random(3)
    rules = [
        rule
        for rule in dice.sample(sigmahq.rules, 350)
        if rule.id not in sigmahq.blind and all(each.field is not None for each in rule.predicates)
    ]
    matches = 0
    # an event has no mappings, unlike records from files
    events = [{**invented(RuleSet(tuple(rules)), dice), "EventID": dice.choice([1, "3"])} for _ in range(150)]
    stored = [(made, _members(made)) for made in (_under_two_names(event, dice) for event in events)]
    for rule in rules:
        test = compile_match(to_tree(rule, TWO_NAMES))
        for event, members in stored:
            expected = ir.holds(rule.condition, partial(_true, rule.predicates, members))
            assert test(event) == expected, (rule.title, event)
            matches += expected
    print(f"{len(rules)} rules x {len(events)} events, {matches} matches, no difference")
    assert matches > 20


TWO_NAMES = FieldMap(prefixes=("new.", ""))


def _under_two_names(event: Mapping[str, Value], dice: random.Random) -> Event:
    """Each value under one of the names, now and then with another value under the other."""
    made: Event = {}
    for name, value in event.items():
        ours, other = dice.sample(["new." + name, name], 2)
        made[ours] = value
        if dice.random() < 0.3:
            made[other] = dice.choice(["other", "", None, []])
    return made


def _members(event: Event) -> dict[str | None, list[str]]:
    """Field → its texts under the first of its names that is there."""
    found: dict[str | None, list[str]] = {}
    for name in {key.removeprefix("new.") for key in event}:
        found[name] = next((texts for key in TWO_NAMES.keys(name) if (texts := texts_of(event.get(key)))), [])
    return found


def _true(predicates: Sequence[Predicate], members: Mapping[str | None, list[str]], number: int) -> bool:
    each = predicates[number]
    others = members.get(each.value, []) if each.kind is Kind.FIELD else []
    return holds(each, members.get(each.field, []), others)
