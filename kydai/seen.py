"""What kinds of events this site has, from the store: so that each rule can say whether it can fire here."""

from __future__ import annotations

from core.clock import DAY, Micros
from core.query.tree import And, Equals, Node
from core.store.contract import EventStore, Query, Span
from detections.coverage import Seen

WINDOW = 7 * DAY
DATASETS, CODES, EACH, EACH_CODE = 300, 300, 60, 2
FLOWS = "netflow.flow"


def seen_of(store: EventStore, now: Micros) -> Seen:
    """A few events of every data set (and of every event code within it) of the last seven days."""
    seen = Seen()
    span = Span(now - WINDOW)
    for dataset in store.terms(Query(span=span), "event.dataset", limit=DATASETS).buckets:
        where = Equals("event.dataset", dataset.key)
        events = store.search(Query(where, span), limit=EACH).events
        if dataset.key == FLOWS:
            seen.flow_fields |= {name for e in events for name in e}
            continue
        seen.add(events)
        for code in store.terms(Query(where, span), "event.code", limit=CODES).buckets:
            both: Node = And((where, Equals("event.code", code.key)))
            seen.add(store.search(Query(both, span), limit=EACH_CODE).events)
    return seen
