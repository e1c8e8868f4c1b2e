"""Every screen in both themes and languages: reachable for everybody, no error, no request to anywhere else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.house import Running

SCREENS = {
    "/queue": "j", "/incidents": "j", "/incidents/VV-2026-0005": "n", "/hunt": "j", "/detections": "j", "/exceptions": "", "/runs": "",
    "/detections/matrix?technique=T1110": "", "/detections/f38ec8bb-8469-4eb8-83ea-54bf6afc8ec3": "",
    "/detections/f38ec8bb-8469-4eb8-83ea-54bf6afc8ec3?tab=samples": "",
    "/detections/new": "", "/detections/packages": "", "/sources": "j", "/journal": "j", "/reports": "", "/shift": "", "/playbooks": "j", "/runs/1": "", "/people": "j",
    "/people?show=tokens": "", "/storage": "", "/notices": "", "/entity?kind=host&value=baochi-crawl01": "",
}  # fmt: skip

FORMS = {
    ("/incidents/VV-2026-0005", "Thêm ghi chú"), ("/incidents/VV-2026-0005", "Thêm…"),
    ("/incidents/VV-2026-0005", "Xác nhận là sự cố…"), ("/incidents/VV-2026-0005", "Gộp thêm…"),
    ("/incidents/VV-2026-0005", "Tách…"), ("/incidents/VV-2026-0005", "Chạy kịch bản…"),
    ("/incidents/VV-2026-0005", "Từ chối…"), ("/sources", "Nhập danh mục…"), ("/people", "Thêm người dùng"),
    ("/people?show=tokens", "Tạo mã truy cập"), ("/storage", "Rút ngắn…"),
}  # fmt: skip


def test_every_form_is_a_dialog_that_takes_the_focus_and_gives_it_back(
    open_console: Open, shared_house: Running
) -> None:
    console = open_console(shared_house, "admin")
    for path, name in sorted(FORMS):
        console.go(path)
        opener = console.button(re.compile(f"^{re.escape(name)}"))
        opener.click()
        first = console.dialog().locator("form :is(input, select, textarea)").first
        expect(first).to_be_focused()
        expect(console.dialog().get_by_role("button", name="Hủy")).to_be_visible()
        assert console.violations() == [], name
        assert console.turn("dark").violations() == [], name
        console.turn("light").leave_dialog()
        expect(opener).to_be_focused()


WIDE = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
  () => done(document.documentElement.scrollWidth))))"""
"""How wide the page is once it has followed the window."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe(open_console: Open, shared_house: Running, scheme: str) -> None:
    console = open_console(shared_house, "admin", scheme=scheme, language="vi" if scheme == "light" else "en")
    found: dict[str, list[str]] = {}
    for path, keys in SCREENS.items():
        console.go(path)
        expect(console.page.get_by_role("heading", level=1)).to_be_visible()
        expect(console.page.get_by_text(re.compile("^(Đang tải…|Loading…)$"))).to_have_count(0)
        console.press(*keys)
        if keys == "j":
            expect(console.page.locator("aside.side, .source-panel")).to_be_visible()
        if violations := console.violations():
            found[path] = violations
    console.go("/queue")
    expect(console.rows().first).to_be_visible()
    for name, typed in {"close": ("j", "c"), "keys": ("?",), "palette": ("Control+k",)}.items():
        console.press(*typed)
        expect(console.dialog().get_by_role("heading")).to_be_visible()
        expect(console.dialog()).to_have_attribute("aria-labelledby", re.compile("title"))
        found[name] = console.violations()
        console.leave_dialog()
    assert not {k: v for k, v in found.items() if v}


def test_sign_in_has_no_serious_finding(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, None, path="/sign-in").heading("Đăng nhập")
    assert console.violations() == []


def test_a_small_and_a_magnified_window_keep_everything_in_reach(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, "admin")
    for path in SCREENS:
        console.go(path)
        expect(console.page.get_by_role("heading", level=1)).to_be_visible()
        for width, height in ((683, 384), (1024, 700)):  # the first is 1366×768 at 200 %
            console.page.set_viewport_size({"width": width, "height": height})
            wide = console.page.evaluate(WIDE)
            assert wide <= width, f"{path} at {width}: {wide}"
            expect(console.page.locator(".side-nav")).to_be_visible()


def test_hostile_text_stays_text(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=message:%20onerror")
    expect(console.rows()).to_have_count(1)
    line = console.rows().first.inner_text()
    assert "‹U+202E›<img src=x onerror=alert(1)>" in line
    assert "\x1b" not in line and "\u200b" not in line
    console.press("j")
    expect(console.side()).to_contain_text("<img src=x onerror=alert(1)>")
    assert console.page.locator("img").count() == 0
