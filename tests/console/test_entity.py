"""An entity: from wherever it is named to its incidents, alerts and events."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.house import Running

TITLE = re.compile("^baochi-crawl01$")


def test_a_host_leads_to_its_incidents_alerts_and_events(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/incidents/VV-2026-0005")
    console.page.locator(".entities").get_by_role("link", name="baochi-crawl01", exact=True).click()
    console.heading(TITLE)
    tables = console.page.get_by_role("table")
    expect(tables.nth(0).get_by_role("row")).to_have_count(1)
    expect(tables.nth(0)).to_contain_text("VV-2026-0005")
    expect(tables.nth(1).get_by_role("row")).to_have_count(4)
    assert console.violations() == []
    console.page.get_by_role("link", name="4", exact=True).click()
    console.heading("Cảnh báo chờ xử lý")
    expect(console.rows()).to_have_count(4)
    console.page.go_back()
    console.heading(TITLE)
    console.page.get_by_role("link", name=re.compile("sự kiện$")).click()
    console.heading("Truy tìm")
    expect(console.rows().first).to_contain_text("baochi-crawl01")


def test_the_palette_the_queue_and_an_event_lead_there(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading("Cảnh báo chờ xử lý")
    console.press("Control+k")
    console.dialog().get_by_role("combobox").fill("203.0.113.9")
    console.dialog().get_by_role("option", name="Địa chỉ 203.0.113.9").click()
    console.heading("203.0.113.9")
    console.go("/queue").heading("Cảnh báo chờ xử lý")
    console.row("Kết nối tới máy chủ đào tiền ảo").click()
    console.side().get_by_role("link", name="baochi-crawl01", exact=True).click()
    console.heading(TITLE)
    console.go("/hunt?q=host.name:%20baochi-crawl01").heading("Truy tìm")
    expect(console.rows().first).to_be_visible()
    console.press("j")
    console.side().get_by_title("Thao tác với host.name: baochi-crawl01", exact=True).click()
    console.page.get_by_role("menuitem", name="Xem trang của đối tượng này").click()
    console.heading(TITLE)


def test_one_that_nothing_names_says_so(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/entity?kind=user&value=%E2%80%AEkhong-ai").heading("‹U+202E›khong-ai")
    expect(console.page.locator(".page")).to_contain_text("Chưa có cảnh báo nào nêu đối tượng này")
    console.go("/entity?kind=x&value=y")
    expect(console.page.get_by_text("Không rõ đối tượng nào")).to_be_visible()
