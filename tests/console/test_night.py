"""A night shift: what is old is red wherever one looks, and a new grave alert is heard of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from playwright.sync_api import Route, expect

from sqlalchemy import select

from core.db.models import Alert
from tests.console.conftest import Open
from tests.console.house import PASSWORD, Running
from tests.console.pages import Console, close_current, sign_in

QUEUE = "Cảnh báo chờ xử lý"


def behind(console: Console, seconds: float) -> None:
    """From now on the stream says that the pipeline is so far behind."""
    health = console.page.request.get(f"{console.url}/api/v1/health").json()
    until = datetime.fromisoformat(health["now"]) - timedelta(seconds=seconds)
    tick = {
        "health": health | {"data_until": until.isoformat()},
        "counts": {"queue": 11, "incidents": 1, "waiting_runs": 0, "sources": 0},
    }

    def answer(route: Route) -> None:
        body = f"retry: 500\nevent: tick\ndata: {json.dumps(tick)}\n\n"
        route.fulfill(content_type="text/event-stream", body=body)

    console.page.route("**/api/v1/stream", answer)
    console.go("/queue").heading(QUEUE)


def test_the_tab_counts_what_waits(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading(QUEUE)
    expect(console.page).to_have_title("(11) Chờ xử lý · Kỳ Đài")
    console.press("g", "i").heading("Vụ việc")
    expect(console.page).to_have_title("(11) Vụ việc · Kỳ Đài")


def test_a_pipeline_that_is_behind_is_red_with_the_last_data(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading(QUEUE)
    behind(console, 5)
    expect(console.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    expect(console.band()).to_have_count(0)
    behind(console, 13)
    expect(console.band()).to_contain_text("Xử lý dữ liệu đang chậm")
    expect(console.band()).to_contain_text(re.compile(r"Dữ liệu cuối lúc \d\d/\d\d/20\d\d \d\d:\d\d:\d\d"))
    expect(console.page).to_have_title("⚠ Dữ liệu chậm · Chờ xử lý · Kỳ Đài")
    assert console.violations() == []


HEARD = """() => {
  window.heard = { tones: 0, notices: [] };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...args) { window.heard.tones++; return start.apply(this, args); };
  window.Notification = class extends EventTarget {
    static permission = 'default';
    static requestPermission = async () => (window.Notification.permission = window.answer ?? 'granted');
    constructor(title, { body }) { super(); window.heard.notices.push(`${title} | ${body}`); }
  };
}"""
"""Counts the tones that are played and keeps the notices that are sent."""


HELD_BACK = """window.AudioContext = class {
  state = 'suspended';
  resume = () => new Promise(done => addEventListener('keydown', () => { this.state = 'running'; done(); }, { once: true }));
};"""
"""As a browser is to a page that nobody has touched yet, whatever this one was built to allow."""


def heard(console: Console) -> tuple[int, list[str]]:
    found = console.page.evaluate("() => window.heard")
    return found["tones"], found["notices"]


def switch(console: Console, name: str) -> None:
    console.button("Nguyễn Thị Hạnh").click()
    console.page.get_by_role("menuitem", name=name).click()


def test_a_grave_alert_is_heard_once_sound_and_notices_are_on(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading(QUEUE)
    console.page.evaluate(HEARD)
    expect(console.page).to_have_title(re.compile(r"^\(11\)"))
    own_house.add_alert()
    expect(console.page).to_have_title(re.compile(r"^\(12\)"))
    assert heard(console) == (0, []), "off by default"
    switch(console, "Âm thanh")
    expect(console.page.get_by_role("img", name="Báo bằng âm thanh")).to_be_visible()
    switch(console, "Thông báo trên màn hình")
    assert heard(console) == (2, []), "a sample of the sound, and nothing that was there before"
    own_house.add_alert(level="medium", rule_id="m")
    expect(console.page).to_have_title(re.compile(r"^\(13\)"))
    own_house.add_alert(host="dc03")
    console.page.wait_for_function("() => window.heard.notices.length")
    own_house.add_alert(host="dc04", level="high")
    console.page.wait_for_function("() => window.heard.notices.length > 1")
    title = "Tài khoản quản trị mới được tạo"
    assert heard(console) == (10, [f"[Nghiêm trọng] {title} | dc03", f"[Cao] {title} | dc04"])


def test_notices_that_the_browser_blocks_are_not_said_to_be_on(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading(QUEUE)
    console.page.evaluate(HEARD)
    console.page.evaluate("() => { window.answer = 'denied' }")
    switch(console, "Thông báo trên màn hình")
    console.toast("Trình duyệt chặn thông báo của trang này")
    expect(console.page.locator(".bell")).to_have_count(0)
    assert console.violations() == []


def test_a_sound_that_the_browser_holds_back_is_said(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading(QUEUE)
    console.page.evaluate("() => localStorage.setItem('kydai-alarm', 'sound')")
    console.page.add_init_script(HELD_BACK)
    console.go("/queue").heading(QUEUE)
    expect(console.page.get_by_text("Âm thanh chưa bật: bấm vào trang")).to_be_visible()
    assert console.violations() == []
    console.press("j")
    expect(console.page.get_by_role("img", name="Báo bằng âm thanh")).to_be_visible()


def test_all_that_match_are_taken_and_given_back(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading(QUEUE)
    expect(console.rows()).to_have_count(11)
    console.press("X")
    expect(console.page.get_by_text("Đã chọn tất cả: 11 cảnh báo khớp bộ lọc")).to_be_visible()
    assert console.violations() == []
    console.press("a").toast("Nguyễn Thị Hạnh nhận xử lý (11 cảnh báo)")
    expect(console.page).to_have_title("Chờ xử lý · Kỳ Đài")
    console.press("u").toast("Đã hoàn tác")
    expect(console.page).to_have_title(re.compile(r"^\(11\)"))
    console.press("j", "x")
    console.button(re.compile("^Chọn tất cả 11")).click()
    console.choose("Mức độ", "Từ Cao")
    expect(console.rows()).to_have_count(6)
    expect(console.page.get_by_text("Đã chọn tất cả")).to_have_count(0)


def test_what_came_after_all_were_chosen_is_not_closed_unseen(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading(QUEUE)
    expect(console.rows()).to_have_count(11)
    console.press("X", "c")
    expect(console.dialog()).to_contain_text("Đóng tất cả 11 cảnh báo khớp bộ lọc")
    own_house.add_alert()
    console.press("2").toast("Chưa thay đổi gì: đã chọn 11 cảnh báo, nay có 12 khớp bộ lọc")
    expect(console.page).to_have_title(re.compile(r"^\(12\)"))


def test_what_somebody_else_changed_is_not_written_over(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading(QUEUE)
    expect(console.rows()).to_have_count(11)
    # the page hears of nothing, as within the moment before it does
    console.page.route("**/api/v1/stream", lambda route: route.abort())
    console.go("/queue").heading(QUEUE)
    expect(console.rows()).to_have_count(11)
    other = open_console(own_house, "baotq").heading(QUEUE)
    expect(other.rows()).to_have_count(11)
    other.press("j", "a").toast("nhận xử lý (1 cảnh báo)")
    console.press("j", "a").toast("vừa được người khác thay đổi")
    with own_house.services.database.read() as session:
        assert session.scalars(select(Alert.assignee).where(Alert.host == "backup01")).all() == ["baotq"]


def test_own_changes_in_a_row_are_no_conflict(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading(QUEUE)
    expect(console.rows()).to_have_count(11)
    console.page.route("**/api/v1/stream", lambda route: route.abort())
    console.page.route("**/api/v1/alerts/groups*", lambda route: route.abort())
    console.press("j", "a").toast("nhận xử lý (1 cảnh báo)")
    close_current(console, 2).toast("Đã đóng: đúng, được phép")


@dataclass
class Counted:
    """Counts what a hand does: keys of commands and clicks, not the letters of a text."""

    console: Console
    number: int = 0

    def press(self, *keys: str) -> None:
        self.number += len(keys)
        self.console.press(*keys)

    def click(self, name: str) -> None:
        self.number += 1
        self.console.button(re.compile(name)).first.click()


def test_how_many_keys_a_shift_costs(open_console: Open, own_house: Running) -> None:
    console = sign_in(open_console(own_house, None, path="/"), "hanhnt", PASSWORD).heading(QUEUE)
    expect(console.rows()).to_have_count(11)
    hand = Counted(console)
    hand.press("j", "c")
    expect(console.dialog().locator(":focus")).to_have_count(1)
    hand.press("2")
    console.toast("Đã đóng: đúng, được phép (1 cảnh báo)")
    assert hand.number <= 3, "a benign alert"
    console.row("Đăng nhập SSH thành công").click()
    hand = Counted(console, 1)
    hand.press("Enter")
    console.heading(re.compile("baochi-crawl01"))
    hand.press("a")
    console.toast("nhận xử lý")
    hand.press("n")
    expect(console.dialog().locator(":focus")).to_have_count(1)
    console.page.keyboard.insert_text("Đã gọi nhà thầu")
    hand.press("Control+Enter")
    console.toast("Đã lưu ghi chú")
    hand.click("^Phê duyệt$")
    console.toast("Đã phê duyệt")
    hand.press("c")
    expect(console.dialog().locator(":focus")).to_have_count(1)
    hand.press("1")
    console.toast("Đã đóng vụ việc")
    assert hand.number <= 12, "an incident: opened, taken, noted, its block approved, closed"
