"""The hand-over on the screen: a note left and taken back, and what is printed."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.house import Running


def test_a_shift_is_handed_over(open_console: Open, own_house: Running, tmp_path: Path) -> None:
    console = open_console(own_house, "hanhnt", path="/shift").heading("Bàn giao ca")
    paper = console.page.locator("article.report")
    expect(paper).to_contain_text("Đang chờ: phê duyệt, thời hạn, nguồn mất tín hiệu")
    expect(paper).to_contain_text("Không có lời nhắn nào.")
    expect(console.button("Gửi thư bàn giao")).to_be_disabled()
    console.page.get_by_label("Lời nhắn cho ca sau").fill("Xã A đang thay tường lửa, gọi lại lúc 07:00")
    console.button("Để lại lời nhắn").click()
    expect(paper).to_contain_text("gọi lại lúc 07:00")
    console.page.screenshot(path=tmp_path / "light.png")
    console.turn("dark")
    console.page.screenshot(path=tmp_path / "dark.png")
    assert console.violations() == []
    printed = console.page.pdf(path=tmp_path / "a4.pdf", prefer_css_page_size=True)
    assert re.search(rb"/MediaBox ?\[0 0 59[45][.\d]* 84[12]", printed), "it is A4"
    console.page.emulate_media(media="print")
    expect(console.page.locator(".side-nav")).to_be_hidden()
    expect(console.button("In")).to_be_hidden()
    expect(paper).to_be_visible()
    console.page.emulate_media(media="screen")
    console.page.keyboard.press("Escape")
    console.button("Hoàn tác").click()
    expect(paper).not_to_contain_text("gọi lại lúc 07:00")
