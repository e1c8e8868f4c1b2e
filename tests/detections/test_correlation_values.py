"""Numbers and spans of time of correlation documents."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import DAY, SECOND
from core.errors import BadInput
from detections.correlation_values import number_of, timespan_of


def test_what_is_one() -> None:
    assert number_of("2.5", "gte") == 2.5
    assert number_of(3, "gte") == 3
    assert timespan_of("15s") == 15 * SECOND
    assert timespan_of("2d") == 2 * DAY


@pytest.mark.parametrize("value", ["x", None, [], "inf", float("nan")])
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(BadInput, match="gte"):
        number_of(value, "gte")


@pytest.mark.parametrize("value", ["", "5", "m", "0m", "-1m", "1.5h", "9999999999s", 5, None])
def test_what_is_no_timespan(value: Any) -> None:
    with pytest.raises(BadInput, match="timespan"):
        timespan_of(value)
