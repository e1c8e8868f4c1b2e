"""YAML of rules: plain data only, bounded, with the place of what is wrong."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from detections.strict_yaml import MAX_BYTES, child, documents, items_of, key_node, place_of, value_of

BOMB = "a: &a [x, x]\n" + "\n".join(f"{c}: &{c} [*{p}, *{p}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True))


def test_values_and_lines() -> None:
    found = documents(b"title: T\ndetection:\n  s:\n    - a\n    - 2\n---\nx: null\n", "r.yml")
    assert [document.value for document in found] == [
        {"title": "T", "detection": {"s": ["a", 2]}},
        {"x": None},
    ]
    assert [document.line for document in found] == [1, 7]
    key = key_node(found[0].node, "detection")
    assert key is not None
    assert str(place_of(key, "r.yml")) == "r.yml:2:1"
    assert str(place_of(key, "r.yml", 3)) == "r.yml:2:4"
    assert key_node(found[0].node, "nothing") is None
    selection = child(child(found[0].node, "detection"), "s")
    second = child(selection, 1)
    assert isinstance(second, yaml.ScalarNode)
    assert second.start_mark.line + 1 == 5
    assert child(selection, "nothing") is None


def test_items_are_what_no_mapping_stands_under() -> None:
    (found,) = documents(b"a:\n  - b: 1\n    c: [x, y]\n  - [{d: 2}]\ne: [p]\n", "r.yml")
    items = [(key.value, value_of(value, "r.yml")) for key, value in items_of(found.node)]
    assert items == [("b", 1), ("c", ["x", "y"]), ("d", 2), ("e", ["p"])]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("a: 1\na: 2\n", 2, "twice", id="duplicate key"),
        pytest.param("a: &x 1\nb: *x\n", 1, "aliases", id="alias of a scalar"),
        pytest.param(BOMB, None, "aliases", id="billion laughs"),
        pytest.param("a: !!python/object:os.system x\n", 1, "tag", id="python tag"),
        pytest.param("a: !own x\n", 1, "tag", id="own tag"),
        pytest.param("<<: {a: 1}\n", 1, "tag", id="merge key"),
        pytest.param("a: [1, 2\nb: 3\n", 2, "not YAML", id="unclosed list"),
        pytest.param("? [a, b]\n: 1\n", 1, "key", id="list as key"),
        pytest.param("[" * 5000, 1, "not YAML", id="nested by thousands"),
        pytest.param("a: " + "[" * 25 + "]" * 25, 1, "deeper", id="nested too deep"),
        pytest.param("a: 2024-99-99\n", 1, "timestamp", id="no date"),
    ],
)
def test_refuses(text: str, line: int | None, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        documents(text.encode(), "r.yml")
    assert caught.value.place is not None
    assert caught.value.place.file == "r.yml"
    if line is not None:
        assert caught.value.place.line == line


def test_refuses_large_and_foreign_bytes() -> None:
    with pytest.raises(BadInput, match="at most"):
        documents(b"a" * (MAX_BYTES + 1), "r.yml")
    with pytest.raises(BadInput, match="not YAML"):
        documents(b"a: \xc3\x28", "r.yml")


@given(st.binary(max_size=300))
def test_foreign_bytes_give_values_or_bad_input(data: bytes) -> None:
    try:
        documents(data, "r.yml")
    except BadInput as error:
        assert error.place is not None
