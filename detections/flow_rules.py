"""Rules over network flows, which stay columns: each rule becomes one mask over the table.

Our convention: ``logsource: {category: flow}``; Sigma's ``service: netflow`` counts as well. Fields are ECS names,
or the names that Sigma's firewall rules use (src_ip, dst_port, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.errors import BadInput
from core.query.to_arrow import mask
from core.query.tree import Node
from detections.binding import FieldMap
from detections.ecs_binding import field_set
from detections.rule import Mode, Rule, is_flow_rule
from detections.ruleset import RuleSet
from detections.to_tree import to_tree

Rows = npt.NDArray[np.intp]


@cache
def flow_fields() -> FieldMap:
    """What fields of flow rules are called in flow tables."""
    return FieldMap(field_set("connection") | field_set("network"))


class FlowRules:
    """The flow rules of a rule set that are not disabled. ``errors`` says which cannot run on columns, and why."""

    def __init__(self, ruleset: RuleSet, left_out: frozenset[str] = frozenset()) -> None:
        self.errors: dict[str, str] = {}
        self.trees: dict[str, Node] = {}
        fields = flow_fields()
        for rule in ruleset.rules:
            if is_flow_rule(rule) and rule.id not in left_out and ruleset.mode(rule.id) is not Mode.DISABLED:
                self._add(rule, fields, ruleset)

    def _add(self, rule: Rule, fields: FieldMap, ruleset: RuleSet) -> None:
        if rule.id in ruleset.blind:
            self.errors[rule.id] = ruleset.blind[rule.id]["en"]
            return
        try:
            self.trees[rule.id] = to_tree(rule, fields)
        except BadInput as error:
            self.errors[rule.id] = error.message

    def judge(self, table: Any) -> dict[str, Rows]:
        """Rule id → the rows of a pyarrow table that match, only rules with any."""
        found: dict[str, Rows] = {}
        for rule, tree in self.trees.items():
            rows = np.flatnonzero(mask(tree, table))
            if len(rows):
                found[rule] = rows
        return found


def rules_column(found: Mapping[str, Rows], count: int) -> Any:
    """What ``judge`` found as a column of ``count`` rows: the rules that match each, null where none does."""
    rows = np.concatenate([np.zeros(0, np.intp), *found.values()])
    rules = np.repeat(np.arange(len(found)), [len(own) for own in found.values()])
    names = pa.array(found, pa.string()).take(rules[np.argsort(rows, kind="stable")])
    each = np.bincount(rows, minlength=count)
    offsets: Any = pa.array(np.concatenate([[0], np.cumsum(each)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, names, mask=pa.array(each == 0, pa.bool_()))
