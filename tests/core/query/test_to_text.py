"""Trees shown as query texts, which read back as the same meaning."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from core.event import Event
from core.query.language import parse
from core.query.problems import QueryError
from core.query.to_match import compile_match
from core.query.to_text import explain_text
from core.query.tree import (
    FALSE,
    TRUE,
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Wild,
)
from tests.core.query.worlds import events, nodes

MANY, EXACT, FOLD = Wild.MANY, Comparison.EXACT, Comparison.FOLD
NOW = 1_764_000_000_000_000


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (TRUE, "*"),
        (FALSE, "not *"),
        (Equals("user.name", "root"), "user.name: root"),
        (Equals("user.name", "ng van a"), 'user.name: "ng van a"'),
        (Equals("user.name", "root", EXACT), "user.name == root"),
        (Equals("message", "x"), "message = x"),
        (Equals("rule.name", "x", FOLD), "rule.name: x"),
        (Equals("rule.name", "x"), "rule.name = x"),
        (Equals("we ird", "or"), '"we ird": "or"'),
        (Equals("destination.port", 443), "destination.port: 443"),
        (Equals("destination.port", "https"), '⟨destination.port: "https"⟩'),
        (Equals("source.ip", "2001:db8::1"), 'source.ip: "2001:db8::1"'),
        (Like("process.executable", (MANY, "\\cmd.exe")), "process.executable: *\\\\cmd.exe"),
        (Like("message", (MANY, "a b", MANY), FOLD), "message: *a\\ b*"),
        (Like("message", (MANY, "a"), EXACT), "message == *a"),
        (Phrase("message", "a b"), 'message ~ "a b"'),
        (Regex("x", r"\A(?:a/b)\z", Comparison.CI, dotall=True), "x: /a\\/b/"),
        (Regex("x", "^a"), "x == /(?s:.*)(?-s:^a)(?s:.*)/"),
        (Cidr("source.ip", ip_network("10.0.0.0/8")), "source.ip: 10.0.0.0/8"),
        (Range("destination.port", gte=1, lt=1024), "destination.port: [1 TO 1024}"),
        (Range("destination.port", gt=5), "destination.port > 5"),
        (Exists("user.name"), "user.name: *"),
        (Or((Equals("a", "x"), Exists("b"), Equals("a", "y z"))), 'a: (x or "y z") or b: *'),
        (Not(Or((Equals("a", "x", EXACT), Equals("a", "y", EXACT)))), "not a == (x or y)"),
        (And((Phrase("message", "a b"), Phrase("message", "c"))), 'message ~ ("a b" and "c")'),
        (Cidr("message", ip_network("10.0.0.0/8")), "⟨message in 10.0.0.0/8⟩"),
        (FieldEquals("a", "b"), "⟨a equals b ci⟩"),
        (
            And((Equals("a", "x"), Or((Equals("b", "y"), Not(Exists("c")))), Not(And((Exists("d"), Exists("e")))))),
            "a: x and (b: y or not c: *) and not (d: * and e: *)",
        ),
    ],
)
def test_explain_text(node: Node, text: str) -> None:
    assert explain_text(node) == text


def test_what_no_operator_says_is_refused_when_read_back() -> None:
    with pytest.raises(QueryError):
        parse(explain_text(Or((FieldEquals("a", "b"), Exists("c")))), now=NOW)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(documents=st.lists(events, min_size=1, max_size=15), node=nodes)
def test_the_text_means_the_same(documents: list[Event], node: Node) -> None:
    text = explain_text(node)
    assume("⟨" not in text)
    before, after = compile_match(node), compile_match(parse(text, now=NOW))
    for event in documents:
        assert before(event) == after(event), text
