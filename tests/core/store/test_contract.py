"""Every engine offers the whole contract."""

from __future__ import annotations

import inspect

import pytest

from core.store.contract import EventStore, Truth
from core.store.elastic import ElasticStore
from core.store.segments import SegmentStore


@pytest.mark.parametrize("engine", [SegmentStore, ElasticStore])
def test_every_engine_has_every_method_with_the_contracts_parameters(engine: type[EventStore]) -> None:
    for name, method in inspect.getmembers(EventStore, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = list(inspect.signature(method).parameters)
        offered = list(inspect.signature(getattr(engine, name)).parameters)
        assert offered[: len(wanted)] == wanted, name


def test_an_answer_is_whole_unless_it_says_otherwise() -> None:
    truth = Truth()
    assert (truth.exact, truth.complete, truth.missing) == (True, True, ())
