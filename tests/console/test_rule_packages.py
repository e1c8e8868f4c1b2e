"""Packages in the console: looked at before they are put to work, taken back, removed, and copies of their rules."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from core.clock import HOUR, iso
from core.event import Event, new_ulid
from core.store.contract import Batch
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import Console

ID = "55555555-5555-4555-8555-555555555555"
RULE = f"""\
title: Trail <img src=x onerror=alert(1)> Deleted
id: {ID}
status: stable
level: high
logsource: {{product: aws}}
detection:
  s: {{eventName: DeleteTrail}}
  condition: s
"""


def choose(console: Console, path: Path, text: str) -> None:
    path.write_text(text)
    console.page.locator("input[type=file]").set_input_files(path)


def test_a_package_is_looked_at_applied_changed_and_taken_back(
    open_console: Open, own_house: Running, tmp_path: Path
) -> None:
    house = own_house.services
    segment = new_ulid(house.clock.now())
    made: list[Event] = []
    for number in range(3):
        at = iso(house.clock.now() - (2 * number + 1) * HOUR)
        made.append({
            "@timestamp": at, "event.created": at, "event.ingested": at, "event.id": f"{segment}.{number}.0",
            "event.module": "aws", "event.dataset": "aws.cloudtrail", "eventName": "DeleteTrail", "host.name": "h",
            "message": "deleted", "kydai.retention": "default",
        })  # fmt: skip
    house.store.append(Batch(made))
    console = open_console(own_house, path="/detections").heading("Quy tắc phát hiện")
    console.page.get_by_role("link", name="Gói quy tắc").press("Enter")
    console.heading("Gói quy tắc")
    expect(console.page.get_by_text("Chưa cài gói quy tắc nào")).to_be_visible()
    console.button("Cài gói từ tệp").press("Enter")
    choose(console, tmp_path / "Nha Toi.yml", "title: [\n")
    expect(console.page.get_by_label("Tên gói")).to_have_value("nha-toi")
    console.button("Xem trước").click()
    expect(console.page.locator(".problem")).to_contain_text("Nha Toi.yml")
    choose(console, tmp_path / "Nha Toi.yml", RULE)
    console.button("Xem trước").click()
    change = console.page.get_by_role("region", name="Cài gói từ tệp")
    expect(change).to_contain_text("+3 / −0 cảnh báo")
    expect(change).to_contain_text("1 quy tắc mới, 0 bị bỏ, 0 thay đổi")
    expect(change.get_by_role("row", name=re.compile("mới.*Cao.*<img src=x onerror"))).to_contain_text("3")
    assert console.violations() == []
    console.button("Áp dụng").click()
    console.toast("Đã cài gói nha-toi (1 quy tắc)")
    pack = console.page.locator("section.pack", has_text="nha-toi")
    expect(pack).to_contain_text("console:Nha Toi.yml")
    expect(pack).to_contain_text("Nguyễn Thị Hạnh")

    console.go(f"/detections/{ID}").heading(re.compile("Trail"))  # a copy that the package then changes
    console.button("Sửa").click()
    area = console.page.get_by_label("Nội dung quy tắc")
    area.fill(area.input_value().replace("level: high", "level: low"))
    console.press("Control+s").toast("Đã lưu")
    console.go("/detections/packages").heading("Gói quy tắc")
    expect(console.page.get_by_text("gói chưa đổi từ lúc chép")).to_be_visible()
    console.button("Cập nhật…").click()
    choose(console, tmp_path / "moi.yml", RULE.replace("DeleteTrail", "StopLogging"))
    console.button("Xem trước").click()
    expect(console.page.get_by_text("1 quy tắc của gói đổi mà đơn vị có bản riêng")).to_be_visible()
    console.button("Áp dụng").click()
    expect(console.page.get_by_text("gói đã đổi từ lúc chép")).to_be_visible()
    console.button("So sánh").click()
    expect(console.page.locator(".diff").first).to_contain_text("+  s: {eventName: StopLogging}")
    assert console.violations() == []
    console.button("Đã xem").click()
    expect(console.page.get_by_text("gói chưa đổi từ lúc chép")).to_be_visible()
    console.page.locator("h1").click()
    console.press("u").toast("Đã hoàn tác")
    expect(console.page.get_by_text("gói đã đổi từ lúc chép")).to_be_visible()

    console.button("Trở lại bản trước").click()
    console.button("Xem trước").click()
    console.page.get_by_role("region").get_by_role("button", name="Trở lại bản trước").click()
    console.toast("Gói nha-toi đã trở lại bản trước")
    expect(pack).to_contain_text("console:Nha Toi.yml")
    console.button("Gỡ").click()
    console.button("Xem trước").click()
    console.page.get_by_role("region").get_by_role("button", name="Gỡ", exact=True).click()
    expect(console.page.get_by_text("Gói nha-toi đã gỡ")).to_be_visible()
    console.page.locator("h1").click()
    console.press("u").toast("Đã hoàn tác")
    expect(pack).to_contain_text("console:Nha Toi.yml")
    assert console.page.locator("img").count() == 0


def test_who_may_not_change_rules_sees_packages_only(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, "trangpt", path="/detections/packages").heading("Gói quy tắc")
    expect(console.page.get_by_text("Chưa cài gói quy tắc nào")).to_be_visible()
    expect(console.button("Cài gói từ tệp")).to_have_count(0)
