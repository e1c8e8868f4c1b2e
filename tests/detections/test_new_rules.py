"""What is written for a person to begin with can be used as it stands, for each log source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from core.errors import BadInput
from detections.coverage import source_text
from detections.ecs_binding import EcsBinding
from detections.lint import lint
from detections.new_rules import logsource_named, new_correlation, new_rule
from detections.ruleset import RuleSource, load
from detections.samples import read_samples
from detections.slips import known_sources

KEYS = ("about_source", "about_fields", "about_samples", "about_correlation", "about_streams")
WORDS = dict.fromkeys(KEYS, "x")
DATE = "2026-11-25"


def write(folder: Path, texts: Iterator[tuple[str, str]]) -> None:
    for name, text in texts:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def test_a_rule_of_each_log_source_has_no_finding(tmp_path: Path) -> None:
    for number, source in enumerate(known_sources()):
        assert source_text(logsource_named(source_text(source))) == source_text(source)
        write(tmp_path, new_rule(f"r{number}", DATE, WORDS, source))
    loaded, findings = lint(tmp_path)
    assert findings == []
    assert {rule.logsource for rule in loaded.rules} == known_sources()
    assert len(loaded.rules) == len(known_sources()), "each has an id of its own"
    binding = EcsBinding()
    assert all(binding.knows(rule.logsource) or rule.logsource.is_flow for rule in loaded.rules)


@pytest.mark.parametrize("count", [1, 3])
def test_a_correlation_can_be_used(tmp_path: Path, count: int) -> None:
    names = [f"r{number}" for number in range(count)]
    for name in names:
        write(tmp_path, new_rule(name, DATE, WORDS))
    write(tmp_path, new_correlation("c", DATE, WORDS, names))
    assert lint(tmp_path)[1] == []
    loaded = load([RuleSource(tmp_path, "local")])
    assert [pattern.name for pattern in loaded.patterns.patterns] == ["c"]
    text = (tmp_path / "tests" / "c.yml").read_text()
    with pytest.raises(BadInput, match="'raw' is empty"):
        read_samples(tmp_path / "tests" / "c.yml")
    (tmp_path / "tests" / "c.yml").write_text(text.replace("raw: ''", "raw: a line"))
    met, missed = read_samples(tmp_path / "tests" / "c.yml")
    counts = [sum(step.repeat for step in sample.steps) for sample in (met, missed)]
    assert counts == ([5, 4] if count == 1 else [3, 2])
    assert yaml.safe_load(text).keys() == {"match", "no_match"}


def test_a_log_source_that_is_nearly_one_is_named() -> None:
    with pytest.raises(BadInput, match="windows/process_creation"):
        logsource_named("windows/process_creaton")
