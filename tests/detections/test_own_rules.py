"""Each rule of our own matches what its samples say, and both languages of its texts are filled."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from detections.correlation_rules import Pattern, resolve
from detections.match import Matcher
from detections.rule import Rule
from detections.ruleset import RuleSet, RuleSource, load

ROOT = Path(__file__).parents[2] / "detections"
SAMPLES = Path(__file__).parent / "rules"
TEXTS = ("title", "reason", "falsepositives", "remediation")
RULE_FILES = sorted(path.relative_to(ROOT / "rules") for path in (ROOT / "rules").rglob("*.yml"))


@cache
def own() -> RuleSet:
    return load([RuleSource(ROOT / "rules", "kydai"), RuleSource(ROOT / "correlations", "kydai")])


@cache
def matcher() -> Matcher:
    return Matcher(own())


def everything() -> list[Rule | Pattern]:
    return [*own().rules, *resolve(own().rules, own().correlations).patterns]


def test_all_of_them_load() -> None:
    assert not own().errors
    patterns = resolve(own().rules, own().correlations)
    assert not patterns.errors
    assert len(patterns.patterns) == len(own().correlations) >= 4


@pytest.mark.parametrize("file", RULE_FILES, ids=str)
def test_samples(file: Path) -> None:
    samples: dict[str, list[dict[str, Any]]] = yaml.safe_load((SAMPLES / file).read_text("utf-8"))
    assert set(samples) == {"match", "no_match"}
    ids = {rule.id for rule in own().rules if rule.file.endswith(file.as_posix())}
    assert ids, file
    for kind, wanted in (("match", True), ("no_match", False)):
        assert samples[kind], f"{file}: {kind} is empty"
        for sample, (_, hits) in zip(samples[kind], matcher().judge(samples[kind]), strict=True):
            assert bool(ids.intersection(hits)) is wanted, f"{file}: {kind}: {sample}"


def test_every_text_is_there_in_both_languages() -> None:
    for each in everything():
        for key in TEXTS:
            for lang in ("vi", "en"):
                assert each.texts.get(key, {}).get(lang, "").strip(), f"{each.file}: {key} ({lang})"
        assert each.name.startswith("kydai_"), each.file
        assert any(tag.startswith("attack.t") for tag in each.tags), each.file


def test_no_rejected_word() -> None:
    from tests.core.words.test_words import WRONG

    for each in everything():
        for texts in each.texts.values():
            found = [wrong for wrong in WRONG if wrong in texts.get("vi", "").lower() + " "]
            assert not found, f"{each.file}: {found}"


def test_no_sample_is_left_over() -> None:
    assert sorted(path.relative_to(SAMPLES) for path in SAMPLES.rglob("*.yml")) == RULE_FILES
