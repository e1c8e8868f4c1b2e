"""Query texts: every example of docs/query-language.md, trees, errors with their place, bounds, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.event import Event
from core.query.language import MAX_CONDITIONS, MAX_DEPTH, MAX_TEXT, parse
from core.query.problems import QueryError
from core.query.to_match import compile_match
from core.query.tree import (
    TRUE,
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Wild,
    fields_of,
)
from tests.core.query.documented import NOW, examples

MANY = Wild.MANY
a, b, c = Equals("a", "1"), Equals("b", "2"), Equals("c", "3")


def read(text: str) -> Node:
    return parse(text, now=NOW)


@pytest.mark.parametrize(("query", "event", "found"), examples())
def test_examples_of_the_document(query: str, event: Event, found: bool) -> None:
    assert compile_match(read(query))(event) is found


def test_the_document_has_its_examples() -> None:
    assert len(examples()) > 90


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("", TRUE),
        ("  ", TRUE),
        ("a:1 and b:2 or c:3", Or((And((a, b)), c))),
        ("a:1 b:2 || c:3", Or((And((a, b)), c))),
        ("a:1 and (b:2 or c:3)", And((a, Or((b, c))))),
        ("not not a:1", a),
        ("NOT a:1 AND b:2", And((Not(a), b))),
        ("not (a:1 b:2)", Not(And((a, b)))),
        ("a :1", a),
        ("a:(1 or not 2)", Or((a, Not(Equals("a", "2"))))),
        ("a:((1))", a),
        ("a!=1", Not(a)),
        ("android: x", Equals("android", "x")),
        ("or.x: 1", Equals("or.x", "1")),
        ('"and": x', Equals("and", "x")),
        ("message: x", Phrase("message", "x")),
        ('message: "->"', Like("message", (MANY, "->", MANY), Comparison.FOLD)),
        ("message: a*b", Like("message", (MANY, "a", MANY, "b", MANY), Comparison.FOLD)),
        ("message == x", Equals("message", "x", Comparison.EXACT)),
        ("rule.name: x", Equals("rule.name", "x", Comparison.FOLD)),
        ("source.ip: 10.1.2.3/8", Cidr("source.ip", ip_network("10.0.0.0/8"))),
        ('a: "10.0.0.0/8"', Equals("a", "10.0.0.0/8")),
        ("a: /x y/", Regex("a", r"\A(?:x y)\z", Comparison.CI, dotall=True)),
        ("message: /x/", Regex("message", r"\A(?:x)\z", Comparison.FOLD, dotall=True)),
        ("a: \\\\server\\\\share", Equals("a", "\\server\\share")),
        ("a: x\\*y*", Like("a", ("x*y", MANY))),
        ("a: **", Exists("a")),
        ("destination.port > 5.5", Range("destination.port", gt=5.5)),
        ("destination.port:{1 TO 5]", Range("destination.port", gt=1, lte=5)),
        ('a: ["1" TO *]', Range("a", gte=1)),
        ("source.ip >= 10.0.0.1", Range("source.ip", gte="10.0.0.1")),
    ],
)
def test_trees(text: str, node: Node) -> None:
    assert read(text) == node


def test_a_value_may_begin_with_an_escape() -> None:
    assert read(r"user.name: \-") == read(r"user.name:\-") == read('user.name: "-"')
    assert "message" in fields_of(read(r"C:\-x"))


@pytest.mark.parametrize(
    "text",
    ["http://evil.example/x?a=1", "C:\\Windows", "12:30:05", "00:11:22:aa:bb:cc", "2001:db8::/32", "fe80::1%eth0"],
)
def test_a_value_with_colons_is_no_field(text: str) -> None:
    assert "message" in fields_of(read(text))


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ('user.name: "root', 11, "quote opened here"),
        ("user.name: (root or admin", 11, ") was expected"),
        ("user.name:", 10, "value for user.name"),
        ("a and and b", 6, "and cannot stand here"),
        ("a or", 4, "ends here"),
        ("(", 1, "ends here"),
        (")", 0, ") cannot stand here"),
        ("a: 1)", 4, ") cannot stand here"),
        ("source.ip: abc", 11, "abc is no address"),
        ("source.ip > 5", 12, "5 is no address"),
        ("destination.port: https", 18, "https is not one"),
        ("destination.port: 4.5", 18, "whole numbers"),
        ("a > x", 4, "x is not one"),
        ("kydai.replay: maybe", 14, "true or false"),
        ("kydai.replay > true", 15, "greater and less"),
        ("@timestamp > yesterday", 13, "yesterday is no time"),
        ("@timestamp: 2026*", 12, "no time"),
        ("@timestamp >= 2026-02-30", 14, "no time"),
        ("destination.port ~ 5", 19, "no words"),
        ("a: [1 TO", 3, "range is written"),
        ("a: [1 TO 5", 3, "] was expected"),
        ("a: [* TO *]", 3, "no bound"),
        ("a: /(/", 3, "missing )"),
        ("a: /(?=x)/", 3, "cannot be used"),
        ("a: /x)(y/", 3, "cannot be used"),
        ("word~2", 4, "no ~2"),
        ("word^3.5", 4, "no ^3.5"),
        ('"two words"~3', 11, "no ~3"),
        ("a: AND b", 3, "AND joins conditions"),
        ("a: or", 3, "or joins conditions"),
        ("a: (x or not)", 9, "not joins conditions"),
        ("a: && b", 3, "&& joins conditions"),
        ("a: b and c: not", 12, "not joins conditions"),
        ("a: [5 TO 1]", 4, "Nothing lies between 5 and 1"),
        ("a: [5 TO 5}", 4, "Nothing lies between 5 and 5"),
        ("destination.port: {80 TO 22}", 19, "Nothing lies between 80 and 22"),
        ("source.ip: [10.0.0.9 TO 9.255.255.255]", 12, "Nothing lies"),
        ("@timestamp: [2026-11-25 TO 2026-11-24]", 13, "Nothing lies"),
        ("@timestamp: [now TO now-1h}", 13, "Nothing lies"),
        ('source.ip: "2001:db8::/200"', 11, "2001:db8::/200 is no address, no network"),
        ('source.ip: "10.0.0.0/33"', 11, "no network"),
        ('source.ip: "10.0.0.300/8"', 11, "no network"),
        ("nosuch.*: 1", 0, "No field has a name like"),
        ("*e*: 1", 0, "at most 200"),
        ("source.*: [1 TO", 10, "range is written"),
        ("dns.answers: {data: x", 13, "} was expected"),
    ],
)
def test_errors_say_where_and_what(text: str, position: int, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        read(text)
    assert caught.value.position == position
    assert words in caught.value.message
    assert caught.value.said is not None
    assert caught.value.said["vi"] != caught.value.said["en"]


def test_unknown_fields_are_told_when_the_known_are_given() -> None:
    with pytest.raises(QueryError) as caught:
        parse("a: 1 and sorce.ip: 10.0.0.1", now=NOW, known=["a"])
    assert (caught.value.position, caught.value.near[0]) == (9, "source.ip")
    with pytest.raises(QueryError, match="no field qqqq"):
        parse("qqqq: 1", now=NOW, known=[])
    assert parse("a: 1", now=NOW, known=["a"]) == a
    assert parse('"sorce ip": 1', now=NOW, known=[]) == Equals("sorce ip", "1")


def test_free_text_fields_are_the_callers() -> None:
    assert parse("x", now=NOW, free_text=["message"]) == Or((Phrase("message", "x"),))


def test_zones() -> None:
    assert parse("@timestamp >= 2026-11-24", now=NOW, zone="UTC") == Range(
        "@timestamp", gte="2026-11-24T00:00:00.000000Z"
    )


@pytest.mark.parametrize(
    "text",
    [
        "x" * (MAX_TEXT + 1),
        "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1),
        "not " * (MAX_DEPTH + 1) + "a",
        "-" * 60 + "a",
        "(" * 30_000,
        "a:" + "(" * 30_000,
        " or ".join(["a:1"] * (MAX_CONDITIONS + 1)),
        "\ud800",
    ],
)
def test_bounds(text: str) -> None:
    with pytest.raises(QueryError):
        read(text)


def test_a_long_list_of_addresses_is_read() -> None:
    text = "source.ip: (" + " or ".join(f"10.0.{i // 256}.{i % 256}" for i in range(3000)) + ")"
    match = compile_match(read(text))
    assert match({"source.ip": "10.0.3.7"})
    assert not match({"source.ip": "10.9.3.7"})


@given(st.text(alphabet='ab:*?"()[]{}\\/<>=~!+-.& |1 TOornotnd@\n', max_size=40))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    try:
        node = read(text)
    except QueryError as error:
        assert 0 <= error.position <= len(text)
        assert error.pretty("vi")
        return
    compile_match(node)({"a": "b", "message": "ab"})


def test_many_threads_may_parse() -> None:
    texts = [f'(user.name: u{i} or message: "a {i}") and not source.ip: 10.0.0.{i}' for i in range(50)] * 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, texts)) == [read(text) for text in texts]
