"""Objects in raws: exact numbers, and text for bytes that are none."""

from __future__ import annotations

import json

import pytest

from collectors.parser_document import json_text, read_document

BIG = 123456789012345678901234567890


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ('@cee: {"a": 1}', {"a": 1}),
        (' {"a": 1.5, "b": 1e300, "c": null}', {"a": 1.5, "b": 1e300, "c": None}),
        (f'{{"a": {{"b": [1.5, {{"c": {BIG}}}]}}}}', {"a": {"b": [1.5, {"c": BIG}]}}),
        (f'{{"a": -{BIG}}}', {"a": -BIG}),
        ('{"a": ' + "9" * 300 + "}", {"a": int("9" * 300)}),
        (r'{"a": "\ud83d\ude00 \\ud800 \ud800"}', {"a": "\U0001f600 \\ud800 \\ud800"}),
        (r'{"a": "\ud800"', None),
        ('{"a": ' + "9" * 5_000 + "}", None),
        ("[1]", None),
        ('{"a": NaN}', None),
        ("text", None),
        ("", None),
    ],
)
def test_objects_are_read_exactly(text: str, expected: object) -> None:
    assert read_document(text) == expected


@pytest.mark.parametrize(("inner", "expected"), [("1", 1), ("1e30", 1e30), (r'"\ud800"', "\\ud800")])
def test_what_nests_deeper_than_numbers_are_read_exactly(inner: str, expected: object) -> None:
    found: object = read_document('{"a":' * 1010 + inner + "}" * 1010)
    for _ in range(1010):
        assert isinstance(found, dict)
        found = found["a"]
    assert found == expected


@pytest.mark.parametrize("data", [b"\xff", "dài".encode()[:-1] + b"\xc3", b"\xed\xa0\x80"])
def test_bytes_that_are_no_text_read_as_their_escapes(data: bytes) -> None:
    assert json.loads(json_text(b'"' + data + b'"')) == data.decode("utf-8", "backslashreplace")
