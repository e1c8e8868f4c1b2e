from __future__ import annotations

from core.holds import Lifting, Placed
from core.storage import Frozen
from core.store.contract import Hold, Span
from core.store.outlook import Amount
from kydai.cli.store_told import amount_document, hold_document

AT = 1_764_000_000_000_000


def test_a_hold_is_a_document_with_its_lifting() -> None:
    placed = Placed(Hold("vu-1", Span(None, AT), "vì sao", AT), "anna", Lifting(AT, AT, "bình", "xong"))
    found = hold_document(Frozen(placed, Amount(1, 2, 3, AT, AT)))
    assert (found["from"], found["to"], found["placed_by"]) == (None, "2025-11-24T16:00:00.000000Z", "anna")
    assert found["lifting"]["asked_by"] == "bình"
    assert found["keeps"]["events"] == 2
    assert hold_document(Frozen(Placed(placed.hold, ""), Amount()))["lifting"] is None


def test_nothing_is_an_amount_without_times() -> None:
    assert amount_document(Amount()) == {"parts": 0, "events": 0, "bytes": 0, "first": None, "last": None}
