"""The whole demonstration through the browser: what a person does who has just typed ``kydai demo``."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.conftest import watched
from tests.console.pages import Console, ask

KYDAI = Path(sys.executable).parent / "kydai"
PASSWORD = "bốn con ngựa đồng hồ 9"
LONGEST_SECONDS = 600
pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.timeout(LONGEST_SECONDS + 120)]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration that has told its story and stays up."""

    url: str
    link: str
    told: str


def free_ports(number: int) -> list[int]:
    """Ports that nobody has now."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Played once for all tests here; ended as a person ends it, by Ctrl-C."""
    http, syslog, netflow = free_ports(3)
    environment = os.environ | {
        "KYDAI_HTTP_PORT": str(http), "KYDAI_SYSLOG_PORT": str(syslog), "KYDAI_NETFLOW_PORT": str(netflow),
        "KYDAI_LANG": "vi",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("demo") / "data"
    log = (folder.parent / "log").open("w+b")
    process = subprocess.Popen(
        [KYDAI, "--data", folder, "demo"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
    )
    watch = threading.Timer(LONGEST_SECONDS, process.kill)
    watch.start()
    told = ""
    link = None
    assert process.stdout is not None
    for line in process.stdout:
        told += line
        if link is None and (found := re.search(r"(http://\S+)/sign-in#\S+", line)):
            link = found
        if link is not None and "kydai up" in line:
            break
    watch.cancel()
    log.seek(0)
    assert link is not None, f"the demonstration ended early: {told[-2000:]} {log.read()[-2000:]!r}"
    yield Demo(link.group(1), link.group(0), told)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    process.stdout.close()
    log.close()


@pytest.fixture(scope="module")
def console(browser: Browser, demo: Demo) -> Iterator[Console]:
    """One browser window for the whole story."""
    page: Page = browser.new_page(viewport={"width": 1366, "height": 768})
    made = Console(*watched(page, demo.url), demo.url)
    yield made
    assert made.complaints == []
    page.close()


def test_the_link_leads_in_and_a_password_is_set(console: Console, demo: Demo) -> None:
    console.page.goto(demo.link)
    for name in ("new", "again"):
        console.page.locator(f"input[name={name}]").fill(PASSWORD)
    console.page.locator("button[type=submit]").click()
    console.heading("Cảnh báo chờ xử lý")
    expect(console.page.locator(".demo")).to_have_text("DỮ LIỆU TRÌNH DIỄN · TỈNH BẠCH VÂN LÀ ĐỊA DANH HƯ CẤU")
    expect(console.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    assert console.band().count() == 0


def test_the_queue_is_read_by_keys(console: Console, demo: Demo) -> None:
    expect(console.rows().first).to_contain_text("Nghiêm trọng")
    console.press("j")
    expect(console.side()).to_contain_text("Vì sao có cảnh báo")
    expect(console.side()).to_contain_text("Việc nên làm")
    console.page.get_by_role("searchbox").fill("baochi-crawl01")
    # the row stood there before: what is typed lets go of the current row once it is asked for
    expect(console.rows().filter(has_not_text="baochi-crawl01")).to_have_count(0)
    expect(console.row("Đăng nhập SSH thành công")).to_be_visible()


def test_the_attack_is_one_incident_that_explains_itself(console: Console, demo: Demo) -> None:
    console.row("Đăng nhập SSH thành công").click()
    console.press("Enter").heading(re.compile("Đăng nhập SSH thành công"))
    page = console.page.locator(".page")
    expect(page).to_contain_text("baochi-crawl01")
    expect(page).to_contain_text("Chưa rõ:")
    expect(page).to_contain_text("vì cùng máy baochi-crawl01")
    for step in ("sudo", "đào tiền ảo", "Đăng nhập SSH bằng khóa của người khác"):
        expect(console.page.locator(".timeline")).to_contain_text(step)


def test_a_person_approves_and_the_block_is_made_and_undone(console: Console, demo: Demo) -> None:
    console.go("/runs?show=waiting").heading("Kịch bản ứng phó")
    waiting = console.rows().first
    waiting.get_by_role("link").click()
    run = console.page.locator("article.run").first
    expect(run).to_contain_text(re.compile(r"\+ chặn (198\.51\.100|203\.0\.113)\."))
    expect(run).to_contain_text("đối tượng được bảo vệ")
    run.get_by_role("button", name="Phê duyệt").click()
    console.toast("Đã phê duyệt")
    expect(run).to_contain_text("admin phê duyệt")
    expect(run).to_contain_text("Chờ người thực hiện")
    run.get_by_role("button", name="Đã làm xong").click()
    expect(run).to_contain_text("Hoàn tất")
    run.get_by_role("link").first.click()
    console.side().get_by_role("button", name="Hoàn tác").first.click()
    expect(console.side()).to_contain_text("đã hoàn tác")


def test_the_evidence_is_found_and_complete(console: Console, demo: Demo) -> None:
    console.go("/hunt").heading("Truy tìm")
    ask(console, 'host.name: baochi-crawl01 and message: "Accepted password"')
    expect(console.rows().first).to_contain_text("Accepted password")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")


def test_sources_confess_what_could_not_be_seen(console: Console, demo: Demo) -> None:
    console.go("/sources").heading("Nguồn")
    expect(console.row("thedt-pay01")).to_contain_text("Chưa từng gửi")
    expect(console.row("esx01")).to_contain_text("sai múi giờ")
    expect(console.row("motcua-app01")).to_contain_text("lệch giờ")
    expect(console.row("csdl-db02")).to_contain_text("thiếu loại nhật ký")
    expect(console.page.locator(".page > .head").nth(1)).to_contain_text("khớp")


def test_the_journal_holds_every_step_and_its_chain_is_whole(console: Console, demo: Demo) -> None:
    console.go("/journal").heading("Nhật ký thao tác")
    for did in ("Phê duyệt bước kịch bản", "Hoàn tác lượt chạy", "Tìm kiếm sự kiện"):
        expect(console.row(did)).to_contain_text("admin")
    console.button("Kiểm tra chuỗi").click()
    expect(console.page.get_by_text(re.compile(r"Chuỗi nguyên vẹn"))).to_be_visible()


def test_the_report_begins_with_what_could_not_be_seen(console: Console, demo: Demo) -> None:
    console.go("/reports?from=now-24h").heading("Báo cáo")
    console.button("Xem").click()
    report = console.page.get_by_role("article")
    expect(report.get_by_role("heading", level=3).first).to_have_text("Những phần không giám sát được trong kỳ")
    expect(report).to_contain_text("thedt-pay01")
    expect(report).to_contain_text("admin")
    console.button("Tải bản tiếng Việt").click()
    with console.page.expect_download(timeout=60_000) as got:
        console.page.get_by_role("menuitem", name=re.compile("PDF")).click()
    assert Path(got.value.path()).read_bytes().startswith(b"%PDF")
