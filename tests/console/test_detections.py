"""Detections as an analyst goes through them: list, matrix, one rule from its text to its past, and an alert's reasons."""

from __future__ import annotations

import re

from playwright.sync_api import Route, expect
from sqlalchemy import select

from core.clock import HOUR, iso
from core.db.models import Alert, Audit, Incident
from core.event import Event, new_ulid
from core.store.contract import Batch
from tests.console.conftest import Open
from tests.console.house import Running

SHELL = "f38ec8bb-8469-4eb8-83ea-54bf6afc8ec3"
"""Reverse shell on a command line: partly blind in the seeded house."""
REFUSED = "linux/sshd/failed_password.yml"


def test_the_list_tells_hits_by_day_and_since_when(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/rules?text=miner_port").heading("Quy tắc phát hiện")
    row = console.rows().first
    expect(
        row.get_by_role("img", name=re.compile(r"108 sự kiện khớp, nhận trong 30 ngày qua \(mới đếm 12 ngày\)"))
    ).to_be_visible()
    expect(row).to_contain_text("chưa kiểm chứng")
    expect(row).not_to_contain_text("không áp dụng")
    assert "/detections?text=miner_port" in console.page.url
    scoped = open_console(shared_house, "sonhv", path="/detections?text=miner_port").heading("Quy tắc phát hiện")
    expect(scoped.rows()).to_have_count(1)
    expect(scoped.rows().get_by_role("img")).to_have_count(0)


def test_the_matrix_is_walked_by_keys_to_the_rules_of_a_cell(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/detections").heading("Quy tắc phát hiện")
    console.page.get_by_role("link", name="Ma trận ATT&CK").press("Enter")
    matrix = console.page.get_by_role("group", name="Ma trận ATT&CK")
    cell = matrix.get_by_role("button", name=re.compile(r"^Command and Scripting Interpreter \d+.\d+ phát hiện được"))
    expect(cell).to_be_visible()
    assert console.page.locator(".cell[tabindex='0']").count() == 1
    console.page.locator(".cell[tabindex='0']").focus()
    console.press("ArrowRight", "ArrowRight", "ArrowRight")
    expect(cell).to_be_focused()
    console.press("Enter")
    expect(cell).to_have_attribute("aria-pressed", "true")
    side = console.side()
    expect(side.get_by_role("heading", level=2)).to_have_text("Command and Scripting Interpreter")
    expect(side).to_contain_text("Unix Shell")
    expect(console.page.get_by_role("list", name="Số kỹ thuật theo khả năng phát hiện")).to_contain_text(
        "phát hiện được"
    )
    side.get_by_role("link", name="Trình lệnh kết nối ngược ra ngoài").click()
    console.heading("Trình lệnh kết nối ngược ra ngoài")
    console.page.get_by_role("link", name="attack.t1059.004").click()
    expect(console.side().get_by_role("heading", level=2)).to_have_text("Command and Scripting Interpreter")
    cell.click()
    console.press("Escape")
    expect(console.side()).to_have_count(0)
    expect(cell).to_be_focused()


def test_samples_are_tried_and_history_tells_who(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path=f"/detections/{SHELL}?tab=samples")
    expect(console.page.get_by_text("Cả 6 mẫu đều đúng")).to_be_visible()
    expect(console.page.get_by_role("row")).to_have_count(7)
    console.button("Thử lại").click()
    expect(console.page.get_by_text("Cả 6 mẫu đều đúng")).to_be_visible()
    console.page.get_by_role("link", name="Lịch sử").click()
    expect(console.page.get_by_text("Chưa ai thay đổi gì")).to_be_visible()
    console.side().get_by_label("Lý do thay đổi (nên có)").fill("Đội kiểm thử làm việc tuần này")
    console.side().get_by_role("button", name="chỉ ghi nhận").click()
    console.toast("Quy tắc nay ở chế độ: chỉ ghi nhận")
    row = console.page.get_by_role("row", name=re.compile("Đổi chế độ quy tắc phát hiện"))
    expect(row).to_contain_text("Nguyễn Thị Hạnh")
    expect(row).to_contain_text("chỉ ghi nhận")
    expect(row).to_contain_text("Đội kiểm thử làm việc tuần này")
    console.page.locator("body").click()
    console.press("u").toast("Đã hoàn tác")
    expect(console.side().get_by_role("button", name="chỉ ghi nhận")).to_have_attribute("aria-pressed", "false")
    expect(console.page.get_by_role("row", name=re.compile("Đổi chế độ quy tắc phát hiện"))).to_have_count(2)


def test_a_backtest_is_followed_and_its_values_lead_to_the_events(open_console: Open, own_house: Running) -> None:
    house = own_house.services
    segment, now = new_ulid(house.clock.now()), house.clock.now()
    refused: Event = {
        "event.module": "system", "event.dataset": "system.auth", "process.name": "sshd", "host.name": "web09",
        "event.outcome": "failure", "event.action": "ssh_login", "message": "Failed password for root <b>",
        "event.category": ["authentication"], "user.name": "root", "kydai.retention": "default",
    }  # fmt: skip
    with house.database.read() as session:
        newest = select(Alert).where(Alert.host != "", Alert.incident_id.is_not(None)).order_by(Alert.last_at.desc())
        known = session.scalars(newest).first()
        assert known is not None
        host, number = known.host, session.get_one(Incident, known.incident_id).number
    seen = [(iso(now - hour * HOUR), "web09") for hour in (1, 2, 30)] + [(iso(known.last_at), host)]
    house.store.append(Batch([
        refused | {"@timestamp": at, "event.created": at, "event.ingested": at, "event.id": f"{segment}.{n}.0", "host.name": on}
        for n, (at, on) in enumerate(seen)
    ]))  # fmt: skip
    console = open_console(own_house, path=f"/detections?text={REFUSED}").heading("Quy tắc phát hiện")
    expect(console.rows()).to_have_count(1)
    console.press("j", "Enter")
    console.page.get_by_role("link", name="Thử trên quá khứ").click()
    console.button("Chạy thử").click()
    numbers = console.page.locator(".numbers")
    expect(numbers).to_contain_text("Sự kiện khớp4")
    expect(console.page.get_by_role("img", name="Sự kiện khớp theo ngày")).to_be_visible()
    expect(console.page.get_by_role("row", name=re.compile("host.name web09"))).to_contain_text("3")
    joined = console.page.get_by_role("row", name=re.compile(f"{number}.*host {host}"))
    expect(joined.get_by_role("link", name=number)).to_have_attribute("href", f"/incidents/{number}")
    assert console.violations() == []
    with house.database.read() as session:
        assert session.scalars(select(Audit.actor).where(Audit.action == "rules.backtest")).all() == ["hanhnt"]
    console.page.get_by_role("link", name="web09").click()
    console.heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("3 sự kiện")
    reader = open_console(own_house, "trangpt", path=console.page.url.removeprefix(own_house.url))
    reader.go(f"/detections/{SHELL}?tab=backtest")
    expect(reader.button("Chạy thử")).to_be_disabled()


def test_an_alert_says_which_selection_matched_and_leads_to_the_line(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/queue").heading("Cảnh báo chờ xử lý")
    console.row("Kết nối tới máy chủ đào tiền ảo").click()
    why = console.side().locator(".why")
    expect(why).to_contain_text("pool đã khớp")
    expect(why).to_contain_text("Không bị loại trừ bởi: inside, answer")
    console.row("Đăng nhập SSH thành công sau dò mật khẩu").click()
    expect(why).to_contain_text("Các quy tắc khớp lần lượt")
    expect(why.get_by_role("link", name="Nhiều lần đăng nhập SSH bị từ chối")).to_be_visible()
    evidence = console.side().locator("section", has_text="Sự kiện đầu tiên").locator("time")
    expect(evidence).to_have_count(10)
    console.row("Kết nối tới máy chủ đào tiền ảo").click()
    why.get_by_role("link", name=re.compile("^15: destination.port")).click()
    console.heading("Kết nối ra cổng của máy chủ nhóm đào tiền ảo")
    expect(console.page.locator(".rule-lines .chosen")).to_contain_text("destination.port: [3333")


def test_a_value_never_seen_explains_its_numbers(open_console: Open, own_house: Running) -> None:
    told = {
        "vi": "“nginx → sh” chưa từng thấy\u202e trước đó: đã biết 12 giá trị.",
        "en": "“nginx → sh” was never seen before.",
    }
    with own_house.services.database.write() as session:
        rows = session.scalars(select(Alert).where(Alert.kind == "correlation")).all()
        rows[0].rule_id, rows[0].summary = (
            "cdf3cedc-4cb7-4e1f-842a-c5bf316ae101",
            {"type": "first_seen", "explained": told},
        )
        title = rows[0].rule_title["vi"]
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    console.row(title).click()
    why = console.side().locator(".why")
    expect(why).to_contain_text("“nginx → sh” chưa từng thấy‹U+202E› trước đó: đã biết 12 giá trị.")
    expect(why).to_contain_text("Giá trị chưa từng thấy của ParentImage, Image sau khi học 14 ngày theo từng host.name")
    assert console.violations() == []


def test_values_never_seen_and_beacons_are_found_by_kind_and_say_when_they_alert(
    open_console: Open, shared_house: Running
) -> None:
    console = open_console(shared_house, path="/detections").heading("Quy tắc phát hiện")
    console.page.get_by_label("Loại").select_option("kết nối theo nhịp đều")
    expect(console.rows()).to_have_count(1)
    expect(console.rows().first).to_contain_text("kết nối theo nhịp đều")
    expect(console.page.get_by_text("tương quan", exact=True).locator("visible=true")).to_have_count(0)
    console.press("j", "Enter")
    about = console.page.get_by_role("complementary")
    expect(about).to_contain_text("ít nhất 80 % khoảng cách giữa các lần lệch không quá 20 %")


def test_what_is_not_there_leads_on(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/detections/matrix?technique=T9999")
    expect(console.page.get_by_text("Bảng không có kỹ thuật T9999")).to_be_visible()
    console.page.goto(f"{shared_house.url}/detections/exceptions")
    expect(console.page).to_have_url(re.compile(r"/exceptions$"))


def test_coverage_that_is_not_worked_out_is_not_told_as_none(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house)

    def lack(route: Route) -> None:
        told = route.fetch().json()
        every = [] if "coverage=" in route.request.url else [each | {"coverage": None} for each in told["items"]]
        route.fulfill(json=told | {"coverage": {}, "items": every, "uncovered": 3, "total": len(every)})

    console.page.route(re.compile(r"/api/v1/rules\?"), lack)
    console.go("/detections?text=miner_port").heading("Quy tắc phát hiện")
    expect(console.rows().first).to_contain_text("chưa tính xong")
    choice = console.page.get_by_label("Khả năng phát hiện")
    expect(choice).to_be_disabled()
    console.go("/detections?text=miner_port&coverage=unproven").heading("Quy tắc phát hiện")
    expect(console.page.get_by_text("Đang tính khả năng phát hiện của 3 quy tắc")).to_be_visible()
    console.page.unroute_all(behavior="wait")
    expect(console.rows().first).to_contain_text("chưa kiểm chứng")
    expect(choice).to_be_enabled()
