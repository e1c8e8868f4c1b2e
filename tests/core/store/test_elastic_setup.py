from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from core.clock import DAY
from core.errors import BadConfig
from core.store.contract import Batch, Query
from core.store.elastic import ElasticStore
from tests.core.store.conformance import START, event, spool


def test_a_template_of_others_that_goes_before_ours_is_named(
    store: ElasticStore, prefix: str, es: Elasticsearch
) -> None:
    foreign = f"everything-{prefix}"
    es.indices.put_index_template(name=foreign, index_patterns=[f"{prefix}*"], priority=900, template={})
    try:
        with pytest.raises(BadConfig, match=foreign):
            store.append(Batch([event(1)]))
        findings = store.verify()
        assert [(f.segment, f.problem) for f in findings] == [(foreign, "shadowed"), (f"{prefix}-events", "template")]
        es.indices.delete_index_template(name=foreign)
        assert store.append(Batch([event(1)])).stored == 1
        assert store.verify() == []
    finally:
        es.options(ignore_status=404).indices.delete_index_template(name=foreign)


def test_a_template_that_comes_later_makes_no_index_for_us(store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    store.append(Batch([event(1)]))
    foreign = f"everything-{prefix}"
    es.indices.put_index_template(name=foreign, index_patterns=[f"{prefix}*"], priority=900, template={})
    other = Batch([event(2, segment=spool(START - 30 * DAY))])
    try:
        with pytest.raises(BadConfig, match=foreign):
            store.append(other)
        assert list(es.indices.get(index=f"{prefix}-level*").body) == [f"{prefix}-level3-2026.w48"]
    finally:
        es.indices.delete_index_template(name=foreign)
    assert store.append(other).stored == 1


@pytest.mark.parametrize("name", ["{}-level3-2026.w48", "{}-events"])
def test_an_index_of_others_that_has_our_name_is_refused(
    store: ElasticStore, prefix: str, es: Elasticsearch, name: str
) -> None:
    taken = name.format(prefix)
    es.indices.create(index=taken)
    with pytest.raises(BadConfig, match=taken):
        store.append(Batch([event(1)]))


def test_a_newer_version_is_not_written_to(store: ElasticStore, prefix: str, es: Elasticsearch) -> None:
    mark = {"managed_by": "kydai", "layout": 99}
    es.indices.put_index_template(name=f"{prefix}-events", index_patterns=[f"{prefix}-*-*.*"], priority=500, meta=mark)
    try:
        with pytest.raises(BadConfig, match="newer version"):
            store.count(Query())
    finally:
        es.indices.delete_index_template(name=f"{prefix}-events")
