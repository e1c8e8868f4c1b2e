"""What other engines get wrong, from the text of a rule to the hit; the table of modifiers is in test_modifiers.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from detections.engine import Engine
from detections.explain import binding_of
from detections.shapes import Shape
from tests.detections import naive
from tests.detections.sigma_samples import rule_text, ruleset_of

SYSMON = "Microsoft-Windows-Sysmon/Operational"
LONG = "x" * 3000
"""Longer values go to another scanner."""


def hits(
    folder: Path, detections: list[str], events: list[dict[str, Any]], logsource: str = "{product: windows}"
) -> list[list[int]]:
    """Numbers of the rules that match each event: twice, with and without the raw texts, and as the plain evaluator."""
    ruleset = ruleset_of(folder, [rule_text(n, text, logsource) for n, text in enumerate(detections)])
    binding = binding_of(Shape.WINDOWS)
    engine = Engine(ruleset, binding)
    expected = [naive.judge(ruleset, binding, event) for event in events]
    assert engine.judge(events) == expected
    assert engine.judge(events[::-1]) == expected[::-1]
    assert Engine(ruleset, binding).judge(events, [orjson.dumps(event) for event in events]) == expected
    return [[int(rule[-3:]) for rule in each] for each in expected]


def one(item: str) -> str:
    return f"s:\n  {item}\ncondition: s\n"


def values(folder: Path, items: list[str], found: list[Any]) -> list[list[int]]:
    return hits(folder, [one(item) for item in items], [{"Channel": "x", "F": value} for value in found])


def test_true_one_and_their_texts_in_one_batch(tmp_path: Path) -> None:
    found = values(tmp_path, ["F: true", "F: 1", "F: '1'"], [True, 1, 1.0, "1", "TRUE", [True], [1]])
    assert found == [[0], [1, 2], [1, 2], [1, 2], [0], [0], [1, 2]]


@pytest.mark.parametrize("around", ["", LONG])
def test_patterns_that_overlap_are_all_found(tmp_path: Path, around: str) -> None:
    items = [
        "F|contains: abc",
        "F|contains: bc",
        "F|contains: bcd",
        "F|contains: abcd",
        "F|contains: d",
        "F|contains: ca",
    ]
    assert values(tmp_path, items, [f"{around}xABCD{around}", f"{around}ca{around}"]) == [[0, 1, 2, 3, 4], [5]]


@pytest.mark.parametrize("size", [0, 3000])
def test_control_characters_begin_and_end_nothing(tmp_path: Path, size: int) -> None:
    items = ["F|startswith: hello", "F|endswith: hello", "F: hello"]
    more = "y" * size
    forged = [
        f"{more}\x02hello\x03{more}",
        f"\x02hello\x03{more}",
        f"{more}\x02hello\x03",
        "hello" + more,
        more + "hello",
    ]
    whole = [[0, 1, 2]] * 2 if not size else [[0], [1]]
    assert values(tmp_path, items, forged) == [[], [], [], *whole]


@pytest.mark.parametrize("around", ["", LONG])
def test_letters_that_fold_to_others(tmp_path: Path, around: str) -> None:
    """Values are lowered as Python does: the Kelvin sign is a k, a long s is none, a dotted I grows."""
    items = [
        "F|contains: 'akb'",
        "F|contains: 'asb'",
        "F|contains: 'đê'",
        "F|contains|cased: 'aKb'",
        "F|endswith: 'i\u0307z'",
    ]
    found = values(tmp_path, items, [f"{around}{text}" for text in ("A\u212ab", "a\u017fb", "ĐÊ", "aKb", "\u0130Z")])
    assert found == [[0], [], [2], [0, 3], [4]]


def test_one_letter_of_another_alphabet(tmp_path: Path) -> None:
    """Half of SigmaHQ's short patterns are letters that look like ASCII; they are not tried on ASCII."""
    items = ["F|contains: ['\u0430', '\u2044']", "F|contains: a", "F|re: '\u0430'"]
    assert values(tmp_path, items, ["a/", "\u0430", "x\u2044", ""]) == [[1], [0, 2], [0], []]


def test_wildcards_side_by_side_and_escaped(tmp_path: Path) -> None:
    items = ["F: 'a**b'", "F: 'a?*b'", r"F: 'a\?b'", r"F: 'C:\\*\\x'", "F|contains: '*ab*'"]
    found = values(tmp_path, items, ["ab", "a-b", "a?b", r"c:\q\x", r"c:\x", "a\nb"])
    assert found == [[0, 4], [0, 1], [0, 1, 2], [3], [], [0, 1]]


def test_what_is_missing_null_or_empty(tmp_path: Path) -> None:
    items = ["F: null", "F: ''", "F|exists: true", "F|neq: ''"]
    events: list[dict[str, Any]] = [{}, {"F": None}, {"F": []}, {"F": ""}, {"F": "a"}, {"F": ["", "a"]}, {"F": [None]}]
    found = hits(tmp_path, [one(item) for item in items], [{"Channel": "x", **event} for event in events])
    assert found == [[0, 3], [0, 3], [0, 3], [1, 2], [2, 3], [1, 2], [0, 3]]


def test_the_memo_tells_keywords_apart(tmp_path: Path) -> None:
    """Events that are alike but for a keyword, and the keyword before and after the event without it."""
    detections = [one("F: 1"), "k: ['quoted \"text\" C:\\dir', sekurlsa]\ncondition: k\n"]
    said: list[dict[str, Any]] = [
        {},
        {"M": "a SEKURLSA"},
        {},
        {"M": 'x quoted "TEXT" c:\\dir'},
        {"M": ["sekur", "lsa"]},
        {"M": "sekur", "N": "lsa"},
    ]
    found = hits(tmp_path, detections, [{"Channel": "x", "F": 1, **each} for each in said])
    assert found == [[0], [0, 1], [0], [0, 1], [0], [0]]


def test_a_key_made_is_no_key_deleted(tmp_path: Path) -> None:
    """Sysmon has one event id for both."""
    event = {"Channel": SYSMON, "EventID": 12, "F": 1}
    events = [event | {"EventType": kind} for kind in ("CreateKey", "DeleteKey", "DeleteValue")]
    for category, expected in (("registry_add", [[0], [], []]), ("registry_delete", [[], [0], [0]])):
        assert hits(tmp_path, [one("F: 1")], events, f"{{product: windows, category: {category}}}") == expected


def test_one_start_of_a_process_told_by_two_logs_is_two_hits(tmp_path: Path) -> None:
    sysmon = {"Channel": SYSMON, "EventID": 1, "Image": "C:\\a.exe", "ParentImage": "C:\\p.exe"}
    security = {
        "Channel": "security",
        "EventID": "4688",
        "NewProcessName": "C:\\A.exe",
        "ParentProcessName": "C:\\p.exe",
    }
    found = hits(
        tmp_path,
        [one("Image|endswith: \\a.exe"), one("ParentImage|endswith: \\p.exe")],
        [sysmon, security, sysmon | {"EventID": 3}],
        "{product: windows, category: process_creation}",
    )
    assert found == [[0, 1], [0, 1], []]


def test_two_rules_ask_the_same_in_selections_of_other_meaning(tmp_path: Path) -> None:
    text = "a: {F: 1}\nb: {F: 1}\nc: {G: 2}\ncondition: (a and c) or (not b and not c)\n"
    events = [{"Channel": "x", **each} for each in ({"F": 1, "G": 2}, {"F": 1}, {"G": 2}, {})]
    assert hits(tmp_path, [text], events) == [[0], [], [], [0]]
