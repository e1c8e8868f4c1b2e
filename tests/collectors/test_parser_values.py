"""Values: conversion by type, addresses, flattening, related fields; any JSON at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.parser_values import (
    MAX_FIELDS,
    flatten,
    ip_text,
    put,
    put_address,
    relate,
    senders_name,
    to_long,
    to_text,
)
from core.event import Event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2", None),
        ("192.0.2.256", None),
        ("host.example", None),
        ("", None),
        ("1" * 100, None),
        ("\0:", None),
    ],
)
def test_addresses(text: str, expected: str | None) -> None:
    assert ip_text(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7), ("0x1F", 31), ("-115", -115), ("12.0", 12), (True, 1), (1.6, 2), ("x", None), ("9" * 30, None),
     (1 << 70, None), ("0xZZ", None), ("nan", None), ("inf", None), (None, None)],
)  # fmt: skip
def test_whole_numbers(value: Any, expected: int | None) -> None:
    assert to_long(value) == expected


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("source.port", "443", {"source.port": 443}),
        ("source.port", "https", {"kydai.unmapped": ["source.port=https"]}),
        ("source.ip", "db01", {"source.address": "db01", "source.domain": "db01"}),
        ("source.ip", "::1", {"source.ip": "::1"}),
        ("event.risk_score", "7.5", {"event.risk_score": 7.5}),
        ("event.risk_score", "nan", {"kydai.unmapped": ["event.risk_score=nan"]}),
        ("dll.code_signature.exists", "true", {"dll.code_signature.exists": True}),
        ("file.created", "2026-11-25T01:26:00+07:00", {"file.created": "2026-11-24T18:26:00.000000Z"}),
        ("user.name", 17, {"user.name": "17"}),
        ("user.name", False, {"user.name": "false"}),
        ("user.name", None, {}),
        ("related.ip", ["192.0.2.7", "x"], {"related.ip": ["192.0.2.7"], "kydai.unmapped": ["related.ip=x"]}),
    ],
)
def test_put(field: str, value: Any, expected: Event) -> None:
    out: Event = {}
    put(out, field, value)
    assert out == expected


def test_a_sentence_is_an_address_but_no_domain() -> None:
    out: Event = {}
    put_address(out, "source", "not a host")
    assert out == {"source.address": "not a host"}


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": None}, "d": [1, "x"], "e": [], "f": {}, "g": [[1, 2]]}) == {
        "a.b": 1,
        "d": [1, "x"],
        "g": ["[1,2]"],
    }
    assert flatten({"dns": {"answers": [{"data": "a", "ttl": 5}, {"data": "b"}]}}) == {
        "dns.answers.data": ["a", "b"],
        "dns.answers.ttl": [5],
    }


def test_flatten_is_bounded() -> None:
    out = flatten({f"k{i}": i for i in range(5 * MAX_FIELDS)})
    assert len(out) == MAX_FIELDS + 1
    assert out["kydai.unmapped"] == [f"{4 * MAX_FIELDS} more fields"]
    deep: dict[str, Any] = {}
    here = deep
    for _ in range(100):
        here["a"] = {}
        here = here["a"]
    here["b"] = 1
    assert len(flatten(deep)) == 1


def test_related() -> None:
    out: Event = {
        "source.ip": "192.0.2.7", "destination.ip": "192.0.2.7", "user.name": "a", "user.target.name": "b",
        "host.name": "h", "process.hash.md5": "ff",
    }  # fmt: skip
    relate(out)
    assert out["related.ip"] == ["192.0.2.7"]
    assert out["related.user"] == ["a", "b"]
    assert out["related.hosts"] == ["h"]
    assert out["related.hash"] == ["ff"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), JSON), st.sampled_from(["source.ip", "process.pid", "user.name", "file.created"]))
def test_any_json(document: dict[str, Any], field: str) -> None:
    out: Event = {}
    for value in flatten(document).values():
        assert not isinstance(value, dict)
        put(out, field, value)
    relate(out)


def nested(levels: int) -> dict[str, Any]:
    deep: dict[str, Any] = {"b": 1}
    for _ in range(levels):
        deep = {"a": deep}
    return deep


@pytest.mark.parametrize("levels", [30, 400])
def test_what_nests_deeper_is_kept_as_json(levels: int) -> None:
    ((name, text),) = flatten(nested(levels)).items()
    assert isinstance(text, str)
    assert json.loads(text) == nested(levels - name.count("a"))


def test_what_nests_too_deep_to_write_is_counted() -> None:
    assert flatten({"x": nested(5000)}) == {"kydai.unmapped": ["1 more fields"]}


def test_whole_numbers_of_any_size_are_exact_in_nested_text() -> None:
    assert to_text([[2**70]]) == f"[[{2**70}]]"


def test_an_array_with_nulls_says_so() -> None:
    assert flatten({"a": [1, None, 3], "b": [None]}) == {"a": [1, 3], "kydai.unmapped": ["a=[1,null,3]", "b=[null]"]}


def test_a_senders_own_unmapped_is_not_ours() -> None:
    assert flatten({"kydai": {"unmapped": "x"}, "a": [None]}) == {
        "sender.kydai.unmapped": "x",
        "kydai.unmapped": ["a=[null]"],
    }


def test_notes_add_up() -> None:
    out: Event = {"kydai.unmapped": ["a"]}
    put(out, "kydai.unmapped", ["b"])
    assert out["kydai.unmapped"] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("event.id", "kydai.sender_id"), ("event.created", "sender.event.created"), ("_id", "json._id"),
        ("kydai.system", "sender.kydai.system"), ("event.kind", "event.kind"),
    ],
)  # fmt: skip
def test_where_a_senders_field_stays(name: str, expected: str) -> None:
    assert senders_name(name) == expected
