"""Each role through the whole story with the keyboard alone: what it may do is in reach, what not is not offered."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from core.db.models import Audit
from tests.console.conftest import Open
from tests.console.house import PASSWORD, Running
from tests.console.keyboard import call, focus, in_dialog, tab_to, type_in, use, whole_round
from tests.console.pages import Console

QUEUE = "Cảnh báo chờ xử lý"
INCIDENT = re.compile("Đăng nhập SSH thành công sau dò mật khẩu trên baochi-crawl01")
PLACES = {"q": QUEUE, "i": "Vụ việc", "h": "Truy tìm", "d": "Quy tắc phát hiện", "p": "Kịch bản ứng phó", "s": "Nguồn",
          "t": "Lưu trữ", "n": "Thông báo", "b": "Báo cáo", "l": "Nhật ký thao tác", "a": "Quản trị"}  # fmt: skip
FOR_JOURNAL = {"l", "a"}
TRIAGE = (
    ("POST", "/alerts/acknowledge", {"ids": [1]}),
    ("POST", "/alerts/close", {"ids": [1], "verdict": "benign", "reason": ""}),
    ("POST", "/incidents/VV-2026-0005/assign", {"assignee": "hanhnt"}),
    ("POST", "/incidents/VV-2026-0005/untag", {"tags": ["x"]}),
    ("POST", "/runs/1/approve", {"step": "block", "preview_version": 1}),
)
HOUSE = (
    ("POST", "/sources/edit", {"sources": ["esx01"], "changes": {"zone": "UTC"}}),
    ("GET", "/store", None),
    ("POST", "/store/shortenings/cancel", {"name": "level4"}),
)
ADMIN = (("POST", "/users", {"name": "ai", "role": "admin"}),)
READ_JOURNAL = (("GET", "/audit", None), ("GET", "/users", None))


def enter(open_console: Open, house: Running, name: str) -> Console:
    """Sign in by name and password, typed."""
    house.session_of(name)  # in Vietnamese, whatever another test has set
    console = open_console(house, None, path="/").heading("Đăng nhập")
    type_in(console, name)
    tab_to(console, "^Mật khẩu")
    type_in(console, PASSWORD)
    console.press("Enter").heading(QUEUE)
    # the counts beside the menu come with the first tick of the stream
    expect(console.page.get_by_role("navigation").first).to_contain_text("Chờ xử lý11")
    return console


def loaded(console: Console) -> Console:
    expect(console.page.get_by_text(re.compile("^(Đang tải…|Loading…)$"))).to_have_count(0)
    return console


@pytest.mark.parametrize(
    ("name", "has_journal", "has_house"),
    [("admin", True, True), ("duclm", False, True), ("hanhnt", False, False), ("trangpt", True, False)],
)
def test_every_screen_is_walked_from_top_to_end(
    open_console: Open, shared_house: Running, name: str, has_journal: bool, has_house: bool
) -> None:
    console = enter(open_console, shared_house, name)
    for key, heading in PLACES.items():
        if key in FOR_JOURNAL and not has_journal:
            console.press("g", key)
            expect(console.page.get_by_role("navigation").first).not_to_contain_text("Nhật ký")
            continue
        if key == "t" and not has_house:
            console.press("g", key)
            expect(console.page.get_by_role("navigation").first).not_to_contain_text("Lưu trữ")
            continue
        loaded(console.press("g", key).heading(heading))
        if key in "qihdsla":
            console.press("j")
            expect(console.grid().locator(".current")).to_have_count(1)
            expect(console.grid()).to_be_focused()
            expect(console.page.locator("aside.side, .source-panel")).to_be_visible()
            loaded(console)
        passed = whole_round(console)
        assert passed[:4] == ["Kỳ Đài", passed[1], passed[2], passed[3]]
        assert passed.index("Chờ xử lý 11") < len(passed) - 1, "the menu comes before the screen"
        console.press("Escape")
    console.press("g", "q").heading(QUEUE)
    console.page.evaluate("() => document.activeElement?.blur()")
    use(console, "^Tới nội dung chính$")
    expect(console.page.locator("main")).to_be_focused()
    console.press("Tab")
    at = focus(console)
    assert at is not None and at.name.startswith("Nhóm theo"), at


def test_an_analyst_triages_decides_and_hunts(open_console: Open, own_house: Running) -> None:
    console = enter(open_console, own_house, "hanhnt")
    expect(console.rows()).to_have_count(11)
    # the queue: several at once, and back
    console.press("j", "j", "k", "x", "x")
    expect(console.page.get_by_text("Đã chọn 2")).to_be_visible()
    console.press("a").toast("Nguyễn Thị Hạnh nhận xử lý (2 cảnh báo)")
    console.press("u").toast("Đã hoàn tác")
    in_dialog(console.press("x", "c")).press("2")
    console.toast("Đã đóng: đúng, được phép (1 cảnh báo)")
    console.press("u").toast("Đã hoàn tác")
    use(console, "^Của tôi$")
    expect(console.page.get_by_role("button", name="Của tôi")).to_have_attribute("aria-pressed", "true")
    console.press("Enter")
    expect(console.rows()).to_have_count(11)
    # to the incident of a row
    tab_to(console, "^Lọc theo quy tắc", back=True)
    type_in(console, "sau do mat khau")
    expect(console.rows()).to_have_count(1)
    console.press("Escape", "j", "Enter").heading(INCIDENT)
    incident(console)
    hunt(console)
    # what is not an analyst's
    for method, path, body in (*HOUSE, *ADMIN, *READ_JOURNAL):
        assert call(console, method, path, body) == 403, path
    console.press("g", "s").heading("Nguồn")
    expect(console.button("Nhập danh mục…")).to_have_count(0)


def incident(console: Console) -> None:
    """Notes, tags, an approval, a split, a merge, a declaration and the end of an incident."""
    console.press("a").toast("Nguyễn Thị Hạnh nhận xử lý")
    in_dialog(console.press("n"))
    type_in(console, "Đã gọi nhà thầu").press("Control+Enter").toast("Đã lưu ghi chú")
    in_dialog(use(console, "^Thêm…$"))
    type_in(console, "ca đêm").press("Enter").toast("Đã gắn nhãn")
    use(console, "^Gỡ nhãn ca đêm$").toast("Đã gỡ nhãn ca đêm")
    use(console, "^Phê duyệt$").toast("Đã phê duyệt")
    expect(console.page.locator(".timeline")).to_contain_text("Nguyễn Thị Hạnh")
    in_dialog(use(console, "^Tách…$")).press("Space", "Control+Enter")
    console.toast("Đã tách thành VV-2026-0006")
    console.page.go_back()
    console.heading(re.compile("Đăng nhập SSH bằng khóa của người khác"))
    in_dialog(use(console, "^Gộp thêm…$"))
    type_in(console, "VV-2026-0006")
    expect(console.dialog().get_by_role("checkbox")).to_have_count(1)
    console.press("Tab", "Space", "Control+Enter").toast("Đã gộp vào VV-2026-0005")
    in_dialog(use(console, "^Xác nhận là sự cố…$"))
    tab_to(console, "^Loại sự cố")
    console.press("x")
    tab_to(console, "^Lý do")
    type_in(console, "Có đăng nhập trái phép").press("Control+Enter").toast("Đã xác nhận sự cố an ninh mạng")
    console.press("c").leave_dialog()
    in_dialog(console.press("c")).press("1").toast("Đã đóng vụ việc")
    console.press("Tab")
    assert focus(console) is not None


def hunt(console: Console) -> None:
    """A query, the values of a field, an event."""
    console.press("g", "h").heading("Truy tìm")
    tab_to(console, "^(Truy vấn|ví dụ)")
    type_in(console, "event.dataset: nginx.access").press("Enter")
    expect(console.page.locator(".truth")).to_contain_text("1.500 sự kiện")
    use(console, r"^event\.outcome")
    use(console, r"^Chỉ event\.outcome là failure$")
    expect(console.page.locator(".truth")).to_contain_text("89 sự kiện")
    expect(console.rows().nth(1)).to_contain_text("/thu-tuc/17?")
    console.press("j")
    expect(console.side()).to_contain_text("event.outcome")
    use(console, r"^Trừ host\.name là")
    expect(console.page.locator(".query-box input")).to_have_value(re.compile(r" and not host\.name: "))


def test_a_sysadmin_keeps_sources_and_judges_nothing(open_console: Open, own_house: Running) -> None:
    console = enter(open_console, own_house, "duclm")
    expect(console.rows()).to_have_count(11)
    judges_nothing(console)
    console.press("g", "s").heading("Nguồn")
    use(console, "^Nhập danh mục…$").leave_dialog()
    expect(console.button("Nhập danh mục…")).to_be_focused()
    tab_to(console, "^Lọc theo tên")
    type_in(console, "esx01")
    expect(console.rows()).to_have_count(1)
    console.press("Escape", "j")
    use(console, "UTC").toast("UTC")
    for method, path, body in (*TRIAGE, *ADMIN, *READ_JOURNAL):
        assert call(console, method, path, body) == 403, path


def test_an_auditor_reads_and_checks_all_and_changes_nothing(open_console: Open, own_house: Running) -> None:
    console = enter(open_console, own_house, "trangpt")
    expect(console.rows()).to_have_count(11)
    judges_nothing(console)
    console.press("g", "s").heading("Nguồn")
    expect(console.button("Nhập danh mục…")).to_have_count(0)
    loaded(console.press("g", "l").heading("Nhật ký thao tác"))
    use(console, "^Kiểm tra chuỗi$")
    expect(console.page.get_by_text(re.compile(r"Chuỗi nguyên vẹn: \d+ mục"))).to_be_visible()
    tab_to(console, "^Xuất$")
    with console.page.expect_download():
        console.press("Enter")
        # it is seen a moment before it has the focus
        console.page.wait_for_function("document.activeElement?.closest('[role=menu]')")
        console.press("ArrowDown", "Enter")
    loaded(console.press("g", "a").heading("Quản trị"))
    expect(console.button("Thêm người dùng")).to_have_count(0)
    for method, path, body in (*TRIAGE, *HOUSE, *ADMIN):
        assert call(console, method, path, body) == 403, path
    with own_house.services.database.read() as session:
        mine = set(session.scalars(select(Audit.action).where(Audit.actor == "trangpt")))
    assert mine <= {"sign_in", "events.search", "audit.export", "audit.verify"}, mine


def judges_nothing(console: Console) -> None:
    """The queue and an incident are read; nothing there can be changed, by key or by button."""
    console.press("j", "x", "a", "e", "c")
    expect(console.side()).to_contain_text("Vì sao có cảnh báo")
    expect(console.dialog()).to_have_count(0)
    expect(console.page.locator(".toast")).to_have_count(0)
    expect(console.page.get_by_role("checkbox")).to_have_count(0)
    for name in ("Nhận xử lý", "Đóng"):
        expect(console.button(re.compile(f"^{name}"))).to_have_count(0)
    console.press("g", "i").heading("Vụ việc")
    tab_to(console, "^Lọc theo số hiệu")
    type_in(console, "VV-2026-0005")
    expect(console.rows()).to_have_count(1)
    console.press("Escape", "j", "Enter").heading(INCIDENT)
    console.press("a", "n", "c")
    expect(console.dialog()).to_have_count(0)
    expect(console.page.locator("article.run").first).to_contain_text("Chờ phê duyệt")
    offered = whole_round(console)
    for name in (
        "Nhận xử lý",
        "Đóng vụ việc",
        "Xác nhận là",
        "Thêm ghi chú",
        "Thêm…",
        "Gộp",
        "Tách",
        "Phê duyệt",
        "Từ chối",
    ):
        assert not [each for each in offered if each.startswith(name)], name


def test_an_admin_does_all_of_it(open_console: Open, own_house: Running) -> None:
    console = enter(open_console, own_house, "admin")
    expect(console.rows()).to_have_count(11)
    console.press("j")
    expect(console.side()).to_contain_text("Vì sao có cảnh báo")
    console.press("a").toast("Quản trị nhận xử lý")
    console.press("u").toast("Đã hoàn tác")
    loaded(console.press("g", "p").heading("Kịch bản ứng phó"))
    console.press("j")
    use(console, "^Từ chối…$")
    type_in(in_dialog(console), "Đang phối hợp với nhà thầu").press("Control+Enter").toast("Đã từ chối")
    use(console, "^Định nghĩa$")
    # until its code is there the runs still stand
    expect(console.page.get_by_role("grid", name="Kịch bản ứng phó", exact=True)).to_have_count(0)
    loaded(console).press("j")
    expect(console.side()).to_contain_text("Các bước")
    loaded(console.press("g", "a").heading("Quản trị"))
    in_dialog(use(console, "^Thêm người dùng$"))
    type_in(console, "lanpt")
    tab_to(console, "^Họ và tên")
    type_in(console, "Phan Thị Lan").press("Control+Enter")
    expect(console.dialog()).to_contain_text("/sign-in#")
    console.leave_dialog()
    expect(console.row("lanpt")).to_contain_text("Phan Thị Lan")
    loaded(console.press("g", "d").heading("Quy tắc phát hiện")).press("j")
    use(console, "^chỉ ghi nhận").toast("chỉ ghi nhận")
    # the menu of the person: language and theme
    console.page.evaluate("() => document.activeElement?.blur()")
    use(console, "^Quản trị$")
    expect(console.page.locator("[role=menu]:focus-within")).to_have_count(1)
    console.press("ArrowDown", "ArrowDown", "Enter").heading("Detection rules")
