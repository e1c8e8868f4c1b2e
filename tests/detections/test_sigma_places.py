"""Errors of a rule: the place to the column, and what was perhaps meant."""

from __future__ import annotations

import pytest

from detections.rule import error_of
from detections.sigma_reader import read_file

HEAD = "title: T\nid: 0f1a7a4e-93f0-4e83-8d0c-8a5b3f6e2a10\nstatus: test\nlevel: high\nlogsource: {product: windows}\n"
BODY = "detection:\n  selection:\n    F|contains: a\n  filter_a:\n    G: b\n  condition: selection and not filter_a\n"


@pytest.mark.parametrize(
    ("text", "place", "names"),
    [
        (HEAD + BODY.replace("contains", "contians"), "8:7", "contains"),
        (HEAD + BODY.replace("F|contains", "F|contains|al"), "8:16", "all"),
        (HEAD + BODY.replace("F|contains: a", "F|gt: a"), "8:5", ""),
        (HEAD + BODY.replace("F|contains: a", "F|cidr: 1.2.3.4/99"), "8:5", ""),
        (HEAD + BODY.replace("F|contains: a", "- F: 1\n    - G|cidr: x"), "9:7", ""),
        (HEAD + BODY.replace("F|contains: a", "F|re: ['ok', '(?=a)']"), "8:18", ""),
        (HEAD + BODY.replace("n: selection", "n: selecton"), "11:14", "selection"),
        (HEAD + BODY.replace("not filter_a", "not filtr_a"), "11:32", "filter_a"),
        (HEAD + BODY.replace("selection and not filter_a", "'selection and not filtr_a'"), "11:33", "filter_a"),
        (HEAD + BODY.replace("selection and not filter_a", "[selection, filtr_a]"), "11:26", "filter_a"),
        (HEAD + BODY.replace("selection and not filter_a", "1 of selektion*"), "11:19", "selection"),
        (HEAD + BODY.replace("selection and not", "selection nd not"), "11:24", "and"),
        (HEAD + BODY.replace("selection and not", "selection AND not"), "11:24", "and"),
        (HEAD + BODY.replace("selection and", "|\n    selecton\n    and"), "11:14", "selection"),
        (HEAD.replace("high", "hihg") + BODY, "4:1", "high"),
        (HEAD.replace("test", "tset") + BODY, "3:1", "test"),
        (HEAD + BODY.replace("detection", "detecton", 1), "6:1", "detection"),
        (HEAD.replace("logsource", "logsorce") + BODY, "5:1", "logsource"),
        (HEAD.replace("product", "prodct") + BODY, "5:1", ""),
        (HEAD + "detection: [a]\n", "6:1", ""),
        (HEAD + BODY.replace("a\n", "a\n    F|contains: b\n", 1), "9:5", ""),
        (HEAD + BODY.replace("F|contains: a", "F: [a"), "9:11", ""),
        (HEAD + BODY.replace("r_a\n", "_a\n").replace("detection:", "filter:\n  rules: any"), "12:32", "filter_a"),
    ],
)  # fmt: skip
def test_place_and_names(text: str, place: str, names: str) -> None:
    found, errors = read_file(text.encode(), "r.yml")
    assert not found
    (error,) = map(error_of, errors)
    assert error.told("en").startswith(f"r.yml:{place}: "), error.told("en")
    assert error.told("vi").startswith(f"r.yml:{place}: ")
    suggested = error.told("en").partition("Perhaps it should be: ")[2]
    assert suggested.rstrip(".").split(", ")[0] == names, error.told("en")
