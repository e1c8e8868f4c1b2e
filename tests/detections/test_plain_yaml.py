"""What is read of plain YAML is what the thorough reader reads; what is not plain is left to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BadInput
from detections.plain_yaml import OddError, plain_document
from detections.strict_yaml import child, documents


def read_alike(text: str) -> bool:
    """Whether a text is left, or read as the thorough reader reads it."""
    data = text.encode("utf-8", "surrogatepass")
    try:
        found = plain_document(data)
    except OddError:
        return True
    (document,) = documents(data, "f")
    return agrees(found, document.value, document.node)


def agrees(found: Any, value: Any, node: Any) -> bool:
    """Whether a Block or list is what the thorough reader made, with the lines of its parts."""
    if isinstance(found, dict):
        lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
        return {name: line for name, (line, _) in found.items()} == lines and all(
            agrees(words(name, each), words(name, value[name]), child(node, name)) for name, (_, each) in found.items()
        )
    if isinstance(found, list):
        places = [each.start_mark.line + 1 for each in node.value]
        return [line for line, _ in found] == places and all(
            agrees(each, value[at], child(node, at)) for at, (_, each) in enumerate(found)
        )
    return type(found) is type(value) and bool(found == value)


def words(name: str, value: Any) -> Any:
    """Of a description only the words count."""
    return " ".join(value.split()) if name == "description" and isinstance(value, str) else value


PLAIN = "a Z yes True null NULL ~ 0 7 12 08 0x1F 1_0 1:30 2024-02-30 2024-05-06 .5 1.5 1e3 6.8e+5 .inf .NaN -1 +3 = <<"
SIGNS = r"""- ? : a:b a: # ' '' " \ \\ \" \u00e9 \n \u050C %x @ ` &a *a !t | > |- [ ] { } , đ А ; $ ("""
PIECES = st.sampled_from(
    [*PLAIN.split(), *SIGNS.split(), " ", "  ", " #c", "a: b", "\t", "\u2028", "\x85", "\ufdd0", "\r", "\ufeff"]
)
SCALARS = st.lists(PIECES, min_size=1, max_size=4).map("".join)
QUOTED = st.one_of(SCALARS, SCALARS.map(lambda text: f"'{text}'"), SCALARS.map(lambda text: f'"{text}"'))
AFTER = st.sampled_from(["", "\n", "\n\n", "\n# c", "\n   more", "  \n   more  \n   and", "\n     - x", "\n      "])


@settings(max_examples=600, deadline=None)
@given(QUOTED, QUOTED, AFTER)
def test_scalars_are_read_as_yaml_reads_them(one: str, two: str, after: str) -> None:
    assert read_alike(f"k: {one}{after}\nl: {two}")
    assert read_alike(f"k:\n  - {one}{after}\n  - m: {two}\n    n: 1")
    assert read_alike(f"description: {one}{after}")


LINES = """a: 1;a: 2;b:;c: x;f: # c;no: 1;F|contains|all:;'|all':;- '|all': v;- y;- d: z;- ;-;- - w;- 'q';- >;e: |;
description: |;description: >-;words;# c;;---;..."""
INDENTED = st.tuples(st.integers(0, 6), st.sampled_from(LINES.replace("\n", "").split(";")))


@settings(max_examples=1200, deadline=None)
@given(st.lists(INDENTED.map(lambda line: " " * line[0] + line[1]), min_size=1, max_size=7))
def test_blocks_are_read_as_yaml_reads_them(lines: list[str]) -> None:
    assert read_alike("\n".join(lines))


def test_plain_is_plain() -> None:
    text = "# c\na: x y # c\nb:\n- 'it''s'\n- \"\\u050c\\\\\"\nc:\n    d|all:\n        - 5\n        - true\n    e:\n"
    assert read_alike(text)
    found = plain_document(text.encode())
    assert [value for _, value in found["b"][1]] == ["it's", "\u050c\\"]
    assert found["c"] == (6, {"d|all": (7, [(8, 5), (9, True)]), "e": (10, None)})


@pytest.mark.parametrize(
    "text", ["a: [1]", "a: &x 1", "a: !!str 1", "a: 'x", "a: 1\na: 2", "a: 0x10", "\xff", "", "a: 'x\n  y'"]
)
def test_what_is_not_plain_is_left(text: str) -> None:
    with pytest.raises(OddError):
        plain_document(text.encode("latin-1"))


@pytest.mark.parametrize(
    "text", ["a: b: c", "a: x\n   y: z", "a:\n  - x\n y", "a: 'x' y", "a: x\n\tb: y", "a: %x", "a: 2024-13-01"]
)
def test_a_fault_is_never_read_over(text: str) -> None:
    with pytest.raises(BadInput):
        documents(text.encode(), "f")
    with pytest.raises(OddError):
        plain_document(text.encode())
