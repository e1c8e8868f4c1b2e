"""The inventory in the console: groups, editing, maintenance, adoption, each undone from its words."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select

from core.db.models import Source
from core.sources import Heards
from core.store.contract import Batch
from tests.api.rows import events
from tests.console.conftest import Open
from tests.console.house import Running


def source(house: Running, name: str) -> Source | None:
    with house.services.database.read() as session:
        return session.scalar(select(Source).where(Source.name == name))


def test_a_group_is_edited_at_once_and_that_is_undone(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/sources").heading("Nguồn")
    console.page.get_by_label("Nhóm theo").select_option("system")
    head = console.page.get_by_role("row").filter(has_text="Hạ tầng Trung tâm dữ liệu tỉnh")
    expect(head.first).to_contain_text("3 nguồn")
    head.first.click()
    console.button("Sửa cả 3 nguồn…").click()
    dialog = console.dialog()
    dialog.get_by_label("Địa điểm").fill("Phòng máy 2")
    dialog.get_by_label("Múi giờ").fill("Mars")
    console.press("Control+Enter")
    expect(dialog).to_contain_text("Múi giờ theo tên IANA")
    dialog.get_by_label("Múi giờ").fill("Asia/Ho_Chi_Minh")
    console.press("Control+Enter")
    console.toast("Đã sửa 3 nguồn")
    assert [(found := source(own_house, name)) and found.place for name in ("fw-ttdl", "dc01")] == ["Phòng máy 2"] * 2
    console.page.get_by_label("Nhóm theo").select_option("place")
    expect(console.page.get_by_role("row").filter(has_text="Phòng máy 2").first).to_contain_text("1 mất tín hiệu")
    assert console.violations() == []
    console.press("u")
    console.toast("Đã hoàn tác")
    assert (found := source(own_house, "dc01")) and found.place == ""


def test_a_silent_source_under_maintenance_no_longer_ails(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/sources?at=fw-ttdl").heading("Nguồn")
    console.button("Bảo trì…").click()
    console.press("Control+Enter")
    expect(console.dialog()).to_be_visible()
    console.dialog().get_by_label("Lý do").fill("Thay bộ nguồn")
    console.press("Control+Enter")
    console.toast("Đã báo bảo trì 1 nguồn")
    expect(console.row("fw-ttdl")).to_contain_text("bảo trì đến")
    expect(console.page.locator(".source-panel")).to_contain_text("Lê Minh Đức: Thay bộ nguồn")
    assert console.violations() == []
    console.button("Kết thúc bảo trì").click()
    expect(console.row("fw-ttdl")).to_contain_text(re.compile("Mất tín hiệu \\d+ phút"))


def test_undeclared_senders_are_adopted_as_corrected(open_console: Open, own_house: Running) -> None:
    heards, now = Heards(), own_house.services.clock.now()
    heards.add("udp:10.20.7.4", "fw-soyt", "fortinet.firewall", now, None)
    with own_house.services.database.write() as session:
        heards.save(session, {})
    console = open_console(own_house, "duclm", path="/sources").heading("Nguồn")
    console.button("Nhận nguồn…").click()
    dialog = console.dialog()
    expect(dialog.get_by_label("Sản phẩm udp:10.20.7.4")).to_have_value("FortiGate")
    dialog.get_by_label("udp:10.20.31.9", exact=True).uncheck()
    dialog.get_by_label("Tên nguồn udp:10.20.7.4").fill("dc01")
    dialog.get_by_label("Đơn vị cho tất cả").fill("Sở Y tế")
    console.press("Control+Enter")
    expect(dialog).to_contain_text("Tên nguồn: Đã có nguồn tên này trong danh mục")
    dialog.get_by_label("Tên nguồn udp:10.20.7.4").fill("fw-so-y-te")
    assert console.violations() == []
    console.press("Control+Enter")
    console.toast("Đã khai báo 1 nguồn")
    expect(console.row("fw-so-y-te")).to_contain_text("Đang gửi")
    made = source(own_house, "fw-so-y-te")
    assert made is not None
    assert (made.keys, made.agency, made.product) == (["10.20.7.4"], "Sở Y tế", "FortiGate")


def test_a_source_is_set_up_from_nothing_and_its_first_event_judged(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/sources").heading("Nguồn")
    console.button("Thêm nguồn…").click()
    dialog = console.dialog()
    dialog.get_by_label("Cấu hình cho").select_option("rsyslog")
    dialog.get_by_label("Tên nguồn").fill("web07")
    dialog.get_by_label("Địa chỉ của nguồn").fill("10.20.1.999")
    console.press("Control+Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Cần địa chỉ IP")
    dialog.get_by_label("Địa chỉ của nguồn").fill("10.20.1.7")
    assert console.violations() == []
    console.press("Control+Enter")
    expect(dialog.locator("pre")).to_contain_text('target="10.20.1.50" port="5514"')
    expect(dialog.get_by_role("status")).to_contain_text("đang chờ sự kiện đầu tiên")
    now = own_house.services.clock.now()
    raw = {"event.dataset": "nginx.access", "kydai.source": "web07", "source.ip": "203.0.113.9"}
    own_house.services.store.append(Batch(events(1, now, **raw)))
    expect(dialog.get_by_role("status")).to_contain_text("Tốt: đã nhận và phân tích được nginx.access")
    expect(dialog).to_contain_text("203.0.113.9")
    assert console.violations() == []


def test_a_source_that_needs_a_token_gets_one_filled_in(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/sources").heading("Nguồn")
    console.button("Thêm nguồn…").click()
    dialog = console.dialog()
    dialog.get_by_label("Cấu hình cho").select_option("fluent-bit-windows")
    dialog.get_by_label("Tên nguồn").fill("dc02")
    console.press("Control+Enter")
    expect(dialog.locator("pre")).to_contain_text(re.compile("Authorization Bearer kydai_[0-9]+_"))
    expect(dialog).to_contain_text("Mã truy cập chỉ hiện lần này")
    made = source(own_house, "dc02")
    assert made is not None
    assert made.keys == ["token:dc02"]


def test_a_relay_is_declared_and_found_again(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/sources?at=cong-web01").heading("Nguồn")
    console.button("Sửa…").click()
    console.dialog().get_by_label("Máy chuyển tiếp").select_option("x")
    console.press("Control+Enter")
    console.toast("Đã sửa 1 nguồn")
    console.page.get_by_role("button", name="máy chuyển tiếp").click()
    expect(console.dialog().get_by_role("row").filter(has_text="cong-web01")).to_be_visible()
    assert console.violations() == []
