"""Hostile text is disarmed before it reaches a terminal."""

from __future__ import annotations

import pytest

from kydai.cli.output import Output, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tiếng Việt đủ dấu", "tiếng Việt đủ dấu"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\x00b\x7f\x9bc", "a\\x00b\\x7f\\x9bc"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_controls_and_direction_marks_are_shown_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_tables_hold_no_markup_and_no_escape(capfd: pytest.CaptureFixture[str]) -> None:
    Output(False, "vi").table(["a", "b"], [("[red]x[/red]", "\x1b[31mred")])
    out = capfd.readouterr().out
    assert "[red]x[/red]" in out
    assert "\x1b" not in out


def test_json_goes_to_standard_output_and_words_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(True, "vi")
    output.one({"a": "đ"}, "words")
    output.lines([{"b": 1}, {"c": 2}])
    output.tell("xin chào")
    captured = capfd.readouterr()
    assert captured.out == '{"a":"đ"}\n{"b":1}\n{"c":2}\n'
    assert captured.err == "xin chào\n"
