from __future__ import annotations

from core.clock import DAY, HOUR
from core.store import elastic_order
from core.store.contract import Batch, Span
from core.store.elastic import ElasticStore
from core.store.elastic_names import Grain
from tests.core.store.conformance import START, event, spool


def test_pages_of_the_server_join(store: ElasticStore) -> None:
    count = elastic_order._PAGE + 10
    store.append(Batch([event(i, i % 3600) for i in range(count)]))
    found = [e["event.id"] for batch in store.in_order(START, "level3") for e in batch]
    assert found == [f"{spool()}.{i}.0" for i in range(count)]


def test_every_hour_of_a_long_index_is_counted(store: ElasticStore) -> None:
    store.change_grain(Grain.MONTH)
    hours = [START + DAY + n * HOUR for n in range(0, 5 * 24, 7)]
    store.append(Batch([event(n, segment=spool(hour + 1000)) for n, hour in enumerate(hours)]))
    assert store.received(Span()).counts == {(hour, "level3"): 1 for hour in hours}
    assert store.received(Span(hours[3], hours[4])).counts == {(hours[3], "level3"): 1}
