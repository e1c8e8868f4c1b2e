"""Our own types are read from the same files as Sigma's correlations, and what is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from core.clock import DAY
from detections.beyond_sigma import as_sigma
from detections.correlation_rules import Type
from detections.ruleset import RuleSet, RuleSource, load

BASE_RULE = """
    title: Log-On
    id: 11111111-1111-4111-8111-111111111111
    name: log_on
    level: low
    logsource: {product: linux, service: sshd}
    detection:
      selection: {event.outcome: success}
      condition: selection
    ---
    title: New Person
    id: 22222222-2222-4222-8222-222222222222
    level: medium
    correlation:
"""
BODY = """
      type: first_seen
      rules: [log_on]
      group-by: [host.name]
      fields: [user.name]
      learn: 14d
      forget: 90d
"""


def loaded(folder: Path, body: str) -> RuleSet:
    path = folder / "new.yml"
    path.write_text(
        dedent(BASE_RULE).lstrip() + dedent(body).strip("\n").replace("\n", "\n  ").join(["  ", "\n"]), "utf-8"
    )
    return load([RuleSource(path, "local")], cache=folder / "cache")


def test_it_is_read_as_it_is_written(tmp_path: Path) -> None:
    for _ in range(2):  # the second time from the cache
        rules = loaded(tmp_path, BODY)
        assert not rules.errors
        (pattern,) = rules.patterns.patterns
        assert (pattern.type, pattern.timespan, pattern.forget) == (Type.FIRST_SEEN, 14 * DAY, 90 * DAY)
        assert (pattern.group_by, pattern.fields) == (("host.name",), ("user.name",))
        assert rules.correlations[0].document["correlation"]["type"] == "first_seen"
        assert rules.quiet == {"11111111-1111-4111-8111-111111111111"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("learn:", "learm:"), "no key learm"),
        (("  forget: 90d\n", ""), "lacks forget"),
        (("rules: [log_on]", "rules: 7"), "Rule reference"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in BODY
    (error,) = loaded(tmp_path, BODY.replace(*change)).errors
    assert error.file == "new.yml"
    assert error.line is not None and error.line >= 9
    assert said in error.told("en")


def test_the_types_of_sigma_stay_as_they_are() -> None:
    document = {"title": "x", "correlation": {"type": "event_count", "learn": "1d"}}
    assert as_sigma(document) == document
    assert as_sigma({"correlation": 5}) == {"correlation": 5}
