"""What other rules would lose when a text is saved or taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput
from detections.dependents import orphaned, refuse_orphans
from detections.drafts import drafted
from detections.lint import Weight
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text

PLAIN = "s:\n  F: 1\ncondition: s\n"
CHAIN = """title: Chain
id: 00000000-0000-4000-8000-0000000000aa
level: high
correlation:
  type: event_count
  rules: [{}]
  group-by: [host.name]
  timespan: 5m
  condition: {{gte: 3}}
"""
FILTER = "title: Narrow\nlogsource: {product: windows}\nfilter:\n  rules: [mot]\n  s: {G: 1}\n  condition: not s\n"


def in_force(folder: Path, refers: str, place: str = "local") -> RuleSet:
    files = {
        f"{place}/a.yml": rule_text(1, PLAIN, more="name: mot\n"),
        "local/chain.yml": CHAIN.format(refers),
        "local/filter.yml": FILTER,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load([RuleSource(folder / name, name) for name in dict.fromkeys(("p", "local")) if (folder / name).is_dir()])


def told(ruleset: RuleSet, more: str) -> list[tuple[Weight, str]]:
    with drafted(rule_text(1, PLAIN, more=more), "", lambda: ruleset, {}, about=rule_id(1)) as draft:
        return [(each.weight, each.said["en"]) for each in draft.findings if each.code == "orphan"]


@pytest.mark.parametrize("place", ["local", "p"])
def test_a_name_that_a_correlation_needs_cannot_go(tmp_path: Path, place: str) -> None:
    ruleset = in_force(tmp_path, "mot", place)
    for more in ("name: hai\n", ""):
        (broken, loose) = told(ruleset, more)
        assert (broken[0], loose[0]) == (Weight.ERROR, Weight.WARNING)
        assert "“Chain” needs “mot”" in broken[1]
        assert "“Narrow” names “mot”" in loose[1]
    assert told(ruleset, "name: mot\n") == []
    assert told(ruleset, "name: mot\nauthor: an\n") == []


def test_what_refers_by_id_loses_nothing(tmp_path: Path) -> None:
    ruleset = in_force(tmp_path, rule_id(1))
    assert [weight for weight, _ in told(ruleset, "name: hai\n")] == [Weight.WARNING]


def test_a_rule_that_a_correlation_needs_is_not_taken_away(tmp_path: Path) -> None:
    ruleset = in_force(tmp_path, rule_id(1))
    with pytest.raises(BadInput, match=r"Chain.*First change or delete"):
        refuse_orphans(ruleset.every[rule_id(1)], ruleset)
    refuse_orphans(ruleset.every["00000000-0000-4000-8000-0000000000aa"], ruleset)


def test_a_copy_goes_where_the_packaged_rule_has_the_name(tmp_path: Path) -> None:
    in_force(tmp_path, "mot", "p")
    (tmp_path / "local" / "a.yml").write_text(rule_text(1, PLAIN, more="name: mot\n"))
    ruleset = load([RuleSource(tmp_path / name, name) for name in ("p", "local")])
    copy = ruleset.every[rule_id(1)]
    assert copy.package == "local"
    assert orphaned((), copy, ruleset) == []
