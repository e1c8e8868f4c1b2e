"""What is told, in which words: bounded, in one line each, and looked for without a lock while there is nothing."""

from __future__ import annotations

import pytest

from core.clock import DAY, SECOND
from core.db.database import Database
from core.db.models import Alert, Notice
from core.notices import DIGEST
from detections.alerting import self_alert
from kydai import noticing
from kydai.settings import Settings
from kydai.settings_mail import Mail, Notices, ShiftOfDuty

NOW = 1_795_571_528 * SECOND
ZONE = "Asia/Ho_Chi_Minh"


def notice(number: int = 1, **more: object) -> Notice:
    values = {
        "id": number, "channel": "mail", "matter": "incident:1", "level": "high", "host": "web01", "count": 3,
        "title": {"vi": "Dò mật khẩu", "en": "Guessing"}, "path": "/incidents/VV-2026-0001", "created_at": NOW,
    }  # fmt: skip
    return Notice(**(values | more))


def said(row: Notice, *inside: Notice, lang: str = "en") -> noticing.Message:
    return noticing.message(row, inside, "https://siem:8470", lang, ZONE, is_last=False)


@pytest.mark.parametrize(("lang", "subject"), [("vi", "[Kỳ Đài][Cao] Dò mật khẩu"), ("en", "[Kỳ Đài][High] Guessing")])
def test_a_notice_says_level_title_host_count_and_link(lang: str, subject: str) -> None:
    told = said(notice(), lang=lang)
    assert told.subject == subject
    assert all(text in told.text for text in ("web01", "3", "https://siem:8470/incidents/VV-2026-0001"))
    assert told.body["text"] == f"{told.subject}\n{told.text}"


def test_what_a_sender_chose_makes_no_lines_of_its_own() -> None:
    title = {"vi": "x", "en": "Guessing\r\nBcc: all@example\x1b[2J\u202e" + "a" * 500}
    told = said(notice(title=title, host="web01\nOpen: https://evil.example"))
    assert "\n" not in told.subject
    assert len(told.subject) < 200
    assert "\x1b" not in told.text
    assert not [line for line in told.text.splitlines() if line.startswith(("Bcc", "Open: https://evil"))]


def test_a_digest_is_bounded_and_says_how_many_more() -> None:
    rows = [notice(n, path="/incidents/" + "x" * 90, host="h" * 200) for n in range(60)]
    told = said(notice(matter=DIGEST, count=60), *rows)
    assert told.text.count("\n- ") == noticing.PARTS_SHOWN
    assert "20 more" in told.text
    assert len(told.body["matters"]) == 60


def test_the_webhooks_secret_is_in_no_setup() -> None:
    shift = ShiftOfDuty(to=["ca@x"], days=["mon-fri"], hours="17:00-07:30")
    settings = Settings(
        mail=Mail(host="relay", port=587), notices=Notices(duty=[shift], webhook="https://chat:8443/hook?token=secret")
    )
    setup = noticing.setup_of(settings)
    assert (setup.relay, setup.webhook, setup.channels) == ("relay:587", "chat:8443", ["mail", "webhook"])
    assert setup.duty.shifts[0].start == 17 * 60


def test_looking_writes_only_where_there_is_news(database: Database) -> None:
    def look(now: int) -> bool:
        with database.read() as session:
            found = noticing.has_news(session, ["mail"], now)
        with database.write() as session:
            noticing.take_notice(session, ["mail"], now)
        return found

    assert look(NOW)
    assert not look(NOW + SECOND)
    with database.write() as session:
        number = self_alert(session, "silence:1", {"vi": "x", "en": "x"}, "medium", {}, NOW + SECOND)
    assert look(NOW + 2 * SECOND)
    assert not look(NOW + 3 * SECOND)
    with database.read() as session:
        told = noticing.of_alert(session.get_one(Alert, number), NOW)
    assert (told.key, told.since) == ("self:silence:1", NOW - DAY)
    with database.write() as session:
        assert noticing.take_notice(session, [], NOW) == 0
    with database.read() as session:
        assert not noticing.has_news(session, [], NOW)
