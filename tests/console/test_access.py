"""The second factor and open sessions, as a person meets them in the console."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import expect

from core import accounts
from core.audit import Actor
from core.clock import MINUTE
from tests.console.conftest import Open
from tests.console.house import PASSWORD, Running
from tests.console.pages import Console, sign_in
from tests.core.test_second_factor import code_at

SECRET = re.compile(r"(?:[A-Z2-7]{4} ?){8}")


def open_menu(console: Console, name: str, item: str) -> None:
    console.button(name).click()
    console.page.get_by_role("menuitem", name=item).click()


def send(console: Console, button: str, **fields: str) -> None:
    for name, value in fields.items():
        console.page.locator(f"input[name={name}]").fill(value)
    console.page.get_by_role("button", name=button, exact=True).click()


def enrol(console: Console, house: Running, *, ago: int) -> str:
    """From the password to the recovery codes; the secret. The code is of a step before, so that the next is new."""
    send(console, "Tiếp tục", password=PASSWORD)
    expect(console.page.get_by_role("img", name="Mã QR cho ứng dụng xác thực")).to_be_visible()
    console.page.get_by_text("Không quét được?").click()
    shown = console.page.locator("details .mono").inner_text()
    assert SECRET.fullmatch(shown)
    secret = shown.replace(" ", "")
    send(console, "Bật", code="000000")
    expect(console.page.get_by_role("alert")).to_contain_text("kiểm tra giờ")
    assert console.violations() == []
    send(console, "Bật", code=code_at(secret, house.services.clock.now() - ago))
    expect(console.page.get_by_role("listitem")).to_have_count(10)
    return secret


def test_a_second_factor_is_switched_on_asked_for_and_switched_off(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    open_menu(console, "Nguyễn Thị Hạnh", "Xác thực hai bước")
    secret = enrol(console, own_house, ago=MINUTE // 2)
    recovery = console.page.get_by_role("listitem").first.inner_text()
    console.button("Đã cất").click()

    fresh = open_console(own_house, None)
    sign_in(fresh, "hanhnt", PASSWORD).heading("Xác thực hai bước")
    send(fresh, "Đăng nhập", code="123456")
    expect(fresh.page.get_by_role("alert")).to_contain_text("không đúng hoặc đã dùng")
    send(fresh, "Đăng nhập", code=code_at(secret, own_house.services.clock.now()))
    fresh.heading("Cảnh báo chờ xử lý")

    open_menu(console, "Nguyễn Thị Hạnh", "Xác thực hai bước")
    expect(console.dialog()).to_contain_text("còn 10 mã dự phòng")
    assert console.violations() == []
    send(console, "Tắt xác thực hai bước", code=recovery)
    expect(console.dialog().get_by_role("alert")).to_contain_text("cần nhập cả mật khẩu")
    send(console, "Tắt xác thực hai bước", code=recovery, password=PASSWORD)
    console.toast("Đã tắt xác thực hai bước")
    again = open_console(own_house, None)
    sign_in(again, "hanhnt", PASSWORD).heading("Cảnh báo chờ xử lý")


def test_a_role_that_needs_it_sets_it_up_first_and_a_link_asks_for_the_code(
    open_console: Open, own_house: Running
) -> None:
    app = own_house.server.config.app
    app.state.services = replace(own_house.services, totp_roles=frozenset({"admin"}))  # type: ignore[union-attr]
    admin = open_console(own_house, "admin").heading("Xác thực hai bước")
    expect(admin.page.get_by_text("Vai trò của bạn bắt buộc")).to_be_visible()
    secret = enrol(admin, own_house, ago=MINUTE // 2)
    admin.button("Đã cất").click()
    admin.heading("Cảnh báo chờ xử lý")

    clock = own_house.services.clock
    with own_house.services.database.write() as session:
        user = accounts.find_user(session, "admin")
        link = accounts.make_link(session, Actor("setup", "cli"), user, now=clock.now())
    by_link = open_console(own_house, None, path=f"/sign-in#{link}").heading("Xác thực hai bước")
    send(by_link, "Đăng nhập", code=code_at(secret, clock.now()))
    by_link.heading("Cảnh báo chờ xử lý")


def test_sessions_are_seen_and_ended(open_console: Open, own_house: Running) -> None:
    here, there = open_console(own_house), open_console(own_house)
    for console in (here, there):
        console.heading("Cảnh báo chờ xử lý")
        expect(console.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    open_menu(here, "Nguyễn Thị Hạnh", "Phiên đăng nhập")
    rows = here.dialog().locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="phiên này")).to_have_count(1)
    expect(rows.first).to_contain_text("127.0.0.1")
    assert here.violations() == []
    here.dialog().get_by_role("button", name="Kết thúc", exact=True).click()
    expect(rows).to_have_count(1)
    expect(there.band()).to_contain_text("Phiên đăng nhập đã hết")
    assert here.band().count() == 0


def test_an_admin_ends_the_sessions_of_another_and_disables_them(open_console: Open, own_house: Running) -> None:
    analyst = open_console(own_house).heading("Cảnh báo chờ xử lý")
    expect(analyst.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    admin = open_console(own_house, "admin", path="/people").heading("Quản trị")
    admin.row("hanhnt").click()
    expect(admin.side()).to_contain_text("Phiên đang mở")
    admin.button("Kết thúc các phiên").click()
    expect(analyst.band()).to_contain_text("Phiên đăng nhập đã hết")
    back = open_console(own_house).heading("Cảnh báo chờ xử lý")
    expect(back.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    admin.button("Khóa").click()
    expect(back.band()).to_contain_text("Phiên đăng nhập đã hết")
