"""Balances of several sources together, and problems in both languages."""

from __future__ import annotations

from api.sources import problems, shown, total
from core.clock import HOUR, SECOND
from core.ledger import Balance
from core.sources import SourceState, SourceView
from tests.api.conftest import NOW


def balance(**raws: int) -> Balance:
    made = Balance("x")
    made.raws.update(raws)
    return made


def test_sums_keep_what_is_off() -> None:
    whole = shown(total([balance(received=5, parsed=5), balance(received=5, parsed=3)]))
    assert (whole.raws, whole.holds, whole.raws_off_by) == ({"received": 10, "parsed": 8}, False, 2)


def test_each_problem_says_what_to_do() -> None:
    view = SourceView(
        "fw", SourceState.SILENT, True, last_at=NOW - HOUR, silent_for=HOUR, limit=900 * SECOND, offset=90 * SECOND,
        missing_datasets=("fortinet.firewall",),
    )  # fmt: skip
    counted = balance(received=4, unparsed=1, ignored=1)
    counted.reasons["raws", "ignored", "not_json"] = 1
    found = problems(view, counted, "Asia/Ho_Chi_Minh")
    assert [p.key for p in found] == ["silent", "skew", "missing", "unparsed", "refused", "imbalance"]
    assert "not_json" in found[4].text.vi
    assert found[0].text.vi == "Không có gì từ 25/11/2026 07:52:08; nguồn này không được im lặng quá 15 phút."
    assert found[1].text.en == "Its clock is 1 min 30 s off; switch on NTP there."
    assert problems(SourceView("a", SourceState.SENDING, True), balance(), "UTC") == []
