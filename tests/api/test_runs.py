"""Titles of runs and steps, in both languages or by name."""

from __future__ import annotations

import pytest

from api.runs import words_of
from api.shapes import Words


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"title": {"vi": "Chặn", "en": "Block"}}, Words(vi="Chặn", en="Block")),
        ({"title": {"vi": "Chặn"}}, Words(vi="Chặn", en="block")),
        ({"title": "Chặn"}, Words(vi="Chặn", en="Chặn")),
        ({}, Words(vi="block", en="block")),
    ],
)
def test_a_title_or_the_name(definition: dict[str, object], words: Words) -> None:
    assert words_of(definition, "block") == words
