"""Encoded texts; tests/detections/test_modifiers.py has a row for each modifier."""

from __future__ import annotations

from base64 import b64encode
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigma.rule import SigmaDetectionItem

from detections.rule import Rule
from detections.sigma_reader import read_file
from tests.detections.sigma_samples import rule_text


def values_of(item: str) -> list[str]:
    found, errors = read_file(rule_text(1, f"s:\n{indent(item, '  ')}\ncondition: s\n").encode(), "r.yml")
    assert not errors, errors
    (rule,) = found
    assert isinstance(rule, Rule)
    return [predicate.value for predicate in rule.predicates]


ENCODINGS = {"": "utf-8", "wide|": "utf-16-le", "utf16le|": "utf-16-le", "utf16be|": "utf-16-be"}


@given(
    st.sampled_from(list(ENCODINGS)),
    st.text("abcXYZ/ \u00e9\u1ea7\u2013\U0001f600", min_size=3, max_size=12),
    st.binary(max_size=5),
    st.binary(max_size=5),
)
def test_a_text_is_found_wherever_it_stands(name: str, text: str, before: bytes, after: bytes) -> None:
    values = values_of(f'F|{name}base64offset|contains|cased: "{text}"')
    assert len(values) == 3
    whole = b64encode(before + text.encode(ENCODINGS[name]) + after).decode()
    assert values[len(before) % 3] in whole


@pytest.mark.parametrize("item", ["F|base64: 'a*'", "F|wide|base64offset: 'a?b'", "F|expand|base64: '%name%'"])
def test_what_has_no_bytes_is_refused(item: str) -> None:
    found, errors = read_file(rule_text(1, f"s:\n  {item}\ncondition: s\n").encode(), "r.yml")
    assert not found
    assert "Base64" in errors[0].message


@pytest.mark.parametrize("name", ["base64", "wide|base64", "utf16le|base64", "utf16be|base64", "utf16|base64offset"])
def test_an_item_is_written_back_as_it_was_read(name: str) -> None:
    plain = SigmaDetectionItem.from_mapping(f"F|{name}", "ab").to_plain()
    assert plain == {f"F|{name.replace('wide', 'utf16le')}": "ab"}
