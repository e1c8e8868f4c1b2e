"""Every modifier of the Sigma specification, from the text of a rule to what the engine says of values."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from detections.engine import Engine
from detections.explain import binding_of, explain
from detections.ruleset import RuleSource, load
from detections.shapes import Shape
from tests.detections import naive
from tests.detections.sigma_samples import rule_text

MISSING = object()
"""In the place of a value: the event has no such field."""


class Row(NamedTuple):
    """What stands in the rule, and the values of ``F`` that meet it and do not."""

    asked: str
    match: list[Any]
    no_match: list[Any]


def utf16(text: str, encoding: str = "utf-16-le") -> str:
    return b64encode(text.encode(encoding)).decode()


def offsets(text: str | bytes) -> list[str]:
    """A text in base64 behind none, one and two bytes of something else."""
    data = text.encode() if isinstance(text, str) else text
    return [b64encode(b"\x01" * before + data + b"\x02\x03").decode() for before in range(3)]


ROWS = [
    # no modifier: the whole value, whatever the case
    Row("F: Ab", ["ab", "AB", ["x", "aB"]], ["abc", "", None, MISSING, []]),
    Row("F: [a, b]", ["A", "b"], ["c", "ab"]),
    Row("F: 'a*c'", ["ac", "aXYc", "A\nC"], ["acd", "bac"]),
    Row("F: 'a?c'", ["abc", "A-C"], ["ac", "abbc"]),
    Row(r"F: 'a\*c'", ["a*c"], ["abc", "ac"]),
    Row(r"F: 'a\\*c'", [r"a\c", r"a\bc"], ["abc"]),
    Row("F: '*'", ["", "x", 0, False], [None, MISSING, []]),
    Row("F: 42", [42, "42", 42.0, ["x", 42]], [43, "420", "42.0", MISSING]),
    Row("F: -1.5", [-1.5, "-1.5"], [1.5, -1]),
    Row("F: true", [True, "true", "TRUE"], [False, 1, "1", MISSING]),
    Row("F: ''", [""], [" ", None, MISSING]),
    Row("F: null", [None, MISSING, []], ["", "null", 0]),
    Row("F: [null, a]", [None, MISSING, "a"], ["", "b"]),
    Row("F: 12345678901234567890", [12345678901234567890, "12345678901234567890"], [12345678901234567891]),
    Row("F: 2026-11-25", ["2026-11-25"], ["2026-11-26", "2026-11-25 00:00:00"]),
    Row("F: 12:30", ["12:30"], [750]),
    # parts of a text, with wildcards inside them, too
    Row("F|contains: ell", ["hello", "ELL", ["x", "yELLy"]], ["el", MISSING]),
    Row("F|contains: 'a*b'", ["xaYYby", "AB"], ["ba", "a"]),
    Row("F|contains: 'a?b'", ["xaYby"], ["ab", "aYYb"]),
    Row("F|contains: 4.10", ["v4.10.2", "4.10"], ["4.1", 4.1]),
    Row("F|contains: 0x1F", ["0x1f"], [31, "31"]),
    Row("F|startswith: [42, true, 2026-11]", [421, "42", True, "2026-11-25"], [142, "false"]),
    Row("F|contains|all: [a, b]", ["ab", "b and A", ["ab"], ["a", "b"]], ["a", ["b", "c"]]),
    Row("F|startswith: he", ["hello", "HE"], ["the", MISSING]),
    Row("F|startswith: 'a*b'", ["aXXbc", "abz"], ["xab", "a"]),
    Row("F|startswith: 'a?b'", ["aXbc"], ["abc"]),
    Row("F|endswith: lo", ["hello", "LO"], ["low", MISSING]),
    Row("F|endswith: 'a*b'", ["xaYYb", "ab"], ["abx", "b"]),
    Row("F|endswith: 'a?b'", ["xaYb"], ["xab"]),
    Row("F|all: ['*a*', '*b*']", ["ab", ["a", "b"]], ["a", "b"]),
    # case
    Row("F|cased: Ab", ["Ab"], ["ab", "AB", MISSING]),
    Row("F|contains|cased: Ab", ["xAbx"], ["xabx"]),
    Row("F|startswith|cased: Ab", ["Abx"], ["abx", "xAb"]),
    Row("F|endswith|cased: Ab", ["xAb"], ["xab", "Abx"]),
    Row("F|contains|cased: 'A*b'", ["xA..bx"], ["xa..bx", "xA..Bx"]),
    Row("F|contains|all|cased: [A, b]", ["Ab"], ["AB", "ab"]),
    # regular expressions
    Row("F|re: 'a.b'", ["xa-bx"], ["XA-BX", "ab", "a\nb", MISSING]),
    Row("F|re: '^a.b$'", ["a-b"], ["xa-b", "a-bx", "a-b\nx"]),
    Row("F|re|i: '^a.b$'", ["A-B", "a-b"], ["ab"]),
    Row("F|re|m: '^b$'", ["a\nb\nc", "b"], ["a\nbc", "B"]),
    Row("F|re|s: 'a.b'", ["a\nb"], ["A\nB"]),
    Row("F|re|i|m|s: '^a.b$'", ["x\nA\nB\ny"], ["xA\nB"]),
    Row("F|re: ['^a', 'z$']", ["ab", "yz"], ["ba"]),
    Row("F|re|all: ['^a', 'z$']", ["abz"], ["ab", "yz"]),
    Row("F|re: 42", ["x42", 420], ["4 2"]),
    Row("F|re|neq: '^a'", ["ba", MISSING], ["ab", ["x", "ab"]]),
    # networks
    Row("F|cidr: 192.0.2.0/24", ["192.0.2.1", ["x", "192.0.2.255"], "::ffff:192.0.2.9"], ["192.0.3.1", "x", MISSING]),
    Row("F|cidr: 2001:db8::/32", ["2001:db8::1", "2001:DB8:0:0::1"], ["2001:db9::1", "192.0.2.1"]),
    Row("F|cidr: [10.0.0.0/8, fe80::/10]", ["10.1.2.3", "fe80::1"], ["11.0.0.1", "ff80::1"]),
    Row("F|cidr: 0.0.0.0/0", ["203.0.113.9"], ["::1", "host"]),
    # numbers
    Row("F|gt: 5", [6, "6", 5.5, ["x", 7]], [5, "5", "x", "", MISSING]),
    Row("F|gte: 0", ["0", "1e3"], ["inf", "infinity", "nan", "1_0", " 1", True]),
    Row("F|gte: 5", [5, "5", 6], [4, 4.9, None]),
    Row("F|lt: 5", [4, "-1", 4.9], [5, 6, "x", MISSING]),
    Row("F|lte: 5", [5, "5.0", 4], [6, 5.1, MISSING]),
    Row("F|gt: 1.5", [1.6, 2], [1.5, 1]),
    Row("F|lt: [1, 100]", [50], [100]),
    # not equal: no member is, and what is missing is not either
    Row("F|neq: Ab", ["b", "", MISSING, None, ["x", "y"]], ["ab", ["x", "AB"]]),
    Row("F|neq: 5", [6, MISSING], [5, "5"]),
    Row("F|neq: [a, b]", ["c", MISSING], ["a", "B"]),
    Row("F|contains|neq: ell", ["low", MISSING], ["hello"]),
    Row("F|cidr|neq: 10.0.0.0/8", ["11.0.0.1", "x", MISSING], ["10.1.1.1", ["11.0.0.1", "10.0.0.1"]]),
    Row("F|fieldref|neq: G", ["x", MISSING], ["ABC"]),
    # in the order in which they stand: each value is another; not all values are there
    Row("F|neq|all: [a, b]", ["c", MISSING], ["a", "b"]),
    Row("F|contains|all|neq: [a, b]", ["a", "b", MISSING], ["ab"]),
    Row("F|exists: true", ["", 0, "x", False], [None, MISSING, []]),
    Row("F|exists: false", [None, MISSING, []], ["", 0, "x"]),
    # encodings
    Row("F|base64: foobar", [b64encode(b"foobar").decode()], ["foobar", b64encode(b"xfoobar").decode()]),
    Row("F|base64|contains: foobar", ["x " + b64encode(b"foobar").decode()], ["foobar"]),
    Row("F|base64offset|contains: /bin/bash", offsets("/bin/bash"), ["/bin/bash", *offsets("/bin/dash")]),
    Row("F|base64offset|contains: 'Trần'", offsets("Trần"), ["Trần", *offsets("Tran")]),
    *(
        Row(
            f"F|{name}|base64offset|contains: '{text}'",
            offsets(text.encode(encoding)),
            [text, *offsets(text), *offsets(text[1:].encode(encoding))],
        )
        for name, encoding in (("wide", "utf-16-le"), ("utf16le", "utf-16-le"), ("utf16be", "utf-16-be"))
        for text in ("ping", "Trần é")
    ),
    Row("F|utf16|base64offset|contains: ping", [utf16("ping", "utf-16")], [utf16("ping"), "ping"]),
    Row("F|wide|base64: ab", [utf16("ab")], ["ab"]),
    Row("F|utf16|base64: ab", [utf16("ab", "utf-16")], [utf16("ab")]),
    # options
    Row("F|windash|contains: ' -p '", [" -p ", " /p ", " \u2013p ", " \u2014p ", " \u2015p "], [" p ", " +p "]),
    Row("F|windash|contains|all: [' -a', ' -b']", ["x -a /b", "x /a \u2013b"], ["x -a", "x /b"]),
    Row("F|contains|windash: '-p'", ["x/p", "x-p"], ["xp"]),
    Row("F|windash|contains: ' \u2013p'", [" -p", " /p", " \u2015p"], [" p"]),
    Row("F|windash: '-a-b*-c'", ["/a-bx\u2014c", "-a-b-c"], ["/a/b-c"]),
    Row("F|expand|windash|contains: ' -%hosts%'", [" /dc1", " -DC2"], ["/dc1", " -dc3"]),
    # times
    Row("F|minute: 5", ["2026-11-25T07:05:59Z"], ["2026-11-25T07:06:00Z", "x", MISSING]),
    Row("F|hour: 23", ["2026-11-25T23:00:00Z", "2026-11-26T06:30:00+07:00"], ["2026-11-25T22:59:59Z", ""]),
    Row("F|day: 25", ["2026-11-25T00:00:00Z"], ["2026-11-26T00:00:00Z"]),
    Row("F|week: 1", ["2026-01-01T00:00:00Z", "2024-12-30T00:00:00Z"], ["2026-01-05T00:00:00Z"]),
    Row("F|month: 11", ["2026-11-30T23:59:59Z"], ["2026-12-01T00:00:00Z"]),
    Row("F|year: 2026", ["2026-01-01T00:00:00Z"], ["2025-12-31T23:59:59Z"]),
    Row("F|hour: [22, 23]", ["2026-11-25T22:00:00Z", "2026-11-25T23:00:00Z"], ["2026-11-25T21:00:00Z"]),
    Row("F|hour|gte: 22", ["2026-11-25T22:00:00Z", "2026-11-25T23:59:59Z"], ["2026-11-25T21:59:59Z", "x", MISSING]),
    Row("F|hour|lt: 1", ["2026-11-25T00:59:59Z"], ["2026-11-25T01:00:00Z"]),
    Row("F|minute|gt: 58", ["2026-11-25T07:59:00Z"], ["2026-11-25T07:58:59Z"]),
    Row("F|week|lte: 2", ["2026-01-05T00:00:00Z"], ["2026-01-12T00:00:00Z"]),
    Row("F|hour|gte|neq: 22", ["2026-11-25T21:59:59Z", MISSING], ["2026-11-25T22:00:00Z"]),
    # another field (G is “Abc”)
    Row("F|fieldref: G", ["abc", ["x", "ABC"]], ["abcd", "", MISSING]),
    Row("F|fieldref|contains: G", ["xABCx", "abc"], ["ab", MISSING]),
    Row("F|fieldref|startswith: G", ["abcX"], ["xabc", MISSING]),
    Row("F|fieldref|endswith: G", ["Xabc"], ["abcx", MISSING]),
    Row("F|fieldref|cased: G", ["Abc", ["x", "Abc"]], ["abc", MISSING]),
    Row("F|cased|fieldref|endswith: G", ["XAbc"], ["Xabc", "Abcx"]),
    Row("F|fieldref: none", [], ["abc", "", MISSING]),
    # values of the site
    Row("F|expand: '%hosts%'", ["DC1", "dc2"], ["dc3", "%hosts%"]),
    Row("F|expand|contains: 'x%hosts%y'", ["..xDC1y.."], ["dc1"]),
]  # fmt: skip


def judged(folder: Path, detection: str, event: dict[str, Any]) -> bool:
    """Whether the rule matches: the engine, the plain evaluator and the reasons must say the same."""
    (folder / "r.yml").write_text(rule_text(1, detection, "{product: other}"), encoding="utf-8")
    ruleset = load([RuleSource(folder / "r.yml", "own")], placeholders={"hosts": ["dc1", "dc2"]})
    assert not ruleset.errors, ruleset.errors
    assert not ruleset.blind
    binding = binding_of(Shape.PLAIN)
    (hits,) = Engine(ruleset, binding).judge([event])
    assert naive.judge(ruleset, binding, event) == hits
    assert bool(explain(ruleset.rules[0], event)) <= bool(hits)
    return bool(hits)


def event_with(value: Any) -> dict[str, Any]:
    return {"G": "Abc", **({} if value is MISSING else {"F": value})}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.asked)
def test_modifier(tmp_path: Path, row: Row) -> None:
    for values, wanted in ((row.match, True), (row.no_match, False)):
        for value in values:
            assert judged(tmp_path, f"s:\n  {row.asked}\ncondition: s\n", event_with(value)) is wanted, value


DETECTIONS = [
    ("k: [mimikatz, 'a*z']\ncondition: k\n", [{"F": "xMIMIKATZ"}, {"G": ["q", ".a--z."]}], [{"F": "mimi", "G": "kat"}]),
    ("k:\n  '|all': [aa, bb]\ncondition: k\n", [{"F": "aa", "G": "bb"}], [{"F": "aa"}]),
    ("k: [4625]\ncondition: k\n", [{"F": "id 4625"}, {"F": 4625}], [{"F": 462}]),
    ("k:\n  '|re': 'a\\d+'\ncondition: k\n", [{"F": "xa12"}], [{"F": "xA12"}]),
    ("s:\n  - F: a\n    G: b\n  - H: c\ncondition: s\n", [{"F": "A", "G": "B"}, {"H": "c"}], [{"F": "a"}, {"G": "b"}]),
    ("a1: {F: 1}\na2: {G: 2}\n_b: {H: 3}\ncondition: 1 of a*\n", [{"F": 1}, {"G": 2}], [{"H": 3}]),
    ("a1: {F: 1}\na2: {G: 2}\n_b: {H: 3}\ncondition: all of a*\n", [{"F": 1, "G": 2}], [{"F": 1}, {"G": 2}]),
    ("a1: {F: 1}\n_b: {H: 3}\ncondition: 1 of them\n", [{"F": 1}], [{"H": 3}]),
    ("a1: {F: 1}\nb: {G: 2}\n_b: {H: 3}\ncondition: all of them\n", [{"F": 1, "G": 2}], [{"F": 1, "H": 3}]),
    ("a: {F: 1}\nb: {G: 2}\nc: {H: 3}\ncondition: a and not (b or c)\n", [{"F": 1}], [{"F": 1, "G": 2}, {"H": 3}]),
    ("a: {F: 1}\nb: {G: 2}\nc: {H: 3}\ncondition: a or b and c\n", [{"F": 1}, {"G": 2, "H": 3}], [{"G": 2}]),
    ("a: {F: 1}\nb: {G: 2}\ncondition: [a, b]\n", [{"F": 1}, {"G": 2}], [{"H": 1}]),
    ("a: {F: 1}\nb: {G: 2}\ncondition: [a and b, not a and not b]\n", [{"F": 1, "G": 2}, {"H": 1}], [{"F": 1}]),
    ("s: {F.g.h: 1}\ncondition: s\n", [{"F.g.h": 1}], [{"h": 1}]),
]  # fmt: skip


@pytest.mark.parametrize(("detection", "match", "no_match"), DETECTIONS, ids=[each[0] for each in DETECTIONS])
def test_shape_of_a_detection(
    tmp_path: Path, detection: str, match: list[dict[str, Any]], no_match: list[dict[str, Any]]
) -> None:
    for events, wanted in ((match, True), (no_match, False)):
        for event in events:
            assert judged(tmp_path, detection, event) is wanted, event
