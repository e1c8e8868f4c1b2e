"""Saved searches in Hunt: kept, changed, put back, and never written over unseen."""

from __future__ import annotations

import re

from playwright.sync_api import Route, expect
from sqlalchemy import select

from core.db.models import Audit, SavedSearch
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import ask


def saved_search(house: Running, name: str, query: str = "event.outcome: failure") -> tuple[int, int]:
    """A search that hanhnt saved: its number, and the version of it."""
    now = house.services.clock.now()
    with house.services.database.write() as session:
        row = SavedSearch(
            name=name, owner="hanhnt", query=query, start="now-24h", end="now", columns=[],
            created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id, now


def change(house: Running, number: int, version: int, query: str) -> None:
    """What somebody else does to it meanwhile."""
    with house.services.database.write() as session:
        row = session.get_one(SavedSearch, number)
        row.query, row.updated_at = query, version + 1


def test_saved_searches_that_do_not_come_are_not_called_none_and_a_new_name_keeps_an_edit(
    open_console: Open, shared_house: Running
) -> None:
    number, version = saved_search(shared_house, "nháp")
    console = open_console(shared_house, path="/journal")
    console.page.route("**/api/v1/searches", lambda route: route.fulfill(
        status=503, content_type="application/problem+json",
        json={"type": "about:blank", "title": "Bận", "status": 503, "detail": "Máy chủ đang bận."},
    ))  # fmt: skip
    console.go(f"/hunt?saved={number}&version={version}&q=event.outcome:%20success").heading("Truy tìm")
    button, menu = console.page.locator(".saved-button"), console.page.get_by_role("menu")
    button.click()
    expect(menu).to_contain_text("Chưa lấy được danh sách: Máy chủ đang bận.")
    expect(menu).not_to_contain_text("Chưa có truy vấn nào")
    console.page.unroute("**/api/v1/searches")
    menu.get_by_role("menuitem", name="Thử lại").click()
    expect(button).to_contain_text("nháp")
    expect(button).to_contain_text("đã sửa, chưa lưu")
    menu.get_by_role("menuitem", name="Đổi tên").click()
    name = console.page.locator("input[name=name]")
    name.fill("tên mới")
    name.press("Control+Enter")
    expect(button).to_contain_text("tên mới")
    expect(console.page.locator(".query-box input")).to_have_value("event.outcome: success")
    console.button("Hoàn tác").click()
    expect(button).to_contain_text("nháp")
    expect(button).to_contain_text("đã sửa, chưa lưu")


def test_searches_are_saved_changed_and_put_back(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.outcome:%20failure").heading("Truy tìm")
    saved = console.page.locator(".saved-button")

    def act(item: str | re.Pattern[str]) -> None:
        saved.click()
        console.page.get_by_role("menuitem", name=item).click()

    act("Lưu thành truy vấn mới…")
    name = console.page.locator("input[name=name]")
    name.fill("ẩn\u202e")
    name.press("Control+Enter")
    expect(console.dialog().get_by_role("alert")).to_contain_text("không chứa ký tự ẩn")
    name.fill("Sai <img src=x onerror=alert(1)>")
    assert console.violations() == []
    name.press("Control+Enter")
    expect(console.dialog()).to_be_hidden()
    expect(saved).to_contain_text("Sai <img src=x onerror=alert(1)>")
    ask(console, "event.outcome: success")
    expect(saved).to_contain_text("đã sửa, chưa lưu")
    act(re.compile("^Lưu thay đổi vào"))
    expect(saved).not_to_contain_text("đã sửa")
    act("Xóa")
    expect(saved).to_contain_text("Truy vấn đã lưu")
    console.button("Hoàn tác").click()
    expect(saved).to_contain_text("Sai <img")
    console.go("/hunt").heading("Truy tìm")
    act(re.compile("^Sai <img"))
    expect(console.page.locator(".query-box input")).to_have_value("event.outcome: success")


def test_what_somebody_changed_meanwhile_is_not_written_over(open_console: Open, shared_house: Running) -> None:
    number, version = saved_search(shared_house, "chung")
    console = open_console(shared_house, path=f"/hunt?saved={number}&version={version}&q=event.outcome:%20success")
    saved = console.page.locator(".saved-button")
    expect(saved).to_contain_text("đã sửa, chưa lưu")
    change(shared_house, number, version, "host.name: mail01")
    saved.click()
    console.page.get_by_role("menuitem", name=re.compile("^Lưu thay đổi vào")).click()
    console.toast("vừa được người khác sửa")
    expect(saved).to_contain_text("có bản mới hơn")
    saved.click()
    console.page.get_by_role("menuitem", name=re.compile("^chung")).click()
    expect(console.page.locator(".query-box input")).to_have_value("host.name: mail01")
    expect(saved).not_to_contain_text("có bản mới hơn")


def test_what_somebody_changed_is_not_written_over_after_a_reload(open_console: Open, shared_house: Running) -> None:
    number, version = saved_search(shared_house, "ca đêm")
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    saved = console.page.locator(".saved-button")
    saved.click()
    console.page.get_by_role("menuitem", name=re.compile("^ca đêm")).click()
    expect(saved).to_contain_text("ca đêm")
    change(shared_house, number, version, "host.name: mail01")
    console.page.reload()
    expect(console.page.locator(".query-box input")).to_have_value("event.outcome: failure")
    expect(saved).to_contain_text("có bản mới hơn")
    for item in (re.compile("^Lưu thay đổi vào"), "Xóa"):
        saved.click()
        with console.page.expect_response("**/api/v1/searches/*") as asked:
            console.page.get_by_role("menuitem", name=item).click()
        assert asked.value.status == 409
    with shared_house.services.database.read() as session:
        assert session.get_one(SavedSearch, number).query == "host.name: mail01"
    # an address that does not say what was seen names none
    console.go(f"/hunt?saved={number}&q=event.outcome:%20failure").heading("Truy tìm")
    saved.click()
    expect(console.page.get_by_role("menuitem", name=re.compile("^ca đêm"))).to_be_visible()
    expect(console.page.get_by_role("menuitem", name="Xóa")).to_have_count(0)


def test_a_saved_query_that_no_longer_parses_says_where(open_console: Open, shared_house: Running) -> None:
    saved_search(shared_house, "cũ", "user.name: root and fuzzy~2")
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    console.page.locator(".saved-button").click()
    item = console.page.get_by_role("menuitem", name=re.compile("^cũ"))
    expect(item).to_contain_text("Truy vấn không còn đúng (ký tự thứ 26)")
    item.click()
    expect(console.page.locator(".query-mark .wrong")).to_have_text("~2")
