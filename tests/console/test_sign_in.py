"""Signing in, and the shell around the screens."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.house import PASSWORD, Running
from tests.console.pages import sign_in


def test_a_link_signs_in_once_and_asks_for_a_password(open_console: Open, own_house: Running) -> None:
    link = own_house.link("baotq")
    console = open_console(own_house, None, path=link.removeprefix(own_house.url))
    console.heading(re.compile("Chào Trần Quốc Bảo"))
    assert "#" not in console.page.url, "the secret stays in no history"
    console.page.locator("input[name=new]").fill("ngắn quá")
    console.page.locator("input[name=again]").fill("ngắn quá")
    console.page.locator("button[type=submit]").click()
    expect(console.page.get_by_role("alert")).to_contain_text("ký tự")
    for name in ("new", "again"):
        console.page.locator(f"input[name={name}]").fill("bốn con ngựa đồng hồ 9")
    console.page.locator("button[type=submit]").click()
    console.heading("Cảnh báo chờ xử lý")

    again = open_console(own_house, None, path=link.removeprefix(own_house.url))
    expect(again.page.get_by_role("alert")).to_contain_text("không còn hiệu lực")
    sign_in(again, "baotq", "bốn con ngựa đồng hồ 9").heading("Cảnh báo chờ xử lý")


def test_a_wrong_password_is_refused_and_the_way_in_leads_where_one_wanted(
    open_console: Open, shared_house: Running
) -> None:
    console = open_console(shared_house, None, path="/hunt?q=host.name:%20mail01")
    console.heading("Đăng nhập")
    sign_in(console, "hanhnt", "không phải mật khẩu này")
    expect(console.page.get_by_role("alert")).to_contain_text("không đúng")
    sign_in(console, "hanhnt", PASSWORD).heading("Truy tìm")
    assert "q=host.name" in console.page.url
    away = open_console(shared_house, None, path="/sign-in?next=//evil.example/")
    sign_in(away, "hanhnt", PASSWORD).heading("Cảnh báo chờ xử lý")


def test_language_and_theme_change_at_once_and_stay(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, "sonhv").heading("Cảnh báo chờ xử lý")
    console.button("Hoàng Văn Sơn").click()
    console.page.get_by_role("menuitem", name="English").click()
    console.heading("Alert queue")
    expect(console.page.locator("html")).to_have_attribute("lang", "en")
    console.button("Hoàng Văn Sơn").click()
    console.page.get_by_role("menuitem", name="Dark").click()
    dark = console.page.locator("html[data-mantine-color-scheme=dark]")
    expect(dark).to_have_count(1)
    console.page.reload()
    console.heading("Alert queue")
    expect(dark).to_have_count(1)
    expect(console.page.locator(".demo")).to_contain_text("DEMONSTRATION DATA")
    console.go("/detections/matrix")  # a screen whose words come with it
    expect(console.page.get_by_role("link", name="ATT&CK matrix")).to_be_visible()
    console.button("Hoàng Văn Sơn").click()
    console.page.get_by_role("menuitem", name="Tiếng Việt").click()
    expect(console.page.get_by_role("link", name="Ma trận ATT&CK")).to_be_visible()


def test_keys_go_everywhere(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, "admin").heading("Cảnh báo chờ xử lý")
    for key, heading in (("h", "Truy tìm"), ("i", "Vụ việc"), ("s", "Nguồn"), ("l", "Nhật ký thao tác"),
                         ("d", "Quy tắc phát hiện"), ("q", "Cảnh báo chờ xử lý")):  # fmt: skip
        console.press("g", key).heading(heading)
    console.press("?")
    expect(console.dialog()).to_contain_text("Phím tắt")
    console.leave_dialog()
    console.press("Control+k")
    console.dialog().get_by_role("combobox").fill("nguon")
    expect(console.dialog().get_by_role("option")).to_contain_text(["Nguồn", "Truy tìm “nguon”"])
    console.press("Enter").heading("Nguồn")


def test_people_see_what_their_role_may_do(open_console: Open, shared_house: Running) -> None:
    auditor = open_console(shared_house, "trangpt").heading("Cảnh báo chờ xử lý")
    expect(auditor.page.get_by_role("navigation")).to_contain_text("Nhật ký")
    expect(auditor.rows()).to_have_count(11)
    auditor.press("j")
    expect(auditor.side()).to_be_visible()
    expect(auditor.button("Nhận xử lý")).to_have_count(0)
    analyst = open_console(shared_house, "hanhnt").heading("Cảnh báo chờ xử lý")
    expect(analyst.page.get_by_role("navigation")).not_to_contain_text("Nhật ký")
    scoped = open_console(shared_house, "sonhv", path="/incidents").heading(re.compile("Vụ việc|Incidents"))
    expect(scoped.rows()).to_have_count(1)
    expect(scoped.row("baochi-crawl01")).to_be_visible()
    expect(scoped.page.get_by_role("navigation")).not_to_contain_text(re.compile("Báo cáo|Nhật ký|Quản trị"))


def test_a_lost_server_is_red_across_the_top_within_ten_seconds(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    console.page.clock.install()  # the seconds of the page alone: a machine under load counts its own slowly
    console.go("/queue").heading("Cảnh báo chờ xử lý")
    expect(console.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    expect(console.band()).to_have_count(0)
    own_house.stop_serving()
    console.page.clock.run_for(10_000)
    expect(console.band()).to_contain_text("Mất kết nối với máy chủ")
    expect(console.band()).to_contain_text(re.compile(r"Dữ liệu cuối lúc \d\d/\d\d/2026 \d\d:\d\d:\d\d"))
    expect(console.page).to_have_title("⚠ Mất kết nối · Chờ xử lý · Kỳ Đài")


def test_a_lost_session_is_red_across_the_top(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    expect(console.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    own_house.end_sessions("hanhnt")
    expect(console.band()).to_contain_text("Phiên đăng nhập đã hết")
    expect(console.page).to_have_title("⚠ Hết phiên · Chờ xử lý · Kỳ Đài")
    console.page.get_by_role("link", name="Đăng nhập lại").click()
    console.heading("Đăng nhập")
