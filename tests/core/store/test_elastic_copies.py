"""A copy is one run's: another, or one that comes late, can neither give it up nor keep it."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from core.errors import Refused
from core.store.contract import Batch
from core.store.elastic import ElasticStore
from core.store.elastic_copies import FEW, Copy, room_for
from core.store.elastic_names import read_name
from tests.core.store.conformance import event


def test_how_long_the_rest_takes_is_told_by_the_pace() -> None:
    copy = Copy("a", "a~1")
    assert (copy.needs(FEW), copy.needs(FEW + 1)) == (0.0, float("inf"))
    copy.writes, copy.seconds = 1_000, 2.0
    assert copy.needs(10_000) == 20.0
    assert room_for(100) == 125


def test_a_copy_is_one_runs(
    store: ElasticStore, prefix: str, es: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append(Batch([event(1)]))
    index = read_name(prefix, f"{prefix}-level3-2026.w48")
    assert index is not None
    made = store._reindexer._copies
    first = made.take(index)
    uuid, size = made.extent(index)
    assert size > 0
    store._notes_.note_copied(first.name, uuid, 7)
    second = made.take(index)
    assert (second.name, second.copied) == (first.name, 7)
    assert not made.reclaim(first)
    made.drop(first)
    assert es.indices.exists(index=first.name)
    # what there is less of than is kept free has to go, whoever began it
    monkeypatch.setattr(made, "_free", lambda: -1)
    with pytest.raises(Refused, match="1 B more free space"):
        made.take(index)
    assert not es.indices.exists(index=first.name)
    assert store._notes_.copied(first.name, uuid) is None
    assert list(made.begun()) == []
