"""Times of callers: a day as an end is taken whole, a moment is not."""

from __future__ import annotations

import pytest

from api.deps import Services
from api.times import moment, span
from core.clock import DAY, to_micros
from core.errors import BadInput
from core.store.contract import Span
from tests.api.conftest import NOW


def test_ends_and_beginnings(services: Services) -> None:
    local_day = to_micros("2026-11-24T00:00:00+07:00")
    assert span(services, "2026-11-24", "2026-11-24") == Span(local_day, local_day + DAY)
    assert span(services, "now-24h", "now") == Span(NOW - DAY, NOW)
    assert span(services, None, "") == Span(None, None)
    assert moment(services, "2026-11-25T01:26:00Z", is_end=True) == to_micros("2026-11-25T01:26:01Z")


@pytest.mark.parametrize(("start", "end"), [("now", "now-1h"), ("2026-11-25", "2026-11-24"), ("now", "now")])
def test_a_span_in_which_nothing_can_lie_is_refused(services: Services, start: str, end: str) -> None:
    with pytest.raises(BadInput, match=f"{start} is not before {end}"):
        span(services, start, end)


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "now-", "9" * 64])
def test_what_is_no_time_is_refused(services: Services, text: str) -> None:
    with pytest.raises(BadInput):
        moment(services, text)
