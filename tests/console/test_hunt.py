"""Hunting: a query, its chart, its events and fields."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import expect
from sqlalchemy import select

from core.db.models import Audit
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
    caret = console.page.locator(".query-caret").bounding_box()
    frame = box.bounding_box()
    assert caret is not None and frame is not None
    width = console.page.evaluate(
        """() => { const c = document.createElement('canvas').getContext('2d');
           c.font = getComputedStyle(document.querySelector('.query-box input')).font;
           return c.measureText('0'.repeat(100)).width / 100 }"""
    )
    assert abs(caret["x"] - (frame["x"] + 10 + 9 * width)) < width
    ask(console, "destination.prot: 22")
    expect(console.page.locator(".truth")).to_contain_text("destination.port")


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
    expect(console.page.get_by_role("grid", name="Các nhóm").get_by_role("columnheader").first).to_have_text("Thời gian")
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
        rows = list(csv.DictReader(file))
    assert len(rows) == 1500
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


def test_an_answer_that_lacks_a_part_says_so_and_what_to_do(
    open_console: Open, own_house: Running, tmp_path: Path
) -> None:
    console = open_console(own_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    for damaged in (tmp_path / "store").rglob("*.parquet"):
        text = bytearray(damaged.read_bytes())
        text[len(text) // 2] ^= 0xFF
        damaged.chmod(0o600)
        damaged.write_bytes(text)
    own_house.services.store.verify(mend=True)
    console.button("Tìm kiếm").click()
    missing = console.page.get_by_role("alert")
    expect(missing).to_contain_text("Kết quả CHƯA ĐẦY ĐỦ")
    expect(missing).to_contain_text("Một phần dữ liệu bị cách ly vì hỏng")
    expect(missing).to_contain_text(re.compile(r"→.*\.parquet"))
    expect(missing).to_contain_text("kydai store verify --mend")
    expect(console.page.locator(".truth")).to_contain_text("ít nhất 0 sự kiện")
    expect(console.grid()).to_contain_text("Chưa thể kết luận là không có")
    assert console.violations() == []
    console.button("Xuất").click()
    with console.page.expect_download():
        console.page.get_by_role("menuitem", name=re.compile("CSV")).click()
    console.toast("chỉ chứa một phần")
