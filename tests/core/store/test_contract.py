"""Every engine offers the whole contract."""

from __future__ import annotations

import inspect

from core.store.contract import EventStore, Truth
from core.store.segments import SegmentStore


def test_the_segments_engine_has_every_method_with_the_contracts_parameters() -> None:
    for name, method in inspect.getmembers(EventStore, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = list(inspect.signature(method).parameters)
        offered = list(inspect.signature(getattr(SegmentStore, name)).parameters)
        assert offered[: len(wanted)] == wanted, name


def test_an_answer_is_whole_unless_it_says_otherwise() -> None:
    truth = Truth()
    assert (truth.exact, truth.complete, truth.missing) == (True, True, ())
