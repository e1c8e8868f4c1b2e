"""A rule of our own that is changed by mistake fails its own samples; and the measure itself can fail."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from detections.match import Matcher
from detections.rule import Rule
from detections.ruleset import RuleSet
from tests.detections.mutants import Truths, mutants, survivors, told
from tests.detections.test_own_rules import RULE_FILES, SAMPLES, event_of, own


def rules_of(file: Path) -> list[Rule]:
    return [rule for rule in own().rules if rule.file.endswith(file.as_posix())]


def events_of(file: Path) -> list[dict[str, Any]]:
    samples = yaml.safe_load((SAMPLES / file).read_text("utf-8"))
    return [event_of(sample) for kind in ("match", "no_match") for sample in samples[kind]]


def test_every_small_mistake_is_made() -> None:
    assert set(mutants(("&", 0, ("|", 1, 2)))) == {
        ("!", ("&", 0, ("|", 1, 2))),  # the whole
        ("|", 0, 1, 2),  # and made or
        ("|", 1, 2),  # the first part left out
        ("&", ("!", 0), ("|", 1, 2)),
        0,  # the second part left out
        ("&", 0, ("!", ("|", 1, 2))),
        ("&", 0, 1, 2),  # or made and
        ("&", 0, 2),
        ("&", 0, 1),
        ("&", 0, ("|", ("!", 1), 2)),
        ("&", 0, ("|", 1, ("!", 2))),
    }
    assert set(mutants(("!", 0))) == {0}
    assert 0 in set(mutants(("&", 0, ("!", 1))))


@pytest.mark.parametrize("file", RULE_FILES, ids=str)
def test_the_samples_of_a_rule_catch_every_mistake(file: Path) -> None:
    """A mistake that no event could show is a part of the rule that does nothing: take it out."""
    events = events_of(file)
    for rule in rules_of(file):
        missed, made = survivors(rule, events)
        listed = "\n".join(told(rule, each) for each in missed)
        assert not missed, f"{file}: {len(missed)} of {made} mutants say the same of every sample:\n{listed}"


def test_a_sample_that_is_missing_is_noticed() -> None:
    """The measure is no rubber stamp: without its last matching sample, each of some rules lets a mutant through."""
    for name in ("linux/process_creation/miner.yml", "windows/security/kerberoasting.yml", "flow/miner_port.yml"):
        (rule,) = rules_of(Path(name))
        events = events_of(Path(name))
        hit = Truths(rule, events).of(rule.condition)
        last = hit.bit_length() - 1
        assert survivors(rule, events[:last] + events[last + 1 :])[0]


def test_what_is_reckoned_is_what_the_engine_says() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    for file in draw.sample(RULE_FILES, 6):
        events = events_of(file)
        for rule in rules_of(file):
            truths = Truths(rule, events)
            for each in draw.sample(found := list(mutants(rule.condition)), min(5, len(found))):
                judged = Matcher(RuleSet((replace(rule, condition=each),))).judge([dict(event) for event in events])
                said = sum(1 << at for at, (_, hits) in enumerate(judged) if rule.id in hits)
                assert said == truths.of(each), told(rule, each)
