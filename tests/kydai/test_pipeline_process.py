"""At most one commit a second unless a batch was full."""

from __future__ import annotations

from core.clock import StillClock
from kydai.pipeline import BATCH_FRAMES
from kydai.pipeline_process import _Pace


def due(pace: _Pace) -> bool:
    return pace.is_due


def test_the_pace() -> None:
    clock = StillClock()
    pace = _Pace(clock)
    assert due(pace)
    pace.took(3)
    assert not due(pace)
    clock.advance(1)
    assert due(pace)
    pace.took(0)
    assert due(pace), "an idle look costs nothing"
    pace.took(BATCH_FRAMES)
    assert due(pace), "more is waiting"
    pace.took(1)
    clock.at -= 10_000_000
    assert due(pace), "a clock that went back does not stop the pipeline"
