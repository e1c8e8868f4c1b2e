"""An incident: its sentence, its timeline, an approval that is answered, a declaration, its end."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select

from core.db.models import Audit, Incident
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import close_current

NUMBER = "VV-2026-0005"
PATH = f"/incidents/{NUMBER}"
TITLE = re.compile("Đăng nhập SSH thành công sau dò mật khẩu trên baochi-crawl01")


def actions_of(house: Running) -> list[str]:
    """What the journal says was done to the incident and its runs."""
    with house.services.database.read() as session:
        wanted = Audit.action.startswith("incident.") | Audit.action.startswith("run.")
        return list(session.scalars(select(Audit.action).where(wanted).order_by(Audit.seq)))


def test_it_tells_who_what_and_why(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/incidents").heading("Vụ việc")
    expect(console.rows()).to_have_count(5)
    console.row(NUMBER).click()
    console.press("Enter").heading(TITLE)
    page = console.page.locator(".page")
    expect(page).to_contain_text("Chưa rõ: dữ liệu có bị lấy ra ngoài hay không")
    timeline = console.page.locator(".timeline > li")
    expect(timeline).to_have_count(5)
    expect(timeline.nth(1)).to_contain_text("vì cùng máy baochi-crawl01, cùng tài khoản baochi")
    expect(timeline.nth(4)).to_contain_text("Chặn nguồn dò mật khẩu")
    points = console.page.locator(".sum dd").all_inner_texts()
    assert sum(int(p.replace("+", "").replace("−", "-")) for p in points) == int(
        console.page.locator("h3 b.ink").inner_text()
    )
    console.page.get_by_role("link", name="Truy tìm quanh vụ việc này: 10.20.6.21").click()
    console.heading("Truy tìm")
    expect(console.page.locator(".query-box input")).to_have_value(re.compile("source.ip: 10.20.6.21 or destination"))


def test_an_approval_shows_whom_it_touches_and_is_carried_out_and_undone(
    open_console: Open, own_house: Running
) -> None:
    console = open_console(own_house, path=PATH).heading(TITLE)
    run = console.page.locator("article.run").first
    expect(run).to_contain_text("Chờ phê duyệt")
    expect(run).to_contain_text("+ chặn 198.51.100.141")
    expect(run).to_contain_text("… 15 địa chỉ nữa")
    expect(run).to_contain_text(re.compile(r"đối tượng được bảo vệ\s*không có"))
    expect(run).to_contain_text("chạy thử, chưa chặn thật")
    console.button("Phê duyệt").click()
    console.toast("Đã phê duyệt")
    # the worker goes on by itself until it needs hands again: the border firewall
    expect(run).to_contain_text("Chờ người thực hiện")
    expect(run).to_contain_text("append member kydai-198.51.100.141")
    expect(run).to_contain_text("Nguyễn Thị Hạnh phê duyệt")
    expect(console.page.locator(".timeline")).to_contain_text("Nguyễn Thị Hạnh")
    console.button("Đã làm xong").click()
    expect(run).to_contain_text("Hoàn tất")
    run.get_by_role("link").first.click()
    expect(console.side()).to_contain_text("đã làm")
    undo = console.side().get_by_role("button", name="Hoàn tác")
    expect(undo).to_have_count(2)
    undo.first.click()
    expect(console.side()).to_contain_text("đã hoàn tác")
    expect(undo).to_have_count(1)
    # what a person did, a person undoes
    undo.click()
    expect(console.side()).to_contain_text("unselect member kydai-198.51.100.141")
    console.button("Đã làm xong").click()
    expect(undo).to_have_count(0)
    assert {"run.approve", "run.done", "run.undo"} <= set(actions_of(own_house))


def test_a_refusal_needs_a_reason_and_ends_the_run(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "admin", path=PATH).heading(TITLE)
    console.button("Từ chối…").click()
    console.dialog().get_by_role("textbox").fill("Đang phối hợp với nhà thầu")
    console.dialog().get_by_role("button", name="Từ chối").click()
    expect(console.page.locator("article.run").first).to_contain_text(re.compile("Đã hủy|Thất bại"))


def test_notes_declaration_and_end_by_keys(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=PATH).heading(TITLE)
    console.press("a").toast("nhận xử lý")
    expect(console.page.locator(".pick select")).to_have_value("hanhnt")
    console.press("n")
    expect(console.dialog().get_by_role("textbox")).to_be_focused()
    console.page.keyboard.type("Đã gọi nhà thầu <b>lúc 10 giờ</b>")
    console.press("Control+Enter").toast("Đã lưu ghi chú")
    expect(console.page.locator(".timeline .note-text")).to_have_text("Đã gọi nhà thầu <b>lúc 10 giờ</b>")
    console.button("Xác nhận là sự cố…").click()
    console.dialog().locator("select[name=category]").select_option(label="Xâm nhập, chiếm quyền điều khiển")
    console.dialog().locator("textarea").fill("Có đăng nhập trái phép vào máy chủ")
    console.button("Xác nhận sự cố").click()
    console.toast("Đã xác nhận sự cố an ninh mạng")
    expect(console.page.locator(".tag.declared")).to_be_visible()
    expect(console.page.locator(".facts").last).to_contain_text("Xâm nhập, chiếm quyền điều khiển")
    close_current(console, 1).toast("Đã đóng vụ việc: đúng, có tấn công")
    expect(console.page.locator(".page")).to_contain_text("Kết luận: đúng, có tấn công.")
    with own_house.services.database.read() as session:
        row = session.scalars(select(Incident).where(Incident.number == NUMBER)).one()
        assert (row.status, row.verdict, row.category) == (
            "closed", "true_positive", "intrusion",
        )  # fmt: skip
    assert {"incident.assign", "incident.note", "incident.declare", "incident.close"} <= set(actions_of(own_house))


def test_a_change_in_between_is_a_conflict_that_is_said(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    console.page.route("**/api/v1/stream", lambda route: route.abort())
    console.go(PATH).heading(TITLE)
    with own_house.services.database.write() as session:
        row = session.scalars(select(Incident).where(Incident.number == NUMBER)).one()
        row.version += 1
    with console.page.expect_response(lambda r: r.request.method == "GET" and r.url.endswith(f"/incidents/{NUMBER}")):
        console.press("a").toast("vừa được người khác thay đổi")
    # in a dialog it stands there, and what was typed is still there to be sent
    with own_house.services.database.write() as session:
        session.scalars(select(Incident).where(Incident.number == NUMBER)).one().version += 1
    console.press("c")
    console.dialog().get_by_role("textbox").fill("Máy quét được phép")
    console.dialog().get_by_role("button", name=re.compile("được phép")).click()
    expect(console.dialog().get_by_role("alert")).to_contain_text("vừa được người khác thay đổi")
    console.dialog().get_by_role("button", name=re.compile("được phép")).click()
    console.toast("Đã đóng vụ việc")


def test_a_dry_run_shows_what_a_playbook_would_do(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=PATH).heading(TITLE)
    console.button("Chạy kịch bản…").click()
    console.dialog().get_by_role("button", name="Chạy thử").click()
    console.toast("Đã khởi chạy")
    dry = console.page.locator("article.run").filter(has_text="chạy thử (không tác động)")
    expect(dry).to_contain_text("Hoàn tất")
    dry.get_by_role("link").first.click()
    expect(console.side()).to_contain_text("+ chặn 198.51.100.141")


def test_another_incident_is_merged_into_it(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=PATH).heading(TITLE)
    console.button("Gộp thêm…").click()
    console.dialog().get_by_role("checkbox", name=re.compile("VV-2026-0004")).check()
    console.dialog().get_by_role("button", name="Gộp", exact=True).click()
    console.toast("Đã gộp vào VV-2026-0005")
    expect(console.page.locator(".timeline")).to_contain_text("Dữ liệu ra ngoài vượt mức thường ngày")
    expect(console.page.locator(".page")).to_contain_text("Gộp từ VV-2026-0004")
    console.go("/incidents").heading("Vụ việc")
    expect(console.rows()).to_have_count(4)


def test_an_alert_is_split_off_into_a_new_incident(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=PATH).heading(TITLE)
    console.button("Tách…").click()
    boxes = console.dialog().get_by_role("checkbox")
    expect(boxes).to_have_count(4)
    split = console.dialog().get_by_role("button", name="Tách", exact=True)
    for box in boxes.all():
        box.check()
    expect(split).to_be_disabled()
    expect(console.dialog()).to_contain_text("Phải để lại ít nhất một cảnh báo")
    for box in boxes.all()[:3]:
        box.uncheck()
    split.click()
    console.toast("Đã tách thành VV-2026-0006").heading(re.compile("Lịch chạy mới trong cron"))
    expect(console.page.locator(".timeline")).to_contain_text("vì hanhnt chuyển vào đây")
    console.go(PATH).heading(TITLE)
    expect(console.page.get_by_role("link", name="3 cảnh báo")).to_be_visible()


def test_tags_of_ones_own_are_put_on_and_taken_off(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=PATH).heading(TITLE)
    add = console.page.get_by_role("button", name="Thêm…", exact=True)
    add.click()
    expect(console.dialog().get_by_role("textbox")).to_be_focused()
    console.page.keyboard.type("ca đêm, đào tiền ảo")
    console.press("Enter").toast("Đã gắn nhãn")
    expect(add).to_be_focused()
    tags = console.page.locator("dl.facts .tag.own")
    expect(tags).to_have_count(2)
    console.page.get_by_role("button", name="Gỡ nhãn ca đêm").click()
    console.toast("Đã gỡ nhãn ca đêm")
    expect(tags).to_have_text(["đào tiền ảo×"])
    expect(console.page.locator(".timeline")).to_contain_text("Nguyễn Thị Hạnh gỡ nhãn")
    assert actions_of(own_house)[-2:] == ["incident.tag", "incident.untag"]


def test_its_numbers_lead_to_what_they_count(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path=PATH).heading(TITLE)
    console.page.get_by_role("link", name="4 cảnh báo").click()
    console.heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(4)
    console.button(re.compile("Bỏ lọc")).click()
    expect(console.rows()).not_to_have_count(4)
    console.go(PATH).heading(TITLE)
    console.page.get_by_role("link", name="ít nhất 113 sự kiện").click()
    console.heading("Truy tìm")
    expect(console.rows().first).to_contain_text("baochi-crawl01")
