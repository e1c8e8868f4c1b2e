"""Each correlation of our own over small streams: what must come of them, and what must not.

``tests/detections/correlations/*.yml``: name of a correlation → ``fires`` and ``silent``, lists of streams. A stream is
a list of events with ``at`` (seconds) and ``sample`` (as in test_own_rules.py); ``repeat`` and ``every`` (seconds) make
several of one, with ``{n}`` in its texts counted from 1. A stream that fires says its ``group``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.clock import SECOND, Micros, iso, to_micros
from detections.correlation import Found, Hit, match_all
from detections.correlation_rules import PatternSet, resolve
from detections.explain import lookup
from tests.detections.test_own_rules import event_of, matcher, own

FOLDER = Path(__file__).parent / "correlations"
BEGIN = to_micros("2026-11-25T02:00:00Z")


@cache
def patterns() -> PatternSet:
    return resolve(own().rules, own().correlations)


def cases() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.yml")):
        found |= yaml.safe_load(path.read_text("utf-8"))
    return found


CASES = cases()
STREAMS = [
    pytest.param(name, kind, number, id=f"{name}-{kind}-{number}")
    for name, both in CASES.items()
    for kind in ("fires", "silent")
    for number in range(len(both[kind]))
]


def counted(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, dict):
        return {key: counted(each, number) for key, each in value.items()}
    return value


def stream_of(entries: list[dict[str, Any]]) -> list[tuple[Micros, dict[str, Any]]]:
    made = []
    for entry in entries:
        for number in range(entry.get("repeat", 1)):
            at = BEGIN + round((entry["at"] + number * entry.get("every", 0)) * SECOND)
            made.append((at, event_of(counted(entry["sample"], number + 1)) | {"@timestamp": iso(at)}))
    return sorted(made, key=lambda each: each[0])


def found_in(stream: list[tuple[Micros, dict[str, Any]]]) -> list[Found]:
    rules = own()
    judged = matcher().judge([event for _, event in stream])
    hits = [
        Hit(event, list(found), at, str(number))
        for number, ((at, event), (_, found)) in enumerate(zip(stream, judged, strict=True))
    ]
    return list(match_all(hits, patterns(), lambda event, rule, name: lookup(rules.by_id[rule], event, name)))


@pytest.mark.parametrize(("name", "kind", "number"), STREAMS)
def test_streams(name: str, kind: str, number: int) -> None:
    case = CASES[name][kind][number]
    found = [each for each in found_in(stream_of(case["events"])) if each.pattern.name == name]
    if kind == "silent":
        assert found == []
    else:
        assert [list(each.group) for each in found] == [case["group"]]


def test_each_that_is_reported_has_streams() -> None:
    reported = {pattern.name for pattern in patterns().patterns if pattern.id not in patterns().quiet}
    assert reported == set(CASES)
    for name, both in CASES.items():
        assert set(both) == {"fires", "silent"}, name
        assert all(both.values()), name
