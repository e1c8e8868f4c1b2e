"""Filters narrow rules; one under which a rule could never match is left out and named."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random

import pytest

from detections import ir
from detections.filters import never
from detections.ir import Expr, Kind, Predicate, conj, disj, neg, text_predicate
from detections.lint import lint
from detections.predicates import holds, texts_of
from detections.ruleset import RuleSource, load
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of


def filter_text(body: str, rules: str = "any") -> str:
    return f"title: Ours\nlogsource: {{product: windows}}\nfilter:\n  rules: {rules}\n{body}"


def test_filters_narrow_rules(tmp_path: Path) -> None:
    ours = filter_text("  ours:\n    Computer: LAB\n  condition: not ours\n", f"[{rule_id(1)}]")
    plain = "s:\n  F: 1\ncondition: s\n"
    loaded = ruleset_of(tmp_path, [rule_text(1, plain), rule_text(2, plain), ours])
    assert loaded.by_id[rule_id(1)].condition == ("&", 0, ("!", 1))
    assert loaded.by_id[rule_id(1)].predicates[1].field == "Computer"
    assert loaded.by_id[rule_id(2)].condition == 0
    assert not loaded.errors


@pytest.mark.parametrize(
    ("rule", "body", "is_hidden"),
    [
        ("A: foo", "x: {A: '*'}\n  condition: not x", True),
        ("A: foo", "x: {A: Foo}\n  condition: not x", True),
        ("A: [foo, fob]", "x: {A|startswith: fo}\n  condition: not x", True),
        ("A|contains: abc", "x: {A|contains: b}\n  condition: not x", True),
        ("A|endswith: \\cmd.exe", "x: {A|endswith: .exe}\n  condition: not x", True),
        ("A: 192.0.2.7", "x: {A|cidr: 192.0.2.0/24}\n  condition: not x", True),
        ("A: foo", "x: {A: bar}\n  y: {A: bar}\n  condition: x and not y", True),
        ("A: foo", "x: {A: null}\n  condition: x", True),
        ("A: foo", "x: {D: bar}\n  condition: x and not x", True),
        ("A: [foo, bar]", "x: {A: foo}\n  condition: not x", False),
        ("A: foo", "x: {A|cased: foo}\n  condition: not x", False),
        ("A: foo", "x: {A: '*', B: '*'}\n  condition: not x", False),
        ("A: foo", "x: {B: '*'}\n  condition: not x", False),
        ("A: foo", "x: {A: bar}\n  condition: x", False),  # two members may be foo and bar
    ],
)
def test_a_filter_that_takes_everything_is_left_out(tmp_path: Path, rule: str, body: str, is_hidden: bool) -> None:
    texts = [rule_text(1, f"s:\n  {rule}\ncondition: s\n"), rule_text(2, "s:\n  C: 1\ncondition: s\n")]
    for number, text in enumerate([*texts, filter_text(f"  {body}\n")]):
        (tmp_path / f"r{number}.yml").write_text(text)
    loaded = load([RuleSource(tmp_path, "own")])
    assert len(loaded.errors) == is_hidden
    assert (len(loaded.by_id[rule_id(2)].predicates) == 1) == is_hidden, "left out whole, or applied to all"
    for error in loaded.errors:
        assert (error.file, error.line, "could never match" in error.reason) == ("r2.yml", 5, True)
        assert error.said["vi"] != error.said["en"]


def test_lint_tries_a_filter_on_the_rules_in_force(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_text(rule_text(1, "s:\n  A: foo\ncondition: s\n"))
    (tmp_path / "f.yml").write_text(filter_text("  x: {A: '*'}\n  condition: not x\n"))
    assert not lint(tmp_path / "f.yml")[1]
    (finding,) = lint(tmp_path / "f.yml", in_force=lambda: load([RuleSource(tmp_path / "rules", "p")]))[1]
    assert (finding.file, finding.line) == ("f.yml", 5)


PREDICATES = (
    *(
        text_predicate("A", pattern, False)
        for pattern in ("a", "ab", f"a{ir.MANY}", f"{ir.MANY}b", f"{ir.MANY}a{ir.MANY}")
    ),
    text_predicate("A", ir.MANY, False),
    text_predicate("A", "AB", True),
    Predicate("A", Kind.NULL),
    Predicate("A", Kind.REGEX, "^a"),
    text_predicate("B", "b", False),
)
VALUES = [None, "a", "ab", "AB", "b", "ba", "xay", ["a", "b"], ["ab", "AB"], ""]


def _random(random: Random, depth: int = 3) -> Expr:
    if depth == 0 or random.random() < 0.3:
        return random.randrange(len(PREDICATES))
    parts = [_random(random, depth - 1) for _ in range(random.randint(1, 3))]
    return random.choice((conj(parts), disj(parts), neg(parts[0])))


def test_what_never_matches_is_matched_by_no_event() -> None:
    random = Random(5)
    events = [{"A": a, "B": b} for a, b in product(VALUES, VALUES)]
    truths = [[holds(p, texts_of(event[str(p.field)])) for p in PREDICATES] for event in events]
    found = 0
    for _ in range(2_000):
        expr = _random(random)
        if never(expr, PREDICATES):
            found += 1
            assert not any(ir.holds(expr, truth.__getitem__) for truth in truths), expr
    assert found > 50
