"""Several answers as one."""

from __future__ import annotations

from core.store.contract import Missing, Position, Truth
from core.store.truths import together


def test_what_one_lacks_all_lack_once() -> None:
    gap = Missing("quarantined", "a.parquet")
    whole, gapped = Truth(position=Position(7, 9)), Truth(complete=False, missing=(gap,))
    told = together(gapped, gapped, whole)
    assert (told.exact, told.complete, told.missing, told.position) == (True, False, (gap,), Position(7, 9))
    assert not together(Truth(exact=False), whole).exact
    assert together(whole, whole) == whole
