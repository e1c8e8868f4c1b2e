"""Steps: key=value, CSV, JSON, times; what has no place is kept."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.parser_contract import Record
from collectors.parser_steps import step, time_step

MAP = {"who": "user.name", "port": "source.port", "src": {"to": "source", "as": "address"}, "both": ["a.one", "a.two"]}


def run(spec: dict[str, Any], text: str, document: dict[str, Any] | None = None) -> dict[str, Any] | None:
    out: dict[str, Any] = {}
    apply = step(spec, "message", MAP, "p.", frozenset("-"))
    return out if apply(out, Record(text, text, None, document, 1_795_000_000_000_000, "UTC")) else None


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ({"kv": {}}, 'who=an port=7 x="a b" y= z=-', {"user.name": "an", "source.port": 7, "p.x": "a b"}),
        ({"kv": {}}, r'a="say \"hi\"" b=C:\\x', {"p.a": 'say "hi"', "p.b": "C:\\x"}),
        ({"kv": {}}, "src=192.0.2.7 src2=x", {"source.ip": "192.0.2.7", "p.src2": "x"}),
        ({"kv": {}}, "both=1 b=2", {"a.one": "1", "a.two": "1", "p.b": "2"}),
        ({"kv": {}}, "port=many b=2", {"kydai.unmapped": ["source.port=many"], "p.b": "2"}),
        ({"kv": {}}, "x=1 x=2", {"p.x": "1", "kydai.unmapped": ["p.x=2"]}),
        ({"kv": {}}, "only=1", None),
        ({"kv": {"separator": ","}}, "who=an , b=c d, e=f", {"user.name": "an", "p.b": "c d", "p.e": "f"}),
        ({"csv": {"columns": ["who", "", "port"]}}, 'an,"x,y",7,more', {"user.name": "an", "source.port": 7,
                                                                       "p.column4": "more"}),
        ({"csv": {"columns": ["who", "port"], "at_least": 1}}, "an", {"user.name": "an"}),
        ({"csv": {"columns": ["who", "port"]}}, "an", None),
        ({"csv": {"columns": ["who"]}}, '"an\nbình"', {"user.name": "an\nbình"}),
        ({"regex": "(?<user.name>.+)", "on": "nothing"}, "x", None),
        ({"regex": "(?<user.name>.+)", "on": "nothing", "optional": True}, "x", {}),
        ({"json": {}}, "x", None),
        ({"json": {}, "optional": True}, "x", {}),
    ],
)  # fmt: skip
def test_steps(spec: dict[str, Any], text: str, expected: dict[str, Any] | None) -> None:
    assert run(spec, text) == expected


def test_json() -> None:
    document = {"who": "an", "port": 7, "nested": {"x": True}, "list": [1, "b"]}
    assert run({"json": {}}, "{}", document) == {
        "user.name": "an", "source.port": 7, "p.nested.x": "true", "p.list": ["1", "b"],
    }  # fmt: skip


def test_times() -> None:
    record = Record("", "", None, None, 1_795_000_000_000_000, "UTC")
    apply = time_step({"from": ["_day", "_clock"], "format": ["epoch", "%Y-%m-%d %H:%M:%S"]})
    out: dict[str, Any] = {"_day": "2026-11-25", "_clock": "01:26:00"}
    assert apply(out, record)
    assert out == {"@timestamp": 1_795_569_960_000_000}
    out = {"_day": "some", "_clock": "day"}
    assert apply(out, record)
    assert out == {"_day": "some", "_clock": "day"}
    keep = time_step({"from": "t", "format": "epoch", "keep": True})
    out = {"t": "1795569960"}
    assert keep(out, record)
    assert out == {"t": "1795569960", "@timestamp": 1_795_569_960_000_000}
