"""Hits are taken from the rule that is excepted, until the exception ends, and each is counted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from core.clock import SECOND
from core.query.to_match import compile_match
from core.query.tree import Equals
from detections.excepted import Excepted, Taken
from detections.exceptions import Taking
from tests.detections.excepting import hit

NOW = 1_764_000_000 * SECOND


def taking(number: int, rule: str, host: str, expires_at: int = NOW + SECOND) -> Taking:
    where = Equals("host.name", host)
    return Taking(number, rule, expires_at, where, compile_match(where))


def test_only_the_excepted_rule_loses_its_hit() -> None:
    excepted = Excepted([taking(1, "a", "web01"), taking(2, "a", "web01"), taking(3, "b", "db01")])
    taken = Taken()
    assert excepted.left(("a", "b", "c"), hit(NOW, 1), NOW, taken) == ("b", "c")
    assert excepted.left(("c",), hit(NOW, 1), NOW, taken) == ("c",)
    assert list(taken.counted()) == [(1, 1, NOW)], "counted once, at the first that takes it"


def test_what_has_ended_takes_nothing() -> None:
    taken = Taken()
    assert Excepted([taking(1, "a", "web01", NOW)]).left(("a",), hit(NOW, 1), NOW, taken) == ("a",)
    assert not taken.hits


def test_rows_of_flows_are_taken_alike() -> None:
    table = pa.table({"host.name": ["web01", "db01", "web01"], "@timestamp": [NOW, NOW + 1, NOW + 2]})
    taken = Taken()
    excepted = Excepted([taking(1, "a", "web01"), taking(2, "a", "db01", NOW)])
    found = {"a": np.array([0, 1, 2]), "b": np.array([2])}
    left = excepted.left_of_flows(found, table, NOW, taken)
    assert {rule: rows.tolist() for rule, rows in left.items()} == {"a": [1], "b": [2]}
    assert list(taken.counted()) == [(1, 2, NOW + 2)]
    assert found["a"].tolist() == [0, 1, 2]
    assert "a" not in excepted.left_of_flows({"a": np.array([0])}, table, NOW, taken)
