"""Rules written in the console: errors at their line, tried, saved, undone, and two people at one rule."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select

from core.clock import HOUR, iso
from core.db.models import Audit
from core.event import Event, new_ulid
from core.store.contract import Batch
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import Console
from tests.console.test_detections import SHELL

SUDO = "title: Sudo By An\nid: {id}\nname: sudo_cua_an\nstatus: test\nlevel: {level}\nlogsource: {{product: aws}}\ndetection:\n"
SUDO += "  s: {{eventName: {name}}}\n  condition: s\nkydai: {{title: {{vi: An dùng sudo, en: Sudo by An}}}}\n"
ID = "44444444-4444-4444-8444-444444444444"


def text(level: str = "medium", name: str = "DeleteTrail") -> str:
    return SUDO.format(id=ID, level=level, name=name)


def write(console: Console, text: str) -> None:
    console.page.get_by_label("Nội dung quy tắc").fill(text)


def test_a_new_rule_is_written_tried_saved_and_undone(open_console: Open, own_house: Running) -> None:
    house = own_house.services
    segment, at = new_ulid(house.clock.now()), iso(house.clock.now() - HOUR)
    event: Event = {
        "@timestamp": at, "event.created": at, "event.ingested": at, "event.id": f"{segment}.0.0",
        "event.module": "aws", "event.dataset": "aws.cloudtrail", "eventName": "DeleteTrail", "message": "<img src=x> deleted", "kydai.retention": "default",
    }  # fmt: skip
    house.store.append(Batch([event]))
    console = open_console(own_house, path="/detections").heading("Quy tắc phát hiện")
    console.page.get_by_role("link", name="Quy tắc mới").press("Enter")
    console.heading("Quy tắc mới")
    expect(console.page.get_by_label("Nội dung quy tắc")).to_be_focused()
    console.choose("Nguồn nhật ký", "windows/process_creation")
    expect(console.page.get_by_label("Nội dung quy tắc")).to_have_value(re.compile("category: process_creation"))
    write(console, text(level="hihg") + "# <img src=x onerror=alert(1)>\n")
    remarks = console.page.get_by_role("list", name="Nhận xét theo dòng").first
    expect(remarks).to_contain_text("Có thể là: high")
    expect(console.page.locator(".code-numbers .wrong")).to_have_text("5")
    remarks.get_by_role("button", name="5:1").press("Enter")
    expect(console.page.get_by_label("Nội dung quy tắc")).to_be_focused()
    assert console.violations() == []
    console.press("Control+s")
    expect(console.page.locator(".problem")).to_contain_text("“level” không có mức “hihg”")
    write(console, text())
    expect(console.page.locator(".problem")).to_have_count(0)  # the refusal was of the text before
    console.page.get_by_label("Nội dung mẫu thử").fill(
        "match: [{eventName: DeleteTrail}]\nno_match: [{eventName: x}]\n"
    )
    console.press("Control+Enter")
    expect(console.page.get_by_text("Cả 2 mẫu đều đúng")).to_be_visible()
    expect(console.page.get_by_text("1 sự kiện khớp")).to_be_visible()
    short = console.page.get_by_role("status").get_by_role("button")
    expect(short).to_have_text("Khớp 1 trong 1 sự kiện mới nhất")
    expect(short).to_be_in_viewport()
    write(console, text(name="Other"))
    expect(short).to_have_text("Khớp 1 trong 1 sự kiện mới nhất · của bản trước khi sửa")
    write(console, text())
    expect(
        console.page.get_by_role("row", name=re.compile("s: eventName = DeleteTrail.*<img src=x> deleted"))
    ).to_be_visible()
    console.button("Thử trên quá khứ").click()
    console.button("Chạy thử").click()
    expect(console.page.locator(".numbers")).to_contain_text("Sự kiện khớp1")
    assert console.page.locator("img").count() == 0
    assert console.violations() == []
    console.page.get_by_label("Lý do thay đổi (nên có)").fill("Theo vụ việc 5")
    console.press("Control+s").heading("An dùng sudo")
    console.toast("; chế độ: cảnh báo")
    expect(console.page.get_by_text("sudo_cua_an.yml:1")).to_be_visible()
    console.page.get_by_role("link", name="Lịch sử").click()
    row = console.page.get_by_role("row", name=re.compile("Lưu nội dung quy tắc"))
    expect(row).to_contain_text("Theo vụ việc 5")
    row.get_by_role("button", name="Xem thay đổi").click()
    expect(row.locator(".diff .added").first).to_contain_text("+title: Sudo By An")
    console.page.locator("h1").click()
    console.press("u").heading("Quy tắc phát hiện")
    console.toast("Đã hoàn tác")
    console.go(f"/detections/{ID}")
    expect(console.page.get_by_role("alert")).to_be_visible()
    with house.database.read() as session:
        query = (
            select(Audit.action).where(Audit.object == f"rule:{ID}", Audit.action.like("rule.%")).order_by(Audit.seq)
        )
        assert session.scalars(query).all() == ["rule.save", "rule.undo"]


def test_a_copy_is_made_and_two_people_do_not_overwrite_each_other(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=f"/detections/{SHELL}").heading("Trình lệnh kết nối ngược ra ngoài")
    expect(console.page.get_by_text("Không có lỗi")).to_be_visible()
    lines = console.page.locator(".rule-lines li")
    expect(lines.first).to_have_text("title: Reverse Shell On A Command Line")
    console.button("Sửa").click()
    area = console.page.get_by_label("Nội dung quy tắc")
    expect(console.page.get_by_text("Quy tắc của gói kydai.")).to_be_visible()
    area.fill(area.input_value().replace("level: high", "level: low"))
    other = open_console(own_house, "admin", path=f"/detections/{SHELL}").heading("Trình lệnh kết nối ngược ra ngoài")
    other.button("Sửa").click()
    theirs = other.page.get_by_label("Nội dung quy tắc")
    theirs.fill(theirs.input_value().replace("level: high", "level: critical"))
    other.press("Control+s").toast("; chế độ: cảnh báo")
    console.press("Control+s")
    expect(console.page.locator(".problem")).to_contain_text("vừa được người khác sửa")
    console.button("Đọc lại bản hiện nay").click()
    console.button("Giữ bản nháp để lưu thay bản đó").click()
    console.page.get_by_role("link", name="Lịch sử").click()  # a look elsewhere keeps the draft
    change = console.page.get_by_role("row", name=re.compile("Lưu nội dung quy tắc"))
    change.get_by_role("button", name="Xem thay đổi").click()
    expect(change.locator(".diff .added")).to_have_text(["+level: critical\n"])
    console.page.get_by_role("link", name="Nội dung").click()
    expect(area).to_have_value(re.compile("level: low"))
    console.press("Escape")
    area.press("Control+s")
    console.toast("; chế độ: chỉ ghi nhận")
    expect(lines.nth(4)).to_have_text("level: low")
    expect(console.page.get_by_text("bản riêng, thay cho quy tắc của gói kydai")).to_be_visible()
    console.button("Bỏ bản riêng").click()
    console.toast("Đã bỏ bản riêng")
    expect(lines.nth(4)).to_have_text("level: high")
    console.press("u").toast("Đã hoàn tác")
    expect(lines.nth(4)).to_have_text("level: low")


def test_a_rule_further_down_its_file_is_shown_and_changed_there(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/detections/edcf27d7-6e8f-47c4-abc5-5ca5e8f5d207")
    chosen = console.page.locator(".rule-lines .chosen")
    expect(chosen).to_have_text("title: SSH Guessing Against One Host From Many Addresses")
    expect(chosen).to_be_in_viewport()
    console.button("Sửa").click()
    area = console.page.get_by_label("Nội dung quy tắc")
    expect(console.page.get_by_text("Tệp này chứa 3 quy tắc")).to_be_visible()
    assert area.evaluate("a => a.value.slice(a.selectionStart)").startswith("title: SSH Guessing Against One Host")
    assert area.evaluate("a => a.scrollTop") > 0


def test_who_may_not_change_rules_may_read_and_check(open_console: Open, shared_house: Running) -> None:
    for name, said in (("trangpt", "Chỉ quản trị và phân tích viên"), ("sonhv", "áp dụng cho toàn đơn vị")):
        console = open_console(shared_house, name, path=f"/detections/{SHELL}").heading(
            "Trình lệnh kết nối ngược ra ngoài"
        )
        console.button("Sửa").click()
        expect(console.page.get_by_text(said)).to_be_visible()
        area = console.page.get_by_label("Nội dung quy tắc")
        area.fill(area.input_value().replace("condition:", "conditon:"))
        expect(console.page.get_by_role("list", name="Nhận xét theo dòng")).to_contain_text("thiếu “condition”")
        expect(console.button(re.compile("^Lưu"))).to_be_disabled()
        console.button("Bỏ bản nháp").click()
        expect(console.page.locator(".rule-lines li").nth(4)).to_have_text("level: high")
