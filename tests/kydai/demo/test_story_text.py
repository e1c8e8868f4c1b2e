"""The demonstration told as text, in both languages, from figures that are handed in."""

from __future__ import annotations

import pytest

from core.clock import MINUTE, SECOND, to_micros
from core.words import LANGUAGES
from kydai.demo import story_text as text
from kydai.demo.story_ssh import STORY
from kydai.demo.world import load_world

AT = to_micros("2026-11-25T09:00:00+07:00")


def test_in_vietnamese() -> None:
    lines = text.opening(load_world(), 2026, "vi", dry_reason="không tạo được không gian mạng")
    assert lines[0] == "DỮ LIỆU TRÌNH DIỄN: tỉnh Bạch Vân là địa danh hư cấu."
    assert "hạt giống 2026" in lines[1]
    assert lines[2] == "Lần chạy này là chạy thử, chưa chặn thật: không tạo được không gian mạng."
    unseen = text.Unseen(
        silent=[text.Silent("fw-ttdl", AT, AT + 50 * MINUTE)],
        never=["thedt-pay01", "rt-xa14"],
        clocks=[("motcua-app01", 7 * MINUTE)],
        zones=[("esx01", -7 * 60 * MINUTE)],
        datasets=[("csdl-db02", "auditd.log")],
    )
    assert text.unseen("vi", unseen) == [
        "",
        "Những phần không giám sát được trong kỳ",
        "  Đã khai báo nhưng chưa từng gửi: thedt-pay01, rt-xa14.",
        "  fw-ttdl mất tín hiệu 50 phút, từ 25/11/2026 09:00 đến 25/11/2026 09:50.",
        "  Đồng hồ của motcua-app01 lệch 7 phút.",
        "  esx01 có vẻ ghi sai múi giờ (lệch −7 giờ).",
        "  csdl-db02 không còn gửi auditd.log, dù vẫn gửi loại khác.",
    ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_line_is_filled_in(lang: str) -> None:
    one = text.IncidentLine("VV-2026-0001", "T", "S.", "critical", 87)
    lines = [
        *text.opening(load_world(), 7, lang, dry_reason=None),
        *text.past(lang, events=118_000, flows=31_000, start=AT, end=AT, took=20 * SECOND),
        *text.incidents(lang, alerts=12, found=[one]),
        *text.live(lang, start=AT, host="baochi-crawl01", addresses=20, guesses=112, noise=4000, first=("T", SECOND)),
        *text.live(lang, start=AT, host="baochi-crawl01", addresses=20, guesses=112, noise=4000, first=None),
        *text.against_truth(lang, STORY.title, STORY.truth, STORY.truth.expects[:1]),
        *text.answered(
            lang, text.Answer("P", "203.0.113.77", "Hạnh", AT, AT, is_real=True, undone_at=AT, another_waits=True)
        ),
        *text.unseen(lang, text.Unseen()),
        text.balance(lang, received=10, parsed=8, unparsed=1, ignored=1, duplicates=0, waiting=0),
        *text.closing(
            lang,
            [(key, ["command"]) for key in ("approve", "line", "report", "console", "start")],
            console="http://127.0.0.1:8470",
            link="L",
        ),
    ]
    assert not [line for line in lines if "{" in line or "}" in line]
    assert text.incidents(lang, alerts=0, found=[])


def test_an_incident_counts_its_alerts_and_events_once() -> None:
    """Its sentence does; hits beside it would read as another number of the same events."""
    one = text.IncidentLine("VV-2026-0001", "T", "On web01: T (2 alerts, 3 events).", "high", 40)
    assert text.incidents("en", alerts=2, found=[one]) == [
        "  2 alerts, grouped into 1 incident:",
        "    VV-2026-0001 [High] T",
        "      Priority 40. On web01: T (2 alerts, 3 events).",
    ]


def test_a_dry_run_is_never_told_as_a_block() -> None:
    lines = text.answered("vi", text.Answer("P", "203.0.113.77", until=AT))
    assert lines[-1] == "  Chạy thử, chưa chặn thật: 203.0.113.77 lẽ ra bị chặn đến 25/11/2026 09:00:00."


def test_an_odd_balance_is_said() -> None:
    assert "KHÔNG khớp" in text.balance("vi", received=10, parsed=8, unparsed=1, ignored=0, duplicates=0, waiting=0)


def test_what_was_missed_is_named() -> None:
    lines = text.against_truth("en", STORY.title, STORY.truth, STORY.truth.expects[1:])
    assert lines == [
        "  Against the known truth of “Password guessing on the press crawler, then a miner”: 8 of 9 things found.",
        "    Not found: many failed SSH passwords from one or many addresses.",
    ]
