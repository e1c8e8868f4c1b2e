"""Names in conditions that begin as `not`, `and` and `or` do."""

from __future__ import annotations

import pytest

from detections.converting import convert
from tests.detections.sigma_samples import rule_text
from tests.detections.test_sigma_reader import HEAD, error_of, rule_of


@pytest.mark.parametrize(
    ("condition", "expected", "asked"),
    [
        ("note", 0, ["note"]),
        ("not note and android", ("&", ("!", 0), 1), ["note", "android"]),
        ("not-e or e", ("|", 0, 1), ["not-e", "e"]),
        ("not(e)and(note)or(orb)", ("|", ("&", ("!", 0), 1), 2), ["e", "note", "orb"]),
    ],
)
def test_words_of_a_condition_end_where_names_do(condition: str, expected: object, asked: list[str]) -> None:
    selections = "".join(f"{name}: {{F: {name}}}\n" for name in ("note", "e", "not-e", "b", "orb", "android"))
    rule = rule_of(selections + f"condition: {condition}\n")
    assert rule.condition == expected
    assert [each.value for each in rule.predicates] == asked


@pytest.mark.parametrize("condition", ["e orb", "e andb", "note1 of e*"])
def test_words_that_run_into_a_name_are_refused(condition: str) -> None:
    error = error_of(HEAD + "detection:\n  e: {F: 1}\n  b: {F: 2}\n  condition: " + condition + "\n")
    assert str(error.place).startswith("r.yml:9")


def test_a_conversion_reads_them_so_as_well() -> None:
    (found,) = convert(rule_text(1, "note: {EventID: 1}\ne: {EventID: 2}\ncondition: note").encode(), "r.yml")
    assert found.queries == ("winlog.channel:* AND event.code:1",)
