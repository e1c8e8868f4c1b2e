"""What a temporal condition says, and where it cannot be understood."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from detections.correlation_conditions import known_ids, read_condition
from detections.ir import holds

IDS = {"a": "id-a", "b": "id-b", "id-b": "id-b", "c": "id-c"}


@pytest.mark.parametrize(
    ("text", "seen", "expected"),
    [
        ("a and b or c", {"c"}, True),
        ("a and (b or c)", {"c"}, False),
        ("a and (b or c)", {"a", "c"}, True),
        ("NOT a and b", {"b"}, True),
        ("not (a and b)", {"a", "b"}, False),
        ("a and id-b", {"a", "b"}, True),
    ],
)
def test_and_binds_closer_than_or_and_not_closest(text: str, seen: set[str], expected: bool) -> None:
    expression, written = read_condition(text, IDS)
    order = list(dict.fromkeys(written))
    assert holds(expression, lambda number: order[number].removeprefix("id-") in seen) is expected


@pytest.mark.parametrize("text", ["", "a and", "a b", "(a", "a)", "a or and b", "nobody", "(" * 40 + "a" + ")" * 40])
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_condition(text, IDS)


def test_names_become_ids() -> None:
    assert known_ids(["b", "id-b", "a"], IDS) == ("id-b", "id-b", "id-a")
    assert known_ids([], IDS, may_be_empty=True) == ()
    with pytest.raises(BadInput, match="nobody"):
        known_ids(["nobody"], IDS)
