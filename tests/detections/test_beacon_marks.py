"""How far beacons were looked for, and what was left out, is said to people."""

from __future__ import annotations

from pathlib import Path

from core.clock import HOUR, to_micros
from detections.beacon_marks import Mark, lacking, mark, sums, told
from tests.detections.test_beacon import pattern
from tests.detections.test_correlate_worker import folder, fresh
from tests.detections.test_first_seen import novelty, pattern_of

__all__ = ["folder"]

AT = to_micros("2026-11-26T02:00:00Z")


def test_what_each_rule_looked_at_is_told(folder: Path) -> None:
    database, asked = fresh(folder), pattern()
    with database.write() as session:
        assert told(session, [asked, pattern_of(novelty())]) == {
            asked.id: {"vi": "chưa xét giờ nào", "en": "no hour was looked at yet"}
        }
        mark(session, asked.id, Mark(AT, {"[]": "key"}))
        assert told(session, [asked])[asked.id]["en"] == "looked at up to 2026-11-26 09:00, 1 rhythm goes on"
        mark(session, asked.id, Mark(AT, left_out=3, is_whole=False))
        text = told(session, [asked])[asked.id]["vi"]
    assert text == (
        "đã xét đến 26/11/2026 09:00, 0 nhịp đang tiếp diễn; lần gần nhất chưa xét 3 cặp vì quá nhiều kết nối; "
        "lần gần nhất kho trả lời chưa đầy đủ"
    )


def test_what_the_last_search_left_out_is_lacking_until_it_is_over(folder: Path) -> None:
    with fresh(folder).write() as session:
        mark(session, "whole", Mark(AT))
        mark(session, "many", Mark(AT, left_out=3))
        mark(session, "unread", Mark(AT - HOUR, left_out=1, is_whole=False))
        assert sums(lacking(session, AT)) == {"count": 4, "rules": 1}
        assert sums(lacking(session, AT + 2 * HOUR)) == {"count": 3, "rules": 0}
        assert lacking(session, AT + 3 * HOUR) == []
