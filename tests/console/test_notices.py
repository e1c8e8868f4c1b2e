"""Notices in the console: red when one does not go, who is told now, sent again, known, and undone."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from core import notices
from core.db.models import Notice, NoticeState, Outbox
from core.duty import ALL_DAYS, Duty, Shift, read_days
from core.errors import Unavailable, failure, kept
from core.notices import Matter, Setup
from tests.console.conftest import Open
from tests.console.house import Running

SHIFT = Shift(("catruc@bachvan.example", "truongphong@bachvan.example"), read_days(ALL_DAYS), 0, 24 * 60, "Ca đêm")
SET = Setup("mail.bachvan.example:587", "kydai@bachvan.example", "starttls", "chat.bachvan.example", Duty((SHIFT,)))


def tell(house: Running, matter: Matter, state: NoticeState, error: str = "", channel: str = "mail") -> int:
    services = house.services
    object.__setattr__(services, "notices", lambda: SET)
    now = services.clock.now()
    with services.database.write() as session:
        number = notices.tell(session, "mail" if channel == "mail" else "webhook", matter, now)
        assert number is not None
        row = session.get_one(Notice, number)
        row.to, row.attempts = list(SHIFT.to) if channel == "mail" else [SET.webhook], 1
        notices.settle(session, row, state, now, error)
    return number


def refused(house: Running) -> int:
    """A mail that the relay refuses, and others that went."""
    title = {"vi": "VV-2026-0005: Đăng nhập SSH thành công sau dò mật khẩu trên baochi-crawl01", "en": "VV-2026-0005"}
    matter = Matter("incident:5", "critical", title, "baochi-crawl01", 7, "/incidents/VV-2026-0005")
    tell(house, matter, NoticeState.SENT, channel="webhook")
    silent = {"vi": "5 nguồn cùng mất tín hiệu (cùng địa điểm): rt-xa01, rt-xa02 …", "en": "5 sources fell silent"}
    tell(house, Matter("self:silence:1", "medium", silent, count=5, path="/queue"), NoticeState.SENT)
    why = failure(Unavailable, "playbook.error.mail_refused", reason="553 5.7.1 sender address rejected")
    return tell(house, matter, NoticeState.FAILED, kept(why))


def test_a_notice_that_does_not_go_is_red_until_somebody_knows(open_console: Open, own_house: Running) -> None:
    refused(own_house)
    console = open_console(own_house, "hanhnt", path="/queue")
    expect(console.band()).to_contain_text("1 thông báo chưa gửi được: Máy chủ thư từ chối")
    console.band().get_by_role("link", name="Xem thông báo").click()
    console.heading("Thông báo")
    facts = console.page.locator(".storage-facts")
    expect(facts).to_contain_text("qua mail.bachvan.example:587, người gửi kydai@bachvan.example")
    expect(facts).to_contain_text("catruc@bachvan.example, truongphong@bachvan.example (Ca đêm)")
    first = console.page.locator("table.notices tbody tr").first
    expect(first).to_contain_text("Không gửi được")
    expect(first.get_by_role("link")).to_have_attribute("href", "/incidents/VV-2026-0005")
    first.get_by_role("button", name="Đã biết").click()
    expect(console.band()).to_have_count(0)
    row = console.page.locator("table.notices tbody tr").filter(has_text="hanhnt đã biết")
    expect(row).to_have_count(1)
    console.press("u")
    expect(console.band()).to_contain_text("chưa gửi được")
    console.page.locator("table.notices tbody tr").first.get_by_role("button", name="Gửi lại").click()
    console.toast("Sẽ gửi lại ngay")
    expect(console.page.locator("table.notices")).to_contain_text("Chờ gửi")
    expect(console.button("Thử gửi")).to_have_count(0)


def test_a_test_is_a_button_and_what_is_off_says_so(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/notices").heading("Thông báo")
    expect(console.page.get_by_text("Chưa gửi gì ra ngoài.")).to_be_visible()
    console.button("Thử gửi").click()
    console.toast(re.compile("Chưa cài đặt thông báo qua thư hay webhook.*kydai.toml"))
    object.__setattr__(own_house.services, "notices", lambda: SET)
    console.button("Thử gửi").click()
    expect(console.page.locator("table.notices tbody tr")).to_have_count(2)
    with own_house.services.database.read() as session:
        assert session.query(Outbox).filter(Outbox.kind == notices.WORK).count() == 2
