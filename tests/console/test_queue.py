"""The queue, worked through by keys."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Route, expect
from sqlalchemy import select

from core.db.models import Alert, Audit
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import close_current

SHADOW = "Xóa bản sao bóng"
# as the page's address is written, and before the page has it back, a person goes on: types more, or presses j
MEANWHILE = """more => {
  const was = history.replaceState;
  history.replaceState = (...args) => {
    was.apply(history, args);
    history.replaceState = was;
    if (more) {
      const box = document.querySelector('input[type=search]');
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(box, box.value + more);
      box.dispatchEvent(new Event('input', { bubbles: true }));
    } else {
      window.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true, cancelable: true }));
    }
  };
}"""


def test_rows_are_gravest_first_and_say_severity_by_word_and_shape(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(11)
    first = console.rows().first
    expect(first).to_contain_text("Nghiêm trọng")
    expect(first.locator(".severity svg path")).to_have_count(1)
    expect(console.row("dc01")).to_contain_text("14 lần, được phép")
    expect(console.row("dc01")).to_contain_text("144")


def test_the_panel_says_why_and_what_to_do(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    console.row("Đăng nhập SSH thành công").click()
    side = console.side()
    expect(side).to_contain_text("Chưa rõ")
    expect(side).to_contain_text("198.51.100.141, 198.51.100.142, 198.51.100.143 và 17 giá trị khác")
    expect(side).to_contain_text(re.compile(r"ssh_guessing\.yml:14"))
    expect(side).to_contain_text("Chưa gặp trên máy này trong 90 ngày")
    expect(side).to_contain_text("Failed password for baochi")
    expect(side).to_contain_text("Chặn địa chỉ")
    console.page.wait_for_url(re.compile("at=625df790"))


def test_an_event_that_could_not_be_read_is_not_said_to_be_gone(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    lacking = {
        "complete": False,
        "missing": [{"what": "quarantined", "detail": "a.parquet", "start": None, "end": None}],
    }

    def lose(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        route.fulfill(response=answer, json=found | {"not_found": ["x"], "truth": found["truth"] | lacking})

    console.page.route(re.compile("/alerts/[0-9]+/events"), lose)
    console.row("Đăng nhập SSH thành công").click()
    side = console.side()
    expect(side).to_contain_text("1 sự kiện chưa đọc được")
    expect(side).to_contain_text("kydai store verify --mend")
    expect(side).not_to_contain_text("không còn trong kho lưu trữ")
    assert console.violations() == []


def test_a_benign_alert_is_closed_in_three_keys_and_comes_back_by_one(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(11)
    began = time.perf_counter()
    console.press("j", "c")
    expect(console.dialog()).to_be_visible()
    console.press("2")
    console.toast("Đã đóng: đúng, được phép (1 cảnh báo)")
    print(f"j c 2, from the queue to closed: {time.perf_counter() - began:.2f} s")
    expect(console.row(SHADOW)).to_contain_text("Đã đóng")
    expect(console.rows()).to_have_count(11)  # it stays where it was
    expect(console.current()).not_to_contain_text(SHADOW)
    with own_house.services.database.read() as session:
        closed = session.scalars(select(Alert).where(Alert.status == "closed", Alert.host == "backup01")).one()
        assert closed.verdict == "benign"
    console.press("u").toast("Đã hoàn tác")
    expect(console.row(SHADOW)).not_to_contain_text("Đã đóng")
    with own_house.services.database.read() as session:
        assert session.scalars(select(Alert.status).where(Alert.host == "backup01")).all() == ["new"]
        actions = session.scalars(select(Audit.action).order_by(Audit.seq.desc()).limit(2)).all()
    assert actions == ["alert.undo", "alert.close"]


def test_several_are_taken_at_once(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(11)
    console.press("j", "x", "x", "x")
    expect(console.page.get_by_text("Đã chọn 3")).to_be_visible()
    console.press("a").toast("Nguyễn Thị Hạnh nhận xử lý (3 cảnh báo)")
    console.press("r")
    expect(console.rows()).to_have_count(8)
    console.choose("Trạng thái", "Đã tiếp nhận")
    expect(console.rows()).to_have_count(3)
    assert "status=acknowledged" in console.page.url
    console.button("Của tôi").click()
    expect(console.rows()).to_have_count(3)


def test_what_is_new_waits_for_a_person_and_moves_no_row(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(11)
    console.press("j", "j")
    before = console.rows().all_inner_texts()
    own_house.add_alert()
    began = time.perf_counter()
    pill = console.button(re.compile("1 nhóm mới"))
    expect(pill).to_be_visible(timeout=8_000)
    print(f"a new alert is told after {time.perf_counter() - began:.2f} s")
    assert console.rows().all_inner_texts() == before
    pill.click()
    expect(console.rows()).to_have_count(12)
    expect(console.row("Tài khoản quản trị mới được tạo")).to_be_visible()
    expect(console.page.get_by_role("navigation")).to_contain_text("12")


def test_filters_and_groups_live_in_the_address(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    console.choose("Mức độ", "Từ Cao")
    expect(console.rows()).to_have_count(6)
    console.page.get_by_role("searchbox").fill("dao tien ao")
    expect(console.rows()).to_have_count(1)
    console.page.reload()
    expect(console.rows()).to_have_count(1)
    console.go("/queue").choose("Nhóm theo", "máy")
    expect(console.row("baochi-crawl01")).to_contain_text("4 cảnh báo")


def test_who_is_quicker_than_the_address_loses_nothing(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(11)
    console.page.evaluate(MEANWHILE, "")
    console.press("j")
    expect(console.rows().nth(1)).to_have_attribute("aria-selected", "true")
    console.go("/queue")  # where no row is still to be written
    expect(console.rows()).to_have_count(11)
    console.page.evaluate(MEANWHILE, " ao")
    box = console.page.get_by_role("searchbox")
    box.fill("dao tien")
    expect(box).to_have_value("dao tien ao")
    expect(console.rows()).to_have_count(1)
    console.page.wait_for_url(re.compile("text=dao.tien.ao"))


def test_what_somebody_else_did_is_said_and_stays_in_its_place(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    other = open_console(own_house, "baotq").heading("Cảnh báo chờ xử lý")
    for each in (console, other):
        expect(each.rows()).to_have_count(11)
    console.press("j")
    close_current(other.press("j"), 2).toast("Đã đóng")
    expect(console.row(SHADOW)).to_contain_text("Đã được xử lý")
    console.press("c")
    expect(console.dialog()).to_have_count(0)
    close_current(console.press("j"), 1).toast("Đã đóng: đúng, có tấn công")


def test_escape_closes_a_dialog_and_leaves_the_row(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(11)
    console.press("j", "?").leave_dialog()
    expect(console.current()).to_have_count(1)
    console.press("Escape")
    expect(console.current()).to_have_count(0)


def test_the_number_of_hits_leads_to_them(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    console.row("Kết nối tới máy chủ đào tiền ảo").get_by_role("link", name="3", exact=True).click()
    console.heading("Truy tìm")
    expect(console.rows().first).to_contain_text("203.0.113.9")
