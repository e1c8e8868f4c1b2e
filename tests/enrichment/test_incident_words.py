"""One sentence from the facts, in both languages; what is not known is said."""

from __future__ import annotations

from dataclasses import replace

from core.clock import HOUR, SECOND, to_micros
from enrichment.incident_words import Story, missing, sentence, title

START = to_micros("2026-11-25T00:12:05Z")
SSH = Story(
    rules=[
        {"vi": "Đăng nhập SSH thành công sau nhiều lần dò mật khẩu", "en": "SSH success after many failures"},
        {"vi": "Đọc /etc/shadow bằng sudo", "en": "sudo reads /etc/shadow"},
    ],
    hosts=["baochi-crawl01", "jump01"],
    origins=["203.0.113.77", "203.0.113.71", "203.0.113.72", "203.0.113.73", "203.0.113.74"],
    targets=["203.0.113.9"],
    users=["baochi"],
    outcomes=frozenset({"failure", "success"}),
    tags=frozenset({"attack.credential-access", "attack.t1110"}),
    alerts=9,
    events=1143,
    first_at=START,
    last_at=START + 66 * SECOND,
)


def test_a_whole_story() -> None:
    assert title(SSH)["vi"] == "Đăng nhập SSH thành công sau nhiều lần dò mật khẩu trên baochi-crawl01, jump01"
    assert sentence(SSH) == {
        "vi": "Từ 203.0.113.77, 203.0.113.71, 203.0.113.72 và 2 địa chỉ khác nhằm vào baochi-crawl01, jump01 dùng "
        "tài khoản baochi: Đăng nhập SSH thành công sau nhiều lần dò mật khẩu; Đọc /etc/shadow bằng sudo, tới "
        "203.0.113.9 (9 cảnh báo, 1.143 sự kiện), bắt đầu lúc 25/11/2026 07:12:05, gần nhất lúc 07:13:11. "
        "Chưa rõ: vào bằng đường nào; dữ liệu có bị lấy ra ngoài hay không; còn máy nào khác bị ảnh hưởng hay không.",
        "en": "From 203.0.113.77, 203.0.113.71, 203.0.113.72 and 2 more addresses against baochi-crawl01, jump01 "
        "as baochi: SSH success after many failures; sudo reads /etc/shadow, towards 203.0.113.9 "
        "(9 alerts, 1,143 events), since 2026-11-25 07:12:05, latest 07:13:11. Not known: how they got in; whether "
        "data left; whether other machines are affected.",
    }


def test_little_is_known_and_that_is_said() -> None:
    bare = replace(
        SSH,
        rules=SSH.rules[:1],
        hosts=[],
        origins=[],
        targets=[],
        users=[],
        outcomes=frozenset(),
        alerts=1,
        events=1,
        last_at=START,
    )
    assert missing(bare) == ["incident.unknown.origin", "incident.unknown.account", "incident.unknown.outcome"]
    assert sentence(bare)["vi"] == (
        "Đăng nhập SSH thành công sau nhiều lần dò mật khẩu (1 cảnh báo, 1 sự kiện), "
        "lúc 25/11/2026 07:12:05. Chưa rõ: đến từ đâu; tài khoản nào bị dùng; có thành công hay không."
    )
    on_host = replace(bare, hosts=["web01"], users=["lannt"])
    assert sentence(on_host)["vi"].startswith("Trên web01 dùng tài khoản lannt: Đăng nhập")
    assert title(bare)["en"] == "SSH success after many failures"


def test_many_hosts_and_days() -> None:
    wide = replace(SSH, hosts=[f"h{n}" for n in range(1, 7)], last_at=START + 30 * HOUR)
    assert title(wide)["vi"].endswith("trên h1, h2, h3 và 3 máy khác")
    assert "gần nhất lúc 26/11/2026 13:12:05" in sentence(wide)["vi"]
