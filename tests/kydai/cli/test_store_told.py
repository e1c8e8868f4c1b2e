from __future__ import annotations

from dataclasses import replace

from core.clock import DAY
from core.errors import Refused, failure, kept
from core.holds import Lifting, Placed
from core.reindexing import Run
from core.storage import Frozen
from core.store.contract import Hold, Span
from core.store.outlook import Amount
from core.store.reindex import Reindexing, ReindexStage
from kydai.cli.store_told import amount_document, hold_document, reindexing_document, reindexing_told

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


def test_what_is_written_anew_says_whether_somebody_is_at_it_and_what_is_in_its_way() -> None:
    run = Run("a", AT, AT, Reindexing("kydai-level3-2026.w48", ReindexStage.COPYING, 5, 1_000, 2))
    assert reindexing_told(run, AT).startswith(
        "Writing kydai-level3-2026.w48 anew in the new mapping: 5 of 1,000 events"
    )
    assert "Somebody is at it" in reindexing_told(run, AT)
    assert "the worker" in reindexing_told(run, AT + DAY)
    closing = replace(run, state=Reindexing("a", ReindexStage.CLOSING, 5, 5, 1))
    assert "waits in the spool. Somebody is at it; searches work" in reindexing_told(closing, AT)
    assert "waits in the spool. Nobody is at it" in reindexing_told(closing, AT + DAY)
    failed = replace(run, state=None, error=kept(failure(Refused, "store.reindex.busy", name="x")))
    assert "written to faster" in reindexing_told(failed, AT)
    found = reindexing_document(failed, AT)
    assert (found["part"], found["left"], found["is_alive"]) == (None, 0, False)
    assert reindexing_document(run, AT)["stage"] == "copying"
