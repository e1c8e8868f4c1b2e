"""Hunting: a query, its chart, its events and fields."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import Route, expect
from sqlalchemy import select

from core.db.models import Audit, SavedSearch
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import ask


def test_a_query_finds_events_and_says_how_truly(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    ask(console, "host.name: baochi-crawl01 and event.dataset: system.auth")
    expect(console.page.locator(".truth")).to_contain_text("21 sự kiện")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    expect(console.rows().first).to_contain_text("Accepted password for baochi")
    expect(console.page.locator(".chart-place canvas")).to_be_visible()
    assert "q=host.name" in console.page.url
    with shared_house.services.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action == "events.search")).all()
        queries = [entry.after["query"] for entry in entries if entry.after]
    assert "host.name: baochi-crawl01 and event.dataset: system.auth" in queries


def test_a_wrong_query_is_marked_where_it_is_wrong(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    ask(console, 'message: "chưa đóng')
    problem = console.page.get_by_role("alert")
    expect(problem).to_contain_text("Dấu nháy kép mở ở đây chưa được đóng")
    expect(problem).to_contain_text("(ký tự thứ 10)")
    box = console.page.locator(".query-box input")
    assert box.evaluate("e => e.selectionStart") == 9
    mark = console.page.locator(".query-mark .wrong")
    expect(mark).to_have_text('"chưa đóng')
    place, frame = mark.bounding_box(), box.bounding_box()
    assert place is not None and frame is not None
    width = console.page.evaluate(
        """() => { const c = document.createElement('canvas').getContext('2d');
           c.font = getComputedStyle(document.querySelector('.query-box input')).font;
           return c.measureText('0'.repeat(100)).width / 100 }"""
    )
    assert abs(place["x"] - (frame["x"] + 10 + 9 * width)) < width, "the mark lies under the text"
    ask(console, "destination.prot: 22")
    expect(console.page.locator(".query-mark .doubtful")).to_have_text("destination.prot")
    console.page.locator(".truth").get_by_role("button", name="destination.port").click()
    expect(box).to_have_value("destination.port: 22")


def test_stages_make_a_table_whose_groups_lead_to_their_events(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    ask(console, "event.dataset: system.auth | stats count, max(@timestamp) by host.name, user.name | sort -count")
    grid = console.page.get_by_role("grid", name="Các nhóm")
    expect(grid.get_by_role("columnheader")).to_have_text(["host.name", "user.name", "count", "max(@timestamp)"])
    expect(console.page.get_by_text(re.compile(r"^Hiện \d+ trong \d+ nhóm$"))).to_be_visible()
    expect(console.page.get_by_text("Chính xác và đầy đủ")).to_be_visible()
    first = grid.get_by_role("row").nth(1)
    host, user, count = first.get_by_role("gridcell").all_inner_texts()[:3]
    first.get_by_role("button", name=host).click()
    expect(console.page.locator(".query-box input")).to_have_value(
        re.compile(f"^event.dataset: system.auth and host.name == {host} and user.name == {user}$")
    )
    expect(console.page.locator(".truth")).to_contain_text(f"{count} sự kiện")
    ask(console, "event.dataset: system.auth | timechart 5m by host.name | sort -count")
    first = grid.get_by_role("row").nth(1)
    count = first.get_by_role("gridcell").nth(2).inner_text()
    first.get_by_role("gridcell").nth(2).get_by_role("button").click()
    expect(console.page.locator(".truth")).to_contain_text(f"{count} sự kiện")
    assert "from=2026-" in console.page.url, "the time of the group is part of the question"
    console.page.go_back()
    expect(grid).to_be_visible()
    ask(console, "event.dataset: system.auth | timechart 1h")
    expect(console.page.get_by_role("grid", name="Các nhóm").get_by_role("columnheader").first).to_have_text(
        "Thời gian"
    )
    ask(console, "event.dataset: system.auth | count user.name")
    expect(console.page.get_by_role("alert")).to_contain_text("cần by")
    expect(console.page.get_by_role("alert")).to_contain_text("(ký tự thứ 36)")


def test_values_filter_in_and_out_and_become_columns(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    box = console.page.locator(".query-box input")
    console.button(re.compile("^event.outcome")).click()
    console.button("Chỉ event.outcome là failure").click()
    expect(console.page.locator(".query-box input")).to_have_value(
        "event.dataset: nginx.access and event.outcome: failure"
    )
    expect(console.page.locator(".truth")).to_contain_text("89 sự kiện")
    console.button(re.compile("^source.ip")).click()
    console.button("Thêm thành cột").click()
    expect(console.grid().get_by_role("columnheader", name="source.ip")).to_be_visible()
    console.press("j")
    expect(console.side()).to_contain_text("event.outcome")
    console.side().get_by_role("button", name="Trừ host.name là").click()
    expect(box).to_have_value(re.compile(r" and not host\.name: tthc-web01$"))
    console.page.go_back()
    expect(console.page.locator(".query-box input")).to_have_value(
        "event.dataset: nginx.access and event.outcome: failure"
    )


def test_all_rows_are_in_reach_and_a_file_holds_them(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    console.grid().focus()
    end = console.page.get_by_text("Hết: 1.500 sự kiện")
    while not end.is_visible():
        had = console.grid().get_attribute("aria-rowcount")
        console.press("End")
        expect(console.page.locator(f".grid:not([aria-rowcount='{had}'])").or_(end).first).to_be_visible()
    assert console.rows().count() < 80, "rows out of sight are not drawn"
    console.button("Xuất").click()
    with console.page.expect_download() as got:
        console.page.get_by_role("menuitem", name=re.compile("CSV")).click()
    with Path(got.value.path()).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1501][0] == "Hết: 1.500 dòng, bằng số kết quả của truy vấn."
    console.toast("Đã xuất toàn bộ kết quả")


def test_a_range_drawn_on_the_chart_becomes_the_question(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("1.531")
    expect(console.rows().first).to_be_visible()  # nothing moves the chart any more
    box = console.page.locator(".chart-place .u-over").bounding_box()
    assert box is not None
    console.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 20)
    console.page.mouse.down()
    console.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=5)
    console.page.mouse.up()
    console.page.wait_for_url(re.compile("from=2026-.*to=2026-"))
    expect(console.page.locator(".truth")).not_to_contain_text("1.531")


def test_times_are_typed_as_they_are_read(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    console.button("24 giờ qua").click()
    console.page.locator("input[name=from]").fill("hôm qua")
    console.button("Dùng khoảng này").click()
    expect(console.page.get_by_role("alert")).to_contain_text("Viết như 25/11/2026 14:30")
    console.page.locator("input[name=from]").fill("01/11/2026 00:00")
    console.page.locator("input[name=to]").fill("02/11/2026 00:00:30")
    console.button("Dùng khoảng này").click()
    console.page.wait_for_url(re.compile(r"from=2026-10-31T17%3A00%3A00\.000Z&to=2026-11-01T17%3A00%3A30"))
    expect(console.page.get_by_text("Không có sự kiện nào khớp trong khoảng này")).to_be_visible()


def test_a_query_is_written_by_its_completion_and_keys_alone(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    box, options = console.page.locator(".query-box input"), console.page.get_by_role("option")
    box.press_sequentially("datas")
    expect(options.first).to_contain_text(re.compile(r"event\.dataset.*keyword.*100"))
    box.press("Tab")
    expect(box).to_have_value("event.dataset: ")
    box.press_sequentially("auth")
    expect(options.first).to_contain_text("system.auth")
    assert console.violations() == []
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("event.dataset: system.auth ")
    box.press_sequentially("| cou")
    expect(options).to_have_text(["count by"])
    box.press("Tab")
    box.press_sequentially("host.n")
    expect(options.first).to_contain_text("host.name")
    box.press("Escape")
    expect(options).to_have_count(0)
    box.press_sequentially("ame")
    box.press("Enter")
    expect(console.page.get_by_role("grid", name="Các nhóm")).to_contain_text("baochi-crawl01")
    expect(options).to_have_count(0)


def test_every_value_has_its_menu_in_table_drawer_and_field_list(open_console: Open, shared_house: Running) -> None:
    path = "/hunt?q=event.dataset:%20nginx.access&cols=source.ip,host.name"
    console = open_console(shared_house, path=path).heading("Truy tìm")
    box, menu = console.page.locator(".query-box input"), console.page.get_by_role("menu")
    expect(console.rows().first).to_be_visible()
    console.press("j")
    expect(console.current()).to_be_visible()
    expect(console.side()).to_contain_text("Bản gốc")
    value = console.current().get_by_role("button").first
    shown = value.inner_text()
    value.press("Enter")
    expect(menu).to_contain_text(f"source.ip: {shown}")
    assert console.violations() == []
    around = menu.get_by_role("menuitem", name="Tìm giá trị này trong 15 phút trước và sau")
    assert re.search(r"from=2026-.*&to=2026-", around.get_attribute("href") or "")
    expect(menu.get_by_role("menuitem", name="Xem trang của đối tượng này")).to_have_attribute(
        "href", re.compile(shown)
    )
    console.press("Escape")
    expect(menu).to_be_hidden()
    expect(value).to_be_focused()
    console.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')) }")
    value.press("Enter")
    menu.get_by_role("menuitem", name="Chép giá trị").click()
    expect(console.dialog().get_by_label("Trình duyệt không cho chép")).to_have_value(shown)
    console.leave_dialog()
    console.side().get_by_role("button", name="Chép JSON").click()
    expect(console.dialog().get_by_label("Trình duyệt không cho chép")).to_have_value(re.compile(r'"source\.ip": "'))
    console.leave_dialog()
    console.side().get_by_title(re.compile(r"^Thao tác với event\.outcome: ")).click()
    menu.get_by_role("menuitem", name="Trừ giá trị này").click()
    expect(box).to_have_value(re.compile(r"^event\.dataset: nginx\.access and not event\.outcome: "))
    console.button(re.compile("^host.name [0-9]")).click()
    expect(console.page.locator(".values")).to_contain_text("5 giá trị đầu · chính xác")
    console.page.locator(".values .pivot").first.click()
    menu.get_by_role("menuitem", name="Nhóm theo host.name").click()
    expect(console.page.get_by_role("grid", name="Các nhóm").locator(".grid-row")).to_have_count(5)


def test_columns_are_moved_dropped_and_kept_in_the_address(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    heads = console.grid().get_by_role("columnheader")

    def act(column: str, item: str) -> None:
        heads.get_by_role("button", name=column).click()
        console.page.get_by_role("menuitem", name=item).click()

    act("event.dataset", "Sang trái")
    expect(heads).to_have_text(["Thời gian", "event.dataset ▾", "host.name ▾", "Nội dung ▾"])
    act("Nội dung", "Bỏ cột")
    heads.get_by_role("button", name="host.name").drag_to(heads.get_by_role("button", name="event.dataset"))
    expect(heads).to_have_text(["Thời gian", "host.name ▾", "event.dataset ▾"])
    console.page.wait_for_url(re.compile(r"cols=host\.name%2Cevent\.dataset"))
    console.page.reload()
    expect(heads).to_have_text(["Thời gian", "host.name ▾", "event.dataset ▾"])
    act("host.name", "Về các cột mặc định")
    expect(heads).to_have_text(["Thời gian", "host.name ▾", "event.dataset ▾", "Nội dung ▾"])


def test_a_range_is_chosen_on_the_chart_by_keys_and_back_leads_back(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    chart, truth = console.page.locator(".chart-place"), console.page.locator(".truth")
    expect(chart.locator("canvas")).to_be_visible()
    expect(truth).to_contain_text("1.531 sự kiện")
    for key in ("End", "ArrowLeft", "Shift+ArrowLeft"):
        chart.press(key)
    said = chart.get_by_role("status")
    expect(said).to_contain_text("Enter để chọn khoảng này")
    count = re.search(r": (\d+) sự kiện", said.inner_text())
    assert count is not None
    chart.press("Enter")
    console.page.wait_for_url(re.compile("from=2026-.*to=2026-"))
    expect(truth).to_contain_text(re.compile(rf"^{count[1]} sự kiện"))
    console.page.go_back()
    expect(truth).to_contain_text("1.531 sự kiện")
