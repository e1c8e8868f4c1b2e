"""What a correlation lacked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.clock import SECOND
from detections.correlation import Hit
from detections.correlation_items import plain
from detections.correlation_rules import resolve
from detections.why_correlation import found_of, missing
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

RULES = [rule_text(n, f"s: {{F: {n}}}\ncondition: s\n") for n in (1, 2, 3)]
COUNT = "type: event_count, rules: [{0}], group-by: [u], timespan: 10s, condition: {{gte: 3}}"
VALUES = "type: value_count, rules: [{0}], group-by: [u], timespan: 10s, condition: {{gt: 2, field: h}}"
SUM = "type: value_sum, rules: [{0}], group-by: [u], timespan: 10s, condition: {{gt: 9, field: h}}"
BOTH = "type: temporal, rules: [{0}, {1}], group-by: [u], timespan: 10s"
ORDER = "type: temporal_ordered, rules: [{0}, {1}], group-by: [u], timespan: 10s"
NEW = "type: first_seen, rules: [{0}], group-by: [u], fields: [h], learn: 10s, forget: 1d"
BEACON = "type: beacon, rules: [{0}], timespan: 1d, connections: 24, lasting: 6h, tolerance: 0.2, regular: 0.8"
CHAIN = "type: temporal, rules: [{2}, read], group-by: [u], timespan: 60s"


ENDS = {"source.ip": "192.0.2.1", "destination.ip": "192.0.2.2", "destination.port": 443}


def hit(rule: int, at: int, **event: Any) -> Hit:
    return Hit(event, [rule_id(rule)], at * SECOND, f"{rule}-{at}")


def told(folder: Path, body: str, hits: list[Hit], more: str = "") -> list[str]:
    ids = [rule_id(n) for n in (1, 2, 3)]
    text = f"title: C\nid: {rule_id(9)}\nlevel: high\ncorrelation: {{{{{body}}}}}\n".format(*ids)
    ruleset = ruleset_of(folder, [*RULES, text, *([more.format(*ids)] if more else [])])
    patterns = resolve(ruleset.rules, ruleset.correlations)
    pattern = patterns.by_id[rule_id(9)]
    if found_of(pattern, patterns, hits, plain):
        return []
    return [each["en"] for each in missing(pattern, patterns, hits, ruleset.every, plain)]


@pytest.mark.parametrize(
    ("body", "hits", "expected"),
    [
        (COUNT, [hit(1, n, u="a") for n in range(3)], []),
        (COUNT, [], ["No event matches “Rule 1”."]),
        (NEW, [hit(1, n, u="a", h="b") for n in (1, 20)] + [hit(1, 1, u="c", h="d"), hit(1, 5, u="c", h="e")], [
            "No group had learnt for 10 s and then met a value never seen before (2 groups, 3 values).",
        ]),
        (NEW, [hit(1, n, u="a", h=n) for n in (1, 20)], []),
        (BEACON, [hit(1, n, **ENDS, **{"source.port": n, "network.bytes": 9}) for n in (1, 20)], [
            "No pair connects in a steady rhythm: the most are 2 records, "
            "24 connections over 6 h are asked for (1 pair).",
        ]),
        (COUNT, [hit(1, 0, u="a"), hit(1, 1)], [
            "1 event matches, without the field u.",
            "Within 10 s the largest group (a) comes to 1; the rule asks for gte 3.",
        ]),
        (COUNT, [hit(1, 20 * n, u="a") for n in range(5)] + [hit(1, n, u="b") for n in (1, 2)], [
            "Within 10 s the largest group (b) comes to 2; the rule asks for gte 3."
        ]),
        (VALUES, [hit(1, n, u="a", h="x") for n in range(5)], [
            "Within 10 s the largest group (a) comes to 1; the rule asks for gt 2."
        ]),
        (SUM, [hit(1, n, u="a", h=1) for n in range(5)], ["Within 10 s no group has a value_sum that is gt 9."]),
        (BOTH, [hit(1, 0, u="a")], ["No event matches “Rule 2”.", "Within 10 s the nearest group (a) lacks “Rule 2”."]),
        (BOTH, [hit(1, 0, u="a"), hit(2, 30, u="a")], ["Within 10 s the nearest group (a) lacks “Rule 2”."]),
        (ORDER, [hit(2, 0, u="a"), hit(1, 5, u="a")], [
            "Within 10 s the nearest group (a) is not in the order, or under the condition, that is asked."
        ]),
        (ORDER, [hit(1, 0, u="a"), hit(2, 5, u="a")], []),
    ],
)  # fmt: skip
def test_parts(tmp_path: Path, body: str, hits: list[Hit], expected: list[str]) -> None:
    assert told(tmp_path, body, hits) == expected


def test_what_another_correlation_gives_takes_part(tmp_path: Path) -> None:
    read = f"title: Read\nname: read\nid: {rule_id(8)}\nlevel: low\ncorrelation: {{{{{COUNT}}}}}\n"
    few, enough = ([hit(1, n, u="a") for n in range(count)] for count in (2, 3))
    assert told(tmp_path, CHAIN, [*few, hit(3, 5, u="a")], read) == [
        "No event matches “Read”.",
        "Within 1 min the nearest group (a) lacks “Read”.",
    ]
    assert told(tmp_path, CHAIN, enough, read) == [
        "No event matches “Rule 3”.",
        "Within 1 min the nearest group (a) lacks “Rule 3”.",
    ]
    assert told(tmp_path, CHAIN, [*enough, hit(3, 5, u="a")], read) == []
