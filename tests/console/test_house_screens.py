"""Sources, journal, rules, playbooks: the screens of sysadmins, auditors and those who tune."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from core import backups, checks, engines, reindexing
from core.clock import DAY, HOUR
from core.db.models import Audit, RuleMode, Source
from core.errors import Refused, failure
from core.extract_check import check
from core.keeping import MAINTENANCE
from core.store.contract import Span
from core.store.reindex import Reindexing, ReindexStage
from tests.console.conftest import Open
from tests.console.house import CLI, Running

INVENTORY = """Tên nguồn,Địa chỉ,Sản phẩm,Hệ thống thông tin,Đơn vị,Cấp độ,Chủ quản,Múi giờ
may-moi-01,10.20.9.1,nginx,Cổng thông tin điện tử,Văn phòng UBND tỉnh,{level},,Asia/Ho_Chi_Minh
"""


def test_sources_say_what_is_wrong_with_each(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, "duclm", path="/sources").heading("Nguồn")
    head = console.page.locator(".page > .head").first
    expect(head).to_contain_text("9 khai báo · 7 đang gửi · 1 mất tín hiệu · 1 chưa từng gửi · 1 chưa khai báo")
    expect(console.page.locator(".page > .head").nth(1)).to_contain_text(
        re.compile(r"nhận [\d.]+ = phân tích .* khớp.*Xử lý không trễ")
    )
    expect(console.rows().nth(0)).to_contain_text("Mất tín hiệu 5")
    expect(console.rows().nth(1)).to_contain_text("Chưa từng gửi")
    expect(console.row("motcua-app01")).to_contain_text("−7 phút 02 giây")
    expect(console.row("esx01")).to_contain_text("sai múi giờ")
    console.row("csdl-db02").click()
    panel = console.page.locator(".source-panel")
    expect(panel).to_contain_text("Thiếu loại nhật ký: system.auth")
    expect(panel).to_contain_text("postgresql.log")
    expect(panel).to_contain_text("Mất trước khi đến: không rõ (nguồn không đánh số những gì gửi đi)")
    console.row("fw-ttdl").get_by_text("fw-ttdl").first.click()
    expect(panel).to_contain_text("Mất trước khi đến: 48 gói tin (theo số thứ tự của chính nguồn)")
    expect(panel).to_contain_text("Bộ nhận netflow:2055: hệ điều hành loại 23 gói tin trong 24 giờ")
    panel.get_by_text("Đối soát từng giờ").click()
    expect(panel.locator("table.numbers")).to_contain_text("48 gói tin")
    console.button("1 chưa từng gửi").click()
    expect(console.rows()).to_have_count(1)
    assert "state=never" in console.page.url


def test_an_inventory_is_previewed_and_taken_all_or_nothing(
    open_console: Open, own_house: Running, tmp_path: Path
) -> None:
    console = open_console(own_house, "duclm", path="/sources").heading("Nguồn")
    file = tmp_path / "nguon.csv"
    console.button("Nhập danh mục…").click()
    file.write_text(INVENTORY.format(level="bảy"), encoding="utf-8")
    console.dialog().locator("input[type=file]").set_input_files(file)
    expect(console.dialog()).to_contain_text("1 ô sai, chưa áp dụng được")
    expect(console.dialog()).to_contain_text("Cấp độ là số từ 1 đến 5")
    expect(console.dialog().get_by_role("button", name="Áp dụng")).to_be_disabled()
    file.write_text(INVENTORY.format(level="2"), encoding="utf-8")
    with console.page.expect_file_chooser() as chooser:
        console.dialog().get_by_text("Chọn tệp…").click()
    chooser.value.set_files(file)
    expect(console.dialog()).to_contain_text("Thêm 1, sửa 0, giữ nguyên 0")
    console.dialog().get_by_role("button", name="Áp dụng").click()
    console.toast("Đã nhập danh mục: thêm 1, sửa 0")
    expect(console.row("may-moi-01")).to_contain_text("Chưa từng gửi")
    with own_house.services.database.read() as session:
        assert session.scalars(select(Source.product).where(Source.name == "may-moi-01")).all() == ["nginx"]


def test_the_journal_is_checked_now_and_names_the_broken_entry(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "trangpt", path="/journal").heading("Nhật ký thao tác")
    expect(console.row("Đăng nhập")).to_contain_text("Phạm Thu Trang")
    console.press("j")
    expect(console.side()).to_contain_text("Chuỗi băm")
    console.button("Kiểm tra chuỗi").click()
    expect(console.page.get_by_text(re.compile(r"Chuỗi nguyên vẹn: \d+ mục"))).to_be_visible()
    console.button("Xuất").click()
    with console.page.expect_download() as got:
        console.page.get_by_role("menuitem", name=re.compile("CSV")).click()
    path = Path(got.value.path())
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert {"Số", "Người thực hiện", "Mã băm"} <= set(next(csv.reader(file)))
    assert check(path).is_whole
    with own_house.services.database.write() as session:
        session.execute(update(Audit).where(Audit.seq == 3).values(actor="ai đó"))
    console.button("Kiểm tra chuỗi").click()
    expect(console.page.get_by_text("Chuỗi bị đứt ở mục 3")).to_be_visible()


def test_a_rule_is_set_to_record_with_a_reason(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path="/detections?text=shadow_copies").heading("Quy tắc phát hiện")
    expect(console.rows()).to_have_count(1)
    console.press("j")
    side = console.side()
    side.get_by_placeholder("Lý do thay đổi").fill("Máy sao lưu thử nghiệm")
    side.get_by_role("button", name="chỉ ghi nhận").click()
    console.toast("Quy tắc nay ở chế độ: chỉ ghi nhận")
    expect(console.rows().first).to_contain_text("chỉ ghi nhận")
    with own_house.services.database.read() as session:
        row = session.scalars(select(RuleMode)).one()
        assert (row.mode, row.reason, row.by) == ("record", "Máy sao lưu thử nghiệm", "hanhnt")


def test_a_rule_says_on_which_hosts_it_cannot_fire_and_what_to_switch_on(
    open_console: Open, shared_house: Running
) -> None:
    console = open_console(shared_house, path="/detections?coverage=partly_blind").heading("Quy tắc phát hiện")
    expect(console.rows().first).to_contain_text("thiếu dữ liệu 3/5")
    console.go("/detections?text=f38ec8bb-8469-4eb8-83ea-54bf6afc8ec3")
    expect(console.rows()).to_have_count(1)
    console.press("j")
    side = console.side()
    expect(side).to_contain_text(
        "thiếu dữ liệu 3/5 máy: thiếu trường dữ liệu CommandLine (csdl-db02, mail01, tthc-web01)"
    )
    expect(side).to_contain_text("Cần bật gì")
    expect(side).to_contain_text("-a always,exit -F arch=b64 -S execve,execveat -k exec")


def test_a_correlation_that_others_read_is_made_to_alert(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, path="/detections?text=ssh_guessing").heading("Quy tắc phát hiện")
    console.row("Nhiều lần đăng nhập SSH bị từ chối").click()
    pressed = console.side().locator("button[aria-pressed=true]")
    expect(pressed).to_have_text("dùng cho tương quan (mặc định)")
    expect(console.side()).to_contain_text("Chỉ tương quan khác đọc tương quan này")
    console.side().get_by_role("button", name="cảnh báo").click()
    console.toast("Quy tắc nay ở chế độ: cảnh báo")
    expect(pressed).to_have_text("cảnh báo")


def test_playbooks_say_what_starts_them_and_who_approves(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/playbooks")
    console.row("Chặn nguồn dò mật khẩu").click()
    expect(console.side()).to_contain_text("incident.level: (high or critical)")
    expect(console.side()).to_contain_text("cần phê duyệt: cán bộ phân tích, quản trị hệ thống")


def test_an_admin_adds_somebody_and_gets_a_link_that_works(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "admin", path="/people").heading("Quản trị")
    expect(console.rows()).to_have_count(6)
    console.button("Thêm người dùng").click()
    console.dialog().locator("input[name=name]").fill("moinv")
    console.dialog().locator("input[name=full_name]").fill("Ngô Văn Mới")
    console.dialog().get_by_role("button", name="Thêm người dùng").click()
    link = console.dialog().locator("pre").inner_text()
    assert link.startswith(f"{own_house.url}/sign-in#")
    open_console(own_house, None, path=link.removeprefix(own_house.url)).heading("Chào Ngô Văn Mới, hãy đặt mật khẩu")
    console.leave_dialog()
    expect(console.row("Ngô Văn Mới")).to_contain_text("Chưa đặt mật khẩu")


def test_a_token_is_shown_once_and_can_be_revoked(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "admin", path="/people?show=tokens").heading("Quản trị")
    console.button("Tạo mã truy cập").click()
    console.dialog().locator("input[name=name]").fill("may-web")
    console.dialog().get_by_role("button", name="Tạo mã truy cập").click()
    assert console.dialog().locator("pre").inner_text().startswith("kydai_")
    expect(console.dialog().get_by_role("button", name="Chép")).to_be_focused()
    console.leave_dialog()
    expect(console.button("Tạo mã truy cập")).to_be_focused()
    console.row("may-web").get_by_role("button", name="Thu hồi").click()
    expect(console.row("may-web")).to_contain_text("Đã thu hồi")


def test_a_sysadmin_keeps_the_tokens_for_intake_alone(open_console: Open, own_house: Running) -> None:
    admin = open_console(own_house, "admin", path="/people?show=tokens").heading("Quản trị")
    for name, scope in (("may-web", "ingest"), ("bao-cao", "api")):
        admin.button("Tạo mã truy cập").click()
        admin.dialog().locator("input[name=name]").fill(name)
        admin.dialog().locator("select[name=scope]").select_option(scope)
        admin.dialog().get_by_role("button", name="Tạo mã truy cập").click()
        expect(admin.dialog().locator("pre")).to_be_visible()
        admin.leave_dialog()
    console = open_console(own_house, "duclm", path="/sources").heading("Nguồn")
    console.press("g", "a").heading("Quản trị")
    expect(console.page.locator(".page > .head")).to_contain_text("Mã truy cập để gửi dữ liệu")
    expect(console.rows()).to_have_count(1)
    console.button("Tạo mã truy cập").click()
    expect(console.dialog().locator("select[name=scope] option")).to_have_text(["gửi dữ liệu"])
    console.dialog().locator("input[name=name]").fill("may-db")
    console.dialog().get_by_role("button", name="Tạo mã truy cập").click()
    assert console.dialog().locator("pre").inner_text().startswith("kydai_")
    console.leave_dialog()
    expect(console.rows()).to_have_count(2)
    console.row("may-web").get_by_role("button", name="Thu hồi").click()
    expect(console.row("may-web")).to_contain_text("Đã thu hồi")


def test_a_report_is_read_first_and_its_numbers_can_be_run_again(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "trangpt", path="/reports").heading("Báo cáo")
    console.button("Xem").click()
    report = console.page.get_by_role("article")
    expect(report.get_by_role("heading", level=3).first).to_have_text("Những phần không giám sát được trong kỳ")
    expect(report.get_by_role("row").nth(1)).to_contain_text("chưa từng gửi: thedt-pay01")
    shown = report.get_by_role("row", name=re.compile("Sự kiện khớp quy tắc phát hiện")).get_by_role("cell").nth(1)
    number = shown.inner_text()
    for language, start in (("tiếng Việt", b"%PDF"), ("tiếng Anh", b"%PDF")):
        console.button(f"Tải bản {language}").click()
        with console.page.expect_download(timeout=30_000) as got:
            console.page.get_by_role("menuitem", name=re.compile("PDF")).click()
        assert Path(got.value.path()).read_bytes().startswith(start)
        assert got.value.suggested_filename.endswith(".pdf")
    report.get_by_role("link", name="kydai.rules: *", exact=True).click()
    console.heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text(f"{number} sự kiện")
    with own_house.services.database.read() as session:
        forms = [e.after["format"] for e in session.scalars(select(Audit).where(Audit.action == "report.export"))
                 if e.after]  # fmt: skip
    assert forms == ["json", "pdf", "pdf"]


def test_an_incident_is_taken_away_as_a_report(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/incidents/VV-2026-0005")
    console.button("Báo cáo").click()
    with console.page.expect_download(timeout=30_000) as got:
        console.page.get_by_role("menuitem", name=re.compile("XLSX")).click()
    assert got.value.suggested_filename == "kydai-incident-VV-2026-0005.xlsx"
    console.go("/reports?kind=incident&number=VV-2026-0005").heading("Báo cáo")
    console.button("Xem").click()
    expect(console.page.get_by_role("article")).to_contain_text("Báo cáo vụ việc VV-2026-0005")
    scoped = open_console(shared_house, "sonhv", path="/reports")
    expect(scoped.page.get_by_text("chỉ tài khoản không giới hạn phạm vi")).to_be_visible()


def test_storage_says_what_is_kept_and_shortens_it_by_keyboard(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/queue").heading("Chờ xử lý")
    console.press("g", "t").heading("Lưu trữ")
    page = console.page.locator(".storage")
    expect(page).to_contain_text("Nguyên vẹn: 2 tệp")
    expect(page).to_contain_text("VV-2026-0003")
    expect(page).to_contain_text("Công an tỉnh yêu cầu giữ nguyên nhật ký")
    waiting = page.get_by_role("row", name="level4")
    expect(waiting).to_contain_text("Chỉ lưu 12 tháng từ")
    expect(waiting).to_contain_text("Lê Minh Đức: Theo kế hoạch lưu trữ 2026")
    waiting.get_by_role("button", name="Hủy rút ngắn").press("Enter")
    console.toast("level4: đã hủy rút ngắn")
    expect(waiting.get_by_role("button", name="Hủy rút ngắn")).to_have_count(0)

    undeclared = page.get_by_role("row", name="default")
    expect(undeclared).to_contain_text("200 ngày")
    undeclared.get_by_role("button", name="Rút ngắn…").press("Enter")
    dialog = console.dialog()
    expect(dialog).to_contain_text("default: sẽ xóa 50 bản ghi")
    dialog.get_by_label("Chỉ lưu (hiện là 9 tháng)").select_option("8")
    expect(dialog).to_contain_text("Lúc đó chưa có gì bị xóa.")
    dialog.get_by_label("Chỉ lưu (hiện là 9 tháng)").select_option("6")
    send = dialog.get_by_role("button", name=re.compile("^Rút ngắn"))
    expect(send).to_be_disabled()
    dialog.get_by_label("Lý do").fill("đĩa nhỏ")
    dialog.get_by_label("Gõ default để xác nhận").fill("default")
    console.press("Control+Enter")
    console.toast("default: sau 24 giờ chỉ lưu 6 tháng")
    expect(undeclared).to_contain_text("đĩa nhỏ")

    with own_house.services.database.write() as session:
        now, first = own_house.services.clock.now(), own_house.services.clock.now() - 90 * DAY
        checks.note(session, MAINTENANCE, [], 2, now, "duclm", unread=3, span=Span(first, now))
    console.press("r")
    facts = console.page.locator(".storage-facts")
    expect(facts).to_contain_text("3 chỗ không đọc được")
    expect(facts).to_contain_text("chỉ đối chiếu từ")
    expect(facts).not_to_contain_text("Nguyên vẹn")
    assert console.violations() == []
    with own_house.services.database.read() as session:
        actions = list(session.scalars(select(Audit.action).where(Audit.object.startswith("retention:"))))
    assert actions[-2:] == ["retention.cancel", "retention.shorten"]


def test_a_hold_is_placed_and_lifted_by_keyboard(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/storage").heading("Lưu trữ")
    page = console.page.locator(".storage")
    page.get_by_role("button", name="Tạm dừng xóa…").press("Enter")
    dialog = console.dialog()
    dialog.get_by_label("Tên").fill("VV-2026-0009")
    dialog.get_by_label("Nhận từ").fill("hôm qua")
    dialog.get_by_label("Lý do").fill("Công văn 12/PA05")
    console.press("Control+Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Nhận từ").fill("01/01/2020 00:00:00")
    console.press("Control+Enter")
    console.toast("VV-2026-0009: đã tạm dừng xóa")
    row = page.get_by_role("row", name="VV-2026-0009")
    expect(row).to_contain_text("01/01/2020 00:00:00 → …")
    expect(row).to_contain_text("Lê Minh Đức")
    row.get_by_role("button", name="Bỏ…").press("Enter")
    dialog = console.dialog()
    expect(dialog).to_contain_text("Lúc đó chưa có gì bị xóa.")
    dialog.get_by_label("Lý do").fill("Hết yêu cầu")
    send = dialog.get_by_role("button", name=re.compile("^Bỏ tạm dừng xóa"))
    expect(send).to_be_disabled()
    dialog.get_by_label("Gõ VV-2026-0009 để xác nhận").fill("VV-2026-0009")
    console.press("Control+Enter")
    console.toast("VV-2026-0009: sẽ bỏ tạm dừng xóa sau 24 giờ")
    expect(row).to_contain_text("Sẽ bỏ lúc")
    row.get_by_role("button", name="Hủy việc bỏ").press("Enter")
    console.toast("VV-2026-0009: vẫn tạm dừng xóa")
    assert console.violations() == []
    with own_house.services.database.read() as session:
        actions = list(session.scalars(select(Audit.action).where(Audit.object == "hold:VV-2026-0009")))
    assert actions == ["store.hold", "store.lift_ask", "store.lift_cancel"]


def test_storage_says_how_to_move_it_and_how_far_that_is(open_console: Open, own_house: Running) -> None:
    console = open_console(own_house, "duclm", path="/storage").heading("Lưu trữ")
    part = console.page.get_by_role("region", name="Chuyển sang loại kho khác")
    expect(part).to_contain_text("kydai store move segments elastic")
    house = own_house.services
    with house.database.write() as session:
        move = engines.begin(session, CLI, "segments", "elastic", "run", house.clock.now())
        engines.note(session, replace(move, events=4_000_000, copied=1_000_000), house.clock.now())
    console.press("r")
    expect(part.get_by_role("status")).to_contain_text("đã chép 1.000.000/4.000.000 sự kiện")
    expect(part).to_be_in_viewport(ratio=1)
    expect(part).not_to_contain_text("kydai store move")
    with house.database.write() as session:
        engines.note(session, move, house.clock.now() - HOUR)
    expect(part).to_contain_text("Không ai đang chạy.")
    expect(part.locator("code")).to_have_text("kydai store move segments elastic")
    assert console.violations() == []


def test_storage_says_how_far_an_older_mapping_is_written_anew(open_console: Open, own_house: Running) -> None:
    house, part = own_house.services, "kydai-level3-2026.w47"
    console = open_console(own_house, "duclm", path="/storage").heading("Lưu trữ")
    region = console.page.get_by_role("region", name="Chỉ mục theo cấu trúc cũ")
    expect(console.page.get_by_role("region", name="Thời gian lưu trữ")).to_be_visible()
    expect(region).to_have_count(0)
    with house.database.write() as session:
        run = reindexing.begin(session, "run", house.clock.now())
        state = Reindexing(part, ReindexStage.COPYING, 1_234_567, 9_876_543, 3)
        run = reindexing.note(session, CLI, run, state, house.clock.now())
    console.press("r")
    expect(region).to_contain_text(f"{part}: đã chép và đối chiếu 1.234.567/9.876.543 sự kiện; còn 3 chỉ mục")
    expect(region).to_be_in_viewport()
    expect(region).not_to_contain_text("chờ trong vùng đệm")
    expect(region).to_contain_text("tìm kiếm và thu nhận vẫn hoạt động")
    with house.database.write() as session:
        state = replace(state, stage=ReindexStage.CLOSING)
        run = reindexing.note(session, CLI, run, state, house.clock.now())
    console.press("r")
    expect(region).to_contain_text("tìm kiếm vẫn hoạt động, dữ liệu mới của nó chờ trong vùng đệm trên đĩa")
    expect(region).not_to_contain_text("thu nhận vẫn hoạt động")
    lacking = {"vi": "12,3 GB", "en": "12.3 GB"}
    with house.database.write() as session:
        error = failure(Refused, "store.reindex.room", name=part, lacking=lacking)
        reindexing.end(session, run, house.clock.now(), error)
    console.press("r")
    expect(region).to_contain_text("cần trống thêm 12,3 GB")


def test_storage_says_when_the_control_data_were_backed_up_and_when_that_fails(
    open_console: Open, own_house: Running
) -> None:
    house, file = own_house.services, "/var/lib/kydai/backup/kydai-siem-20261127-023000.tar.zst"
    console = open_console(own_house, "duclm", path="/storage").heading("Lưu trữ")
    facts = console.page.locator(".storage-facts > div").filter(has_text="Sao lưu hằng ngày")
    expect(facts).to_contain_text("Chưa có bản nào")
    with house.database.write() as session:
        backups.succeeded(session, file, 5_120_000, house.clock.now() - 3 * HOUR)
    console.press("r")
    expect(facts).to_contain_text("Cách đây 3 giờ")
    expect(facts).to_contain_text(f"5,1 MB, {file}")
    with house.database.write() as session:
        backups.failed(session, failure(Refused, "backup.error.room", free=10, needed=300), house.clock.now())
    console.press("r")
    expect(facts).to_contain_text("Cần xử lý")
    expect(facts).to_contain_text("Sao lưu hằng ngày không thành công: Không đủ chỗ để sao lưu: còn trống 10 MB")
    expect(facts).to_contain_text(file)
    assert console.violations() == []


def test_storage_names_indices_that_somebody_has_closed(
    open_console: Open, own_house: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = open_console(own_house, "duclm", path="/storage").heading("Lưu trữ")
    page = console.page.locator(".storage")
    expect(page).to_contain_text("Thời gian lưu trữ")
    expect(page).not_to_contain_text("Chỉ mục đang bị đóng")
    store = own_house.services.store
    found = replace(store.stats(), closed=tuple(f"kydai-level{i}-2026.w47" for i in range(1, 6)))
    monkeypatch.setattr(store, "stats", lambda: found)
    console.press("r")
    said = page.locator("p", has_text="Chỉ mục đang bị đóng")
    expect(said).to_contain_text("kydai-level1-2026.w47, kydai-level2-2026.w47")
    expect(said).to_contain_text("tìm kiếm không thấy")
    expect(said).to_be_in_viewport(ratio=1)
    assert console.violations() == []


def test_storage_is_for_those_who_keep_the_house(open_console: Open, shared_house: Running) -> None:
    for name in ("hanhnt", "trangpt"):
        console = open_console(shared_house, name, path="/queue").heading("Chờ xử lý")
        expect(console.page.locator(".side-nav").get_by_role("link", name="Lưu trữ")).to_have_count(0)
        console.press("g", "t").heading("Chờ xử lý")
