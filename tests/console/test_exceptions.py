"""An exception from an alert, approved by a second person where it would hide what was confirmed, and undone."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select

from core.db.models import Alert, Incident, RuleException
from tests.console.conftest import Open
from tests.console.house import Running

SHADOW = "Xóa bản sao bóng"


def test_an_exception_waits_for_a_second_person_and_can_be_undone(open_console: Open, own_house: Running) -> None:
    with own_house.services.database.write() as session:
        rows = session.scalars(select(Alert).where(Alert.kind == "rule")).all()
        alert = next(row for row in rows if row.rule_title["vi"].startswith(SHADOW))
        session.get_one(Incident, alert.incident_id).verdict = "true_positive"
    console = open_console(own_house).heading("Cảnh báo chờ xử lý")
    console.row(SHADOW).click()
    console.side().get_by_role("button", name="Tạo ngoại lệ…").click()
    dialog = console.dialog()
    expect(dialog).to_contain_text("host.name")
    expect(dialog.get_by_role("status")).to_contain_text("Trong 30 ngày qua: bỏ")
    expect(dialog.get_by_role("status")).to_contain_text("che 1 vụ việc đã xác nhận")
    assert console.violations() == []
    for box in dialog.get_by_role("checkbox").all():
        box.uncheck()
    expect(dialog).to_contain_text("Chọn ít nhất một trường")
    expect(dialog.get_by_role("button", name="Tạo ngoại lệ")).to_be_disabled()
    dialog.get_by_role("checkbox", name=re.compile("host.name")).check()
    dialog.get_by_label("Lý do").fill("sao lưu hằng đêm")
    dialog.get_by_role("button", name="Tạo ngoại lệ").click()
    console.toast("Ngoại lệ 1 chờ người thứ hai phê duyệt.")

    console.go("/exceptions").heading("Ngoại lệ")
    console.rows().first.click()
    expect(console.side().get_by_role("button", name="Phê duyệt")).to_be_disabled()
    expect(console.side()).to_contain_text("người khác phải phê duyệt")
    assert console.violations() == []

    other = open_console(own_house, "admin", path="/exceptions").heading("Ngoại lệ")
    other.rows().first.click()
    expect(other.side()).to_contain_text("condition: not selection")
    assert other.turn("dark").violations() == []
    other.side().get_by_role("button", name="Phê duyệt").click()
    other.toast("Đã phê duyệt ngoại lệ 1.")
    expect(other.side()).to_contain_text("đang áp dụng")
    other.press("u")
    expect(other.side()).to_contain_text("chờ phê duyệt")
    with own_house.services.database.read() as session:
        row = session.scalars(select(RuleException)).one()
        assert (row.state, row.conditions, row.owner) == ("pending", {"host.name": ["backup01"]}, "hanhnt")


def test_an_exception_is_made_from_the_incident_too(open_console: Open, shared_house: Running) -> None:
    with shared_house.services.database.read() as session:
        alert = next(row for row in session.scalars(select(Alert)) if row.rule_title["vi"].startswith(SHADOW))
        number = session.get_one(Incident, alert.incident_id).number
    console = open_console(shared_house, path=f"/incidents/{number}")
    item = console.page.locator(".timeline > li.alert", has_text=SHADOW)
    item.get_by_role("button", name="Tạo ngoại lệ…").click()
    expect(console.dialog()).to_contain_text("host.name")
    expect(console.dialog().get_by_role("status")).to_contain_text("Trong 30 ngày qua: bỏ")
    console.leave_dialog()
    reader = open_console(shared_house, "trangpt", path=f"/incidents/{number}")
    expect(reader.page.locator(".timeline > li.alert", has_text=SHADOW)).to_be_visible()
    expect(reader.button("Tạo ngoại lệ…")).to_have_count(0)
