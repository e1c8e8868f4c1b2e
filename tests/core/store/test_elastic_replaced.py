from __future__ import annotations

from core.event import EventId
from core.query.tree import Equals
from core.store.contract import Batch, Query
from core.store.elastic import ElasticStore
from tests.core.store.conformance import START, event, spool


def test_what_a_replay_has_parsed_is_hidden_unless_asked_for(shared: ElasticStore) -> None:
    segment = spool(START, 8)
    here = Equals("kydai.sender_id", "replayed")
    raw = {"kydai.sender_id": "replayed", "event.original": "Đăng nhập thất bại"}
    shared.append(Batch([event(1, 0, raw, segment=segment), event(1, 0, raw, segment=segment, n=1)]))
    shared.mark_replaced([EventId(segment, 1, 1), EventId(segment, 99, 0)])
    assert [e["event.id"] for e in shared.search(Query(here)).events] == [f"{segment}.1.1"]
    assert shared.count(Query(here, include_replaced=True)).count == 2
    assert shared.append(Batch([event(1, 0, raw, segment=segment)])).already == 1
    shared.mark_replaced([EventId(segment, 1, 0)])
    assert shared.count(Query(here)).count == 1
