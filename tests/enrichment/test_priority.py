"""The parts add up to the priority, which stays within 100."""

from __future__ import annotations

from itertools import product

from enrichment.priority import Facts, priority, techniques


def test_the_sum_is_shown_and_bounded() -> None:
    tags = [f"attack.t{n}" for n in (1110, 1078, 1059, 1496, 1021)]
    for level, asset, is_new, hosts, replay in product(
        ("informational", "medium", "critical"), (None, 1, 5, 9), (True, False), (0, 1, 40), (True, False)
    ):
        total, parts = priority(Facts(level, asset, is_new, hosts, tags if hosts else [], replay))
        assert total == sum(part["points"] for part in parts)
        assert 0 <= total <= 100


def test_what_counts() -> None:
    total, parts = priority(Facts("high", 3, True, 2, ["attack.t1110.001", "attack.t1110", "attack.t1078"]))
    assert {part["key"]: part["points"] for part in parts} == {
        "level": 30,
        "asset": 12,
        "new": 10,
        "spread": 5,
        "techniques": 5,
    }
    assert total == 62
    assert techniques(["attack.t1110.001", "attack.T1078", "attack.persistence", "cve.2021-1"]) == ["T1078", "T1110"]
    worst, parts = priority(Facts("critical", 5, True, 9, [f"attack.t{n}" for n in range(1000, 1009)]))
    assert worst == 100
