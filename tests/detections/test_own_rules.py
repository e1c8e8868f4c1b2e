"""Each rule of our own matches what its samples say, and both languages of its texts are filled.

A sample is ``{raw: text or JSON object, zone?: name}``, taken apart by the real parsers, ``{journal: {…}}``, an entry
of our journal by what is not usual of it, or else an ECS event or flow.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.parser import ParserSet
from core.clock import LOCAL_ZONE
from detections.correlation_rules import Pattern, resolve
from detections.match import Matcher
from detections.rule import Rule
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.taxonomy.filling import frame_of

ROOT = Path(__file__).parents[2] / "detections"
SAMPLES = Path(__file__).parent / "rules"
TEXTS = ("title", "reason", "falsepositives", "remediation")
TACTICS = frozenset(
    {
        "reconnaissance",
        "resource-development",
        "initial-access",
        "execution",
        "persistence",
        "privilege-escalation",
        "defense-evasion",
        "credential-access",
        "discovery",
        "lateral-movement",
        "collection",
        "command-and-control",
        "exfiltration",
        "impact",
    }
)
RULE_FILES = sorted(path.relative_to(ROOT / "rules") for path in (ROOT / "rules").rglob("*.yml"))


@cache
def own() -> RuleSet:
    return load([RuleSource(ROOT / "rules", "kydai"), RuleSource(ROOT / "correlations", "kydai")])


@cache
def matcher() -> Matcher:
    return Matcher(own())


@cache
def parsers() -> ParserSet:
    return ParserSet.load()


def event_of(sample: dict[str, Any]) -> dict[str, Any]:
    """The event of a sample; a raw must be recognised by a parser."""
    frame = frame_of(sample)
    if frame is None:
        return sample
    parsed = parsers().parse(frame, zone=sample.get("zone", LOCAL_ZONE))
    assert not parsed.unparsed, sample
    return dict(parsed.events[0])


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
        events = [event_of(sample) for sample in samples[kind]]
        for sample, (_, hits) in zip(samples[kind], matcher().judge(events), strict=True):
            assert bool(ids.intersection(hits)) is wanted, f"{file}: {kind}: {sample}"


@pytest.mark.parametrize(
    ("file", "logsource", "left_out"),
    [
        ("linux/process_creation/network_scanner.yml", "{product: linux, category: process_creation}", "host.name"),
        ("flow/control_protocol.yml", "{category: flow}", "source.ip"),
    ],
)
def test_a_sigma_filter_leaves_out_what_the_texts_tell_to(
    tmp_path: Path, file: str, logsource: str, left_out: str
) -> None:
    samples = yaml.safe_load((SAMPLES / file).read_text("utf-8"))["match"]
    event = event_of(samples[0])
    (rule,) = [each for each in own().rules if each.file.endswith(file)]
    written = f"filter: {{rules: [{rule.name}], known: {{{left_out}: '{event[left_out]}'}}, condition: not known}}"
    (tmp_path / "filter.yml").write_text(f"title: Known\nlogsource: {logsource}\n{written}\n")
    filtered = Matcher(load([RuleSource(ROOT / "rules", "kydai"), RuleSource(tmp_path, "local")]))
    for found, wanted in ((matcher(), True), (filtered, False)):
        ((_, hits),) = found.judge([event])
        assert (rule.id in hits) is wanted
    ((_, hits),) = filtered.judge([event | {left_out: "192.0.2.7"}])
    assert rule.id in hits


def test_no_text_speaks_of_exceptions_which_do_not_exist() -> None:
    for each in everything():
        if each.name.startswith("kydai_self_"):  # what they tell of, not what they tell to do
            continue
        for texts in each.texts.values():
            assert "ngoại lệ" not in texts.get("vi", ""), each.file
            assert "an exception" not in texts.get("en", ""), each.file


def test_every_text_is_there_in_both_languages() -> None:
    for each in everything():
        for key in TEXTS:
            for lang in ("vi", "en"):
                assert each.texts.get(key, {}).get(lang, "").strip(), f"{each.file}: {key} ({lang})"
        assert each.name.startswith("kydai_"), each.file
        assert any(tag.startswith("attack.t") for tag in each.tags), each.file
        for tag in each.tags:
            assert tag.removeprefix("attack.") in TACTICS or re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag), each.file


def test_texts_are_two_languages_and_nothing_else() -> None:
    for path in (*(ROOT / "rules").rglob("*.yml"), *(ROOT / "correlations").rglob("*.yml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            assert set(document["kydai"]) == set(TEXTS), path
            for text in document["kydai"].values():  # a comma in {vi: a, b} would make a third key
                assert set(text) == {"vi", "en"}, path
                assert all(isinstance(each, str) for each in text.values()), path


def test_names_ids_and_titles_are_different() -> None:
    for values in (
        [each.id for each in everything()],
        [each.name for each in everything()],
        [each.texts["title"]["vi"] for each in everything()],
        [each.texts["title"]["en"] for each in everything()],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each.id)
        for each in everything()
    )


def test_no_rejected_word() -> None:
    from tests.core.words.test_words import WRONG

    for each in everything():
        for texts in each.texts.values():
            found = [wrong for wrong in WRONG if wrong in texts.get("vi", "").lower() + " "]
            assert not found, f"{each.file}: {found}"


def test_no_sample_is_left_over() -> None:
    assert sorted(path.relative_to(SAMPLES) for path in SAMPLES.rglob("*.yml")) == RULE_FILES
