"""Correlations over small streams of events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core.clock import SECOND
from core.errors import BadInput, Place
from detections.match import Matcher
from detections.ruleset import RuleSet
from detections.samples import Sample, Step, Trial, read_samples
from detections.streams import BEGIN, stream_of, tried_stream
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

CHAIN = """title: C
id: {id}
name: {name}
level: high
status: test
correlation:
  type: event_count
  rules: [{rules}]
  group-by: [host.name]
  timespan: {span}
  condition: {{gte: {count}}}
"""


@pytest.fixture
def ruleset(tmp_path: Path) -> RuleSet:
    """A correlation of three events in a minute, and one that reads it."""
    texts = [
        rule_text(1, "s:\n  F: 1\ncondition: s\n", "{product: linux}"),
        CHAIN.format(id=rule_id(2), name="burst", rules=rule_id(1), span="1m", count=3),
        CHAIN.format(id=rule_id(3), name="bursts", rules="burst", span="1h", count=2),
    ]
    return ruleset_of(tmp_path, texts)


def read(tmp_path: Path, text: str) -> list[Sample]:
    (tmp_path / "s.yml").write_text(text)
    return read_samples(tmp_path / "s.yml")


def plain(_: Sample, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(data)]


def trial(ruleset: RuleSet, sample: Sample, number: int = 2) -> Trial:
    chosen = [each for each in ruleset.correlations if each.id == rule_id(number)]
    return tried_stream(chosen, ruleset, Matcher(ruleset), sample, stream_of(sample, plain))


def stream(
    *steps: tuple[int, int, int], match: bool = True, f: int = 1, group: tuple[str, ...] | None = None
) -> Sample:
    place = Place("s.yml", 1)
    event = Sample(place, match, {"host.name": "web01", "F": f, "n": "{n}"})
    return Sample(place, match, {}, tuple(Step(event, a * SECOND, r, e * SECOND) for a, r, e in steps), group)


def test_events_are_made_in_order_of_time() -> None:
    made = stream_of(stream((60, 2, 30), (10, 1, 0)), plain)
    assert [at - BEGIN for at, _ in made] == [each * SECOND for each in (10, 60, 90)]
    assert [event["n"] for _, event in made] == ["1", "1", "2"]
    assert made[0][1]["@timestamp"] == "2026-11-25T02:00:10.000000Z"


def test_what_fires_and_what_is_silent(ruleset: RuleSet) -> None:
    three, slow = (0, 3, 10), (0, 3, 60)
    assert trial(ruleset, stream(three)).wrong is None
    assert trial(ruleset, stream(three)).hits == {rule_id(2)}, "though another reads it, which keeps it quiet"
    assert trial(ruleset, stream(three, group=("web01",))).wrong is None
    assert trial(ruleset, stream(slow, match=False)).wrong is None
    assert trial(ruleset, stream((0, 3, 10), (600, 3, 10)), 3).wrong is None


def test_why_it_is_wrong(ruleset: RuleSet) -> None:
    def told(sample: Sample, number: int = 2) -> str:
        wrong = trial(ruleset, sample, number).wrong
        assert wrong is not None
        return wrong["en"]

    assert told(stream((0, 3, 10), match=False)) == "fires for web01 at 2026-11-25T02:00:20.000000Z and must not"
    assert told(stream((0, 3, 10), group=("web02",))) == "fires for web01 and must for web02"
    assert "2 in one minute" in told(stream((0, 3, 60))) or "2" in told(stream((0, 3, 60)))
    assert "“Rule 1”" in told(stream((0, 3, 10), f=2))
    assert "“C”" in told(stream((0, 2, 10)), 3)


def test_streams_are_read(tmp_path: Path) -> None:
    text = """match:
  - events:
      - {at: 0, repeat: 3, every: 1m, sample: {raw: x, zone: UTC}}
      - {at: 2h, sample: {a: b}}
    group: [web01, 7]
no_match:
  - events: [{at: 1.5, sample: {a: b}}]
"""
    first, second = read(tmp_path, text)
    assert [(each.at, each.repeat, each.every) for each in first.steps] == [(0, 3, 60 * SECOND), (7200 * SECOND, 1, 0)]
    assert (first.group, first.is_match, second.group, second.is_match) == (("web01", "7"), True, None, False)
    assert (first.steps[0].sample.data, second.steps[0].at) == ({"raw": "x", "zone": "UTC"}, 1_500_000)


@pytest.mark.parametrize(
    ("sample", "place", "said"),
    [
        ("events: []", "2:5", "1 to 10,000 events"),
        ("events: [{at: 0, repeat: 20000, sample: {a: b}}]", "2:5", "1 to 10,000 events"),
        ("events: [{sample: {a: b}}]", "2:14", "has 'at'"),
        ("events: [{at: 0}]", "2:14", "'sample'"),
        ("events: [7]", "2:14", "has 'at'"),
        ("events: [{at: soon, sample: {a: b}}]", "2:14", "“soon” is no time"),
        ("events: [{at: -1, sample: {a: b}}]", "2:14", "“-1” is no time"),
        ("events: [{at: 0, repeat: many, sample: {a: b}}]", "2:14", "whole number"),
        ("events: [{at: 0, repat: 2, sample: {a: b}}]", "2:22", "Perhaps it should be: repeat"),
        ("events: [{at: 0, sample: {}}]", "2:30", "a sample is 'raw'"),
        ("{events: [{at: 0, sample: {a: b}}], group: web01}", "2:5", "'group' is a list"),
        ("{events: [{at: 0, sample: {a: b}}], goup: [web01]}", "2:41", "Perhaps it should be: group"),
    ],
)
def test_what_is_wrong_in_a_stream_is_named_with_its_place(tmp_path: Path, sample: str, place: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        read(tmp_path, f"match:\n  - {sample}\nno_match:\n  - {{a: b}}\n")
    assert f"s.yml:{place}: " in str(raised.value)
    assert said in str(raised.value)
