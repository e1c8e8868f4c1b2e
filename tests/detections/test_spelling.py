"""The nearest right spelling."""

from __future__ import annotations

import pytest

from core.errors import BadInput
from detections.spelling import hinted, near, slip


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("contians", ["contains", "startswith", "endswith"], ["contains"]),
        ("CONTAINS", ["contains", "all"], ["contains"]),
        ("selction", ["selection", "filter"], ["selection"]),
        ("xyz", ["selection", "filter"], []),
        ("", ["selection"], []),
        ("a" * 1_000_000, ["a" * 100], ["a" * 100]),
    ],
)
def test_near(name: str, known: list[str], found: list[str]) -> None:
    assert near(name, known) == found


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("CommandLin", "CommandLine"),
        ("commandLine", "CommandLine"),
        ("ComandLine", "CommandLine"),
        ("CommnadLine", "CommandLine"),
        ("Iamge", "Image"),
        ("ParentComandLin", "ParentCommandLine"),
        ("CommandLine", None),
        ("TargetImage", None),
        ("Img", None),
    ],
)
def test_slip(name: str, right: str | None) -> None:
    assert slip(name, ["CommandLine", "ParentCommandLine", "Image", "ParentImage", "User"]) == right


def test_what_was_meant_stands_behind_the_error() -> None:
    assert hinted(BadInput("No."), ["a", "b"]).told("en") == "No. Perhaps it should be: a, b."
    assert hinted(BadInput("No."), []).told("en") == "No."
