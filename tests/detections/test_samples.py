"""Samples of rules: where they are, what they may be, and what is said of those that are not as they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import BadInput, Place
from detections.match import Matcher
from detections.samples import Sample, read_samples, samples_of, tried
from tests.detections.sigma_samples import rule_text, ruleset_of
from tests.detections.test_own_rules import ROOT as OWN
from tests.detections.test_own_rules import RULE_FILES, SAMPLES

DETECTION = "s:\n  F: [a, b]\nf:\n  G: 1\ncondition: s and not f\n"


@pytest.mark.parametrize(
    ("rule", "samples"),
    [("a/r.yml", "a/tests/r.yml"), ("a/b/r.yml", "a/tests/b/r.yml"), ("a/b/r.yml", "tests/a/b/r.yml")],
)
def test_where_they_are(tmp_path: Path, rule: str, samples: str) -> None:
    for name in (rule, samples):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert samples_of(tmp_path / rule) == tmp_path / samples
    (tmp_path / samples).unlink()
    assert samples_of(tmp_path / rule) is None


def test_our_own_are_found_and_read() -> None:
    for file in RULE_FILES:
        found = samples_of(OWN / "rules" / file)
        assert found == SAMPLES / file
        assert {sample.is_match for sample in read_samples(found)} == {True, False}


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("", "", "each a list"),
        ("- a\n", ":1", "each a list"),
        ("match: [{a: 1}]\n", "", "'no_match' has no sample"),
        ("match: [{a: 1}]\nno_match: []\n", ":2:1", "'no_match' has no sample"),
        ("match: [{a: 1}]\nno-match: [{b: 1}]\n", ":2:1", "Perhaps it should be: no_match"),
        ("match: [{a: 1}]\nno_match:\n  - text\n", ":3:5", "a sample is 'raw' with a line"),
        ("match: [{a: 1}]\nno_match:\n  - {}\n", ":3:5", "a sample is"),
        ("match:\n  - {raw: ''}\nno_match: [{b: 1}]\n", ":2:5", "is empty"),
        ("match:\n  - {raw: 5}\nno_match: [{b: 1}]\n", ":2:5", "is empty"),
        ("match:\n  - {raw: x, Zone: y}\nno_match: [{b: 1}]\n", ":2:5", "no 'Zone'"),
        ("match: [\n", ":2:1", "not YAML"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, place: str, word: str) -> None:
    path = tmp_path / "r.yml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_samples(path)
    assert str(caught.value).startswith(f"{path}{place}: ")
    assert word in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"r\.yml"):
        read_samples(tmp_path / "r.yml")


@pytest.mark.parametrize(
    ("is_match", "events", "words"),
    [
        (True, [{"F": "a"}], ""),
        (True, [{"F": "x"}, {"F": "b"}], ""),
        (False, [{"F": "x"}], ""),
        (True, [{"F": "x"}], "s: F is “x”, and the rule asks: is “a”"),
        (True, [{"H": "x"}], "s: F is “(missing)”"),
        (True, [{"F": "a", "G": 1}], "f: G is “1”, and the rule excludes what is “1”"),
        (True, [{"F": "a", "winlog.channel": "Security"}], "another log source"),
        (False, [{"F": "a"}], "matches and must not (s: F = a)"),
    ],
)
def test_what_is_said(tmp_path: Path, is_match: bool, events: list[dict[str, Any]], words: str) -> None:
    ruleset = ruleset_of(tmp_path, [rule_text(1, DETECTION, "{product: linux}"), rule_text(2, DETECTION)])
    trial = tried(ruleset.rules[:1], Matcher(ruleset), Sample(Place("r.yml"), is_match, events[0]), events)
    assert (trial.wrong is None) is (words == "")
    assert trial.wrong is None or words in trial.wrong["en"]
