"""Rules over the columns of flows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from detections.flow_rules import FlowRules, rules_column
from detections.rule import Mode
from detections.ruleset import RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of
from tests.samples import sample

FLOW = "{category: flow}"
TABLE = pa.table(
    {
        "source.ip": pa.array(["10.20.1.5", "10.20.1.5", "192.0.2.1", None]).dictionary_encode(),
        "destination.ip": pa.array(["203.0.113.9", "10.20.0.1", "10.20.1.5", "x"]).dictionary_encode(),
        "destination.port": pa.array([3333, 22, 445, None], pa.int32()),
        "network.transport": pa.array(["tcp", "TCP", "udp", None]).dictionary_encode(),
        "network.bytes": pa.array([10, 2_000_000, 5, 7], pa.int64()),
    }
)


def test_masks(tmp_path: Path) -> None:
    texts = [
        rule_text(1, "s:\n  destination.port: 3333\nf:\n  dst_ip|cidr: 10.20.0.0/16\ncondition: s and not f\n", FLOW),
        rule_text(2, "s:\n  network.transport: tcp\n  network.bytes|gte: 1000000\ncondition: s\n", FLOW),
        rule_text(3, "s:\n  src_ip: null\ncondition: s\n", "{service: netflow}"),
        rule_text(4, "s:\n  DestinationPort: 9\ncondition: s\n", FLOW),
        rule_text(5, "s:\n  '@timestamp|week': 9\ncondition: s\n", FLOW),
        rule_text(6, "s:\n  src_ip|expand: '%mine%'\ncondition: s\n", FLOW),
        rule_text(7, "s:\n  destination.port: 22\ncondition: s\n", "{product: windows}"),
        rule_text(8, "s:\n  destination.port: 22\ncondition: s\n", FLOW),
    ]  # fmt: skip
    ruleset_of(tmp_path, texts)
    loaded = load([RuleSource(tmp_path / "rules", "own")], modes={rule_id(8): Mode.DISABLED})
    rules = FlowRules(loaded)
    found = {int(rule[-3:]): rows.tolist() for rule, rows in rules.judge(TABLE).items()}
    assert found == {1: [0], 2: [1], 3: [3]}
    assert rules.errors.keys() == {rule_id(5), rule_id(6)}
    assert "%mine%" in rules.errors[rule_id(6)]


def test_sigmahq_has_a_flow_rule() -> None:
    path = sample("sigmahq") / "rules-compliance"
    rules = FlowRules(load([RuleSource(path, "sigmahq")]))
    assert len(rules.trees) == 1
    table = pa.table({"destination.port": pa.array([21, 443], pa.int32())})
    assert [rows.tolist() for rows in rules.judge(table).values()] == [[0]]


def test_the_rules_of_each_row() -> None:
    found = {"b": np.array([0, 3]), "a": np.array([3, 1])}
    assert rules_column(found, 5).to_pylist() == [["b"], ["a"], None, ["b", "a"], None]
    assert rules_column({}, 2).to_pylist() == [None, None]
