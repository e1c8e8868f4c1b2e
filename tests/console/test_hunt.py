"""Hunting: a query, its chart, its events and fields."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import Route, expect
from sqlalchemy import select

from core.db.models import Audit, SavedSearch
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import ask


def test_a_query_finds_events_and_says_how_truly(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    ask(console, "host.name: baochi-crawl01 and event.dataset: system.auth")
    expect(console.page.locator(".truth")).to_contain_text("21 sự kiện")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    expect(console.rows().first).to_contain_text("Accepted password for baochi")
    expect(console.page.locator(".chart-place canvas")).to_be_visible()
    assert "q=host.name" in console.page.url
    with shared_house.services.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action == "events.search")).all()
        queries = [entry.after["query"] for entry in entries if entry.after]
    assert "host.name: baochi-crawl01 and event.dataset: system.auth" in queries


def test_a_wrong_query_is_marked_where_it_is_wrong(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    ask(console, 'message: "chưa đóng')
    problem = console.page.get_by_role("alert")
    expect(problem).to_contain_text("Dấu nháy kép mở ở đây chưa được đóng")
    expect(problem).to_contain_text("(ký tự thứ 10)")
    box = console.page.locator(".query-box input")
    assert box.evaluate("e => e.selectionStart") == 9
    mark = console.page.locator(".query-mark .wrong")
    expect(mark).to_have_text('"chưa đóng')
    place, frame = mark.bounding_box(), box.bounding_box()
    assert place is not None and frame is not None
    width = console.page.evaluate(
        """() => { const c = document.createElement('canvas').getContext('2d');
           c.font = getComputedStyle(document.querySelector('.query-box input')).font;
           return c.measureText('0'.repeat(100)).width / 100 }"""
    )
    assert abs(place["x"] - (frame["x"] + 10 + 9 * width)) < width, "the mark lies under the text"
    ask(console, "destination.prot: 22")
    expect(console.page.locator(".query-mark .doubtful")).to_have_text("destination.prot")
    console.page.locator(".truth").get_by_role("button", name="destination.port").click()
    expect(box).to_have_value("destination.port: 22")


def test_stages_make_a_table_whose_groups_lead_to_their_events(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    ask(console, "event.dataset: system.auth | stats count, max(@timestamp) by host.name, user.name | sort -count")
    grid = console.page.get_by_role("grid", name="Các nhóm")
    expect(grid.get_by_role("columnheader")).to_have_text(["host.name", "user.name", "count", "max(@timestamp)"])
    expect(console.page.get_by_text(re.compile(r"^Hiện \d+ trong \d+ nhóm$"))).to_be_visible()
    expect(console.page.get_by_text("Chính xác và đầy đủ")).to_be_visible()
    first = grid.get_by_role("row").nth(1)
    host, user, count = first.get_by_role("gridcell").all_inner_texts()[:3]
    first.get_by_role("button", name=host).click()
    expect(console.page.locator(".query-box input")).to_have_value(
        re.compile(f"^event.dataset: system.auth and host.name == {host} and user.name == {user}$")
    )
    expect(console.page.locator(".truth")).to_contain_text(f"{count} sự kiện")
    ask(console, "event.dataset: system.auth | timechart 5m by host.name | sort -count")
    first = grid.get_by_role("row").nth(1)
    count = first.get_by_role("gridcell").nth(2).inner_text()
    first.get_by_role("gridcell").nth(2).get_by_role("button").click()
    expect(console.page.locator(".truth")).to_contain_text(f"{count} sự kiện")
    assert "from=2026-" in console.page.url, "the time of the group is part of the question"
    console.page.go_back()
    expect(grid).to_be_visible()
    ask(console, "event.dataset: system.auth | timechart 1h")
    expect(console.page.get_by_role("grid", name="Các nhóm").get_by_role("columnheader").first).to_have_text(
        "Thời gian"
    )
    ask(console, "event.dataset: system.auth | count user.name")
    expect(console.page.get_by_role("alert")).to_contain_text("cần by")
    expect(console.page.get_by_role("alert")).to_contain_text("(ký tự thứ 36)")


def test_values_filter_in_and_out_and_become_columns(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    box = console.page.locator(".query-box input")
    console.button(re.compile("^event.outcome")).click()
    console.button("Chỉ event.outcome là failure").click()
    expect(console.page.locator(".query-box input")).to_have_value(
        "event.dataset: nginx.access and event.outcome: failure"
    )
    expect(console.page.locator(".truth")).to_contain_text("89 sự kiện")
    console.button(re.compile("^source.ip")).click()
    console.button("Thêm thành cột").click()
    expect(console.grid().get_by_role("columnheader", name="source.ip")).to_be_visible()
    console.press("j")
    expect(console.side()).to_contain_text("event.outcome")
    console.side().get_by_role("button", name="Trừ host.name là").click()
    expect(box).to_have_value(re.compile(r" and not host\.name: tthc-web01$"))
    console.page.go_back()
    expect(console.page.locator(".query-box input")).to_have_value(
        "event.dataset: nginx.access and event.outcome: failure"
    )


def test_all_rows_are_in_reach_and_a_file_holds_them(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    console.grid().focus()
    end = console.page.get_by_text("Hết: 1.500 sự kiện")
    while not end.is_visible():
        had = console.grid().get_attribute("aria-rowcount")
        console.press("End")
        expect(console.page.locator(f".grid:not([aria-rowcount='{had}'])").or_(end).first).to_be_visible()
    assert console.rows().count() < 80, "rows out of sight are not drawn"
    console.button("Xuất").click()
    with console.page.expect_download() as got:
        console.page.get_by_role("menuitem", name=re.compile("CSV")).click()
    with Path(got.value.path()).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1500
    console.toast("Đã xuất toàn bộ kết quả")


def test_a_range_drawn_on_the_chart_becomes_the_question(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("1.531")
    expect(console.rows().first).to_be_visible()  # nothing moves the chart any more
    box = console.page.locator(".chart-place .u-over").bounding_box()
    assert box is not None
    console.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 20)
    console.page.mouse.down()
    console.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=5)
    console.page.mouse.up()
    console.page.wait_for_url(re.compile("from=2026-.*to=2026-"))
    expect(console.page.locator(".truth")).not_to_contain_text("1.531")


def test_times_are_typed_as_they_are_read(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    console.button("24 giờ qua").click()
    console.page.locator("input[name=from]").fill("hôm qua")
    console.button("Dùng khoảng này").click()
    expect(console.page.get_by_role("alert")).to_contain_text("Viết như 25/11/2026 14:30")
    console.page.locator("input[name=from]").fill("01/11/2026 00:00")
    console.page.locator("input[name=to]").fill("02/11/2026 00:00:30")
    console.button("Dùng khoảng này").click()
    console.page.wait_for_url(re.compile(r"from=2026-10-31T17%3A00%3A00\.000Z&to=2026-11-01T17%3A00%3A30"))
    expect(console.page.get_by_text("Không có sự kiện nào khớp trong khoảng này")).to_be_visible()


def test_an_answer_that_lacks_a_part_says_so_and_what_to_do(
    open_console: Open, own_house: Running, tmp_path: Path
) -> None:
    console = open_console(own_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    for damaged in (tmp_path / "store").rglob("*.parquet"):
        text = bytearray(damaged.read_bytes())
        text[len(text) // 2] ^= 0xFF
        damaged.chmod(0o600)
        damaged.write_bytes(text)
    own_house.services.store.verify(mend=True)
    console.button("Tìm kiếm").click()
    missing = console.page.get_by_role("alert")
    expect(missing).to_contain_text("Kết quả CHƯA ĐẦY ĐỦ")
    expect(missing).to_contain_text("Một phần dữ liệu bị cách ly vì hỏng")
    expect(missing).to_contain_text(re.compile(r"→.*\.parquet"))
    expect(missing).to_contain_text("kydai store verify --mend")
    expect(console.page.locator(".truth")).to_contain_text("ít nhất 0 sự kiện")
    expect(console.grid()).to_contain_text("Chưa thể kết luận là không có")
    assert console.violations() == []
    console.button("Xuất").click()
    with console.page.expect_download():
        console.page.get_by_role("menuitem", name=re.compile("CSV")).click()
    console.toast("chỉ chứa một phần")


def test_a_query_is_written_by_its_completion_and_keys_alone(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    box, options = console.page.locator(".query-box input"), console.page.get_by_role("option")
    box.press_sequentially("datas")
    expect(options.first).to_contain_text(re.compile(r"event\.dataset.*keyword.*100"))
    box.press("Tab")
    expect(box).to_have_value("event.dataset: ")
    box.press_sequentially("auth")
    expect(options.first).to_contain_text("system.auth")
    assert console.violations() == []
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("event.dataset: system.auth ")
    box.press_sequentially("| cou")
    expect(options).to_have_text(["count by"])
    box.press("Tab")
    box.press_sequentially("host.n")
    expect(options.first).to_contain_text("host.name")
    box.press("Escape")
    expect(options).to_have_count(0)
    box.press_sequentially("ame")
    box.press("Enter")
    expect(console.page.get_by_role("grid", name="Các nhóm")).to_contain_text("baochi-crawl01")
    expect(options).to_have_count(0)


def test_every_value_has_its_menu_in_table_drawer_and_field_list(open_console: Open, shared_house: Running) -> None:
    path = "/hunt?q=event.dataset:%20nginx.access&cols=source.ip,host.name"
    console = open_console(shared_house, path=path).heading("Truy tìm")
    box, menu = console.page.locator(".query-box input"), console.page.get_by_role("menu")
    expect(console.rows().first).to_be_visible()
    console.press("j")
    expect(console.current()).to_be_visible()
    expect(console.side()).to_contain_text("Bản gốc")
    value = console.current().get_by_role("button").first
    shown = value.inner_text()
    value.press("Enter")
    expect(menu).to_contain_text(f"source.ip: {shown}")
    assert console.violations() == []
    around = menu.get_by_role("menuitem", name="Tìm giá trị này trong 15 phút trước và sau")
    assert re.search(r"from=2026-.*&to=2026-", around.get_attribute("href") or "")
    expect(menu.get_by_role("menuitem", name="Xem trang của đối tượng này")).to_have_attribute(
        "href", re.compile(shown)
    )
    console.press("Escape")
    expect(menu).to_be_hidden()
    expect(value).to_be_focused()
    console.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')) }")
    value.press("Enter")
    menu.get_by_role("menuitem", name="Chép giá trị").click()
    expect(console.dialog().get_by_label("Trình duyệt không cho chép")).to_have_value(shown)
    console.leave_dialog()
    console.side().get_by_role("button", name="Chép JSON").click()
    expect(console.dialog().get_by_label("Trình duyệt không cho chép")).to_have_value(re.compile(r'"source\.ip": "'))
    console.leave_dialog()
    console.side().get_by_title(re.compile(r"^Thao tác với event\.outcome: ")).click()
    menu.get_by_role("menuitem", name="Trừ giá trị này").click()
    expect(box).to_have_value(re.compile(r"^event\.dataset: nginx\.access and not event\.outcome: "))
    console.button(re.compile("^host.name [0-9]")).click()
    expect(console.page.locator(".values")).to_contain_text("5 giá trị đầu · chính xác")
    console.page.locator(".values .pivot").first.click()
    menu.get_by_role("menuitem", name="Nhóm theo host.name").click()
    expect(console.page.get_by_role("grid", name="Các nhóm").locator(".grid-row")).to_have_count(5)


def test_numbers_that_are_not_exact_say_by_how_much(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")

    def bound(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        truth = found["truth"] | {"exact": False}
        route.fulfill(response=answer, json=found | {"truth": truth, "bound": 1234})

    console.page.route(re.compile("/events/(terms|groups)[?]"), bound)
    console.button(re.compile("^host.name [0-9]")).click()
    values = console.page.locator(".values")
    expect(values).to_contain_text("mỗi số là ít nhất")
    expect(values).to_contain_text("Mỗi số có thể thiếu nhiều nhất 1.234 sự kiện")
    expect(values.locator(".value").first).to_contain_text(re.compile(r"≥\s\d"))
    ask(console, "* | count by host.name")
    expect(console.page.locator(".incomplete")).to_contain_text("Mỗi nhóm bị bỏ qua có nhiều nhất 1.234 sự kiện")


def test_columns_are_moved_dropped_and_kept_in_the_address(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    heads = console.grid().get_by_role("columnheader")

    def act(column: str, item: str) -> None:
        heads.get_by_role("button", name=column).click()
        console.page.get_by_role("menuitem", name=item).click()

    act("event.dataset", "Sang trái")
    expect(heads).to_have_text(["Thời gian", "event.dataset ▾", "host.name ▾", "Nội dung ▾"])
    act("Nội dung", "Bỏ cột")
    heads.get_by_role("button", name="host.name").drag_to(heads.get_by_role("button", name="event.dataset"))
    expect(heads).to_have_text(["Thời gian", "host.name ▾", "event.dataset ▾"])
    console.page.wait_for_url(re.compile(r"cols=host\.name%2Cevent\.dataset"))
    console.page.reload()
    expect(heads).to_have_text(["Thời gian", "host.name ▾", "event.dataset ▾"])
    act("host.name", "Về các cột mặc định")
    expect(heads).to_have_text(["Thời gian", "host.name ▾", "event.dataset ▾", "Nội dung ▾"])


def test_a_range_is_chosen_on_the_chart_by_keys_and_back_leads_back(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    chart, truth = console.page.locator(".chart-place"), console.page.locator(".truth")
    expect(chart.locator("canvas")).to_be_visible()
    expect(truth).to_contain_text("1.531 sự kiện")
    for key in ("End", "ArrowLeft", "Shift+ArrowLeft"):
        chart.press(key)
    said = chart.get_by_role("status")
    expect(said).to_contain_text("Enter để chọn khoảng này")
    count = re.search(r": (\d+) sự kiện", said.inner_text())
    assert count is not None
    chart.press("Enter")
    console.page.wait_for_url(re.compile("from=2026-.*to=2026-"))
    expect(truth).to_contain_text(re.compile(rf"^{count[1]} sự kiện"))
    console.page.go_back()
    expect(truth).to_contain_text("1.531 sự kiện")


def test_a_shared_address_asks_the_same_and_no_old_number_stands_meanwhile(
    open_console: Open, shared_house: Running
) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    truth = console.page.locator(".truth")
    expect(truth).to_contain_text("1.531 sự kiện")
    held: list[Route] = []

    def hold(route: Route) -> None:
        # the first alone: what is asked later goes on
        if held:
            route.continue_()
        else:
            held.append(route)

    console.page.route("**/events/histogram?*", hold)
    with console.page.expect_request("**/events/histogram?*"):  # it is asked when the rows are there
        ask(console, "event.outcome: failure")
    expect(truth).to_contain_text("Đang đếm…")
    expect(truth).not_to_contain_text("1.531")
    chart = console.page.locator(".chart-place")
    expect(chart).to_have_attribute("aria-label", "Biểu đồ của câu hỏi trước")
    expect(chart).to_have_class(re.compile("old"))
    chart.press("End")
    expect(chart.get_by_role("status")).to_be_empty()
    for route in held:
        route.continue_()
    expect(truth).to_contain_text("89 sự kiện")
    console.grid().focus()
    console.press("End")
    expect(truth).to_be_in_viewport()
    console.button("Chia sẻ").click()
    console.toast("Đã chép liên kết")
    address = str(console.page.evaluate("() => navigator.clipboard.readText()"))
    assert re.search(r"q=event\.outcome.*from=2026-.*to=2026-", address)
    other = open_console(shared_house, "baotq", path=address.removeprefix(shared_house.url))
    expect(other.page.locator(".truth")).to_contain_text("89 sự kiện")


def test_what_could_not_be_counted_is_not_called_whole(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    truth = console.page.locator(".truth")
    expect(truth).to_contain_text("Chính xác và đầy đủ")
    console.page.route("**/events/histogram?*", lambda route: route.fulfill(
        status=503, content_type="application/problem+json",
        json={"type": "about:blank", "title": "Kho bận", "status": 503, "detail": "Kho sự kiện không trả lời."},
    ))  # fmt: skip
    ask(console, "event.outcome: failure")
    expect(truth.get_by_role("alert")).to_contain_text("Chưa đếm được: Kho sự kiện không trả lời.")
    expect(console.rows().first).to_be_visible()
    expect(truth).not_to_contain_text("Chính xác và đầy đủ")
    console.page.unroute("**/events/histogram?*")
    truth.get_by_role("button", name="Thử lại").click()
    expect(truth).to_contain_text("89 sự kiện")


def test_rows_that_lack_a_part_are_not_whole_beside_a_whole_count(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")

    def lose(route: Route) -> None:
        answer = route.fetch()
        page = answer.json()
        missing = [{"what": "timeout", "start": None, "end": None, "detail": ""}]
        truth = page["truth"] | {"complete": False, "missing": missing}
        route.fulfill(response=answer, json=page | {"events": [], "cursor": None, "truth": truth})

    console.page.route(re.compile(r"/api/v1/events\?"), lose)
    ask(console, "event.outcome: failure")
    expect(console.page.locator(".incomplete")).to_contain_text("Hết thời gian tìm kiếm")
    expect(console.page.locator(".truth")).to_contain_text("ít nhất 89 sự kiện")
    expect(console.page.locator(".truth")).not_to_contain_text("Chính xác và đầy đủ")
    expect(console.grid()).to_contain_text("Chưa thể kết luận là không có")


def test_rows_that_were_read_stay_when_the_next_ones_fail(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt?q=event.dataset:%20nginx.access").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    next_page = re.compile(r"/api/v1/events\?.*cursor=")
    console.page.route(next_page, lambda route: route.fulfill(
        status=503, content_type="application/problem+json",
        json={"type": "about:blank", "title": "Kho bận", "status": 503, "detail": "Kho sự kiện không trả lời."},
    ))  # fmt: skip
    console.grid().focus()
    console.press("End")
    foot = console.page.locator(".grid-more")
    expect(foot).to_contain_text("Mới đọc 200 sự kiện, chưa lấy được phần tiếp theo: Kho sự kiện không trả lời.")
    expect(console.grid()).to_have_attribute("aria-rowcount", "201")
    expect(console.page.locator(".truth")).not_to_contain_text("Chính xác và đầy đủ")
    console.page.unroute(next_page)
    foot.get_by_role("button", name="Thử lại").click()
    expect(console.grid()).to_have_attribute("aria-rowcount", "401")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")


def test_what_counts_every_event_does_not_wait_for_rows_for_ever(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    held: list[Route] = []
    console.page.route(re.compile(r"/api/v1/events\?"), lambda route: held.append(route))
    ask(console, "event.outcome: failure")
    expect(console.page.locator(".truth")).to_contain_text("89 sự kiện")
    expect(console.page.locator(".hunt-columns").get_by_text("Đang tải…").last).to_be_visible()
    console.button("Dừng").click()
    expect(console.page.locator(".hunt-columns").get_by_text("Đã dừng truy vấn")).to_be_visible()
    expect(console.page.locator(".hunt-fields")).to_have_count(0)
    console.page.unroute_all(behavior="ignoreErrors")


def test_a_table_and_the_values_of_a_field_can_be_stopped(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    held: list[Route] = []
    console.page.route(re.compile(r"/api/v1/events/(groups|histogram|terms)\?"), lambda route: held.append(route))
    ask(console, "* | count by host.name")
    expect(console.button("Xuất")).to_have_attribute("title", re.compile("^Tệp chỉ chứa sự kiện"))
    stop, stopped = console.button("Dừng"), console.page.locator(".hunt-columns").get_by_text("Đã dừng truy vấn")
    stop.click()
    expect(stopped).to_be_visible()
    expect(stop).to_be_hidden()
    ask(console, "event.outcome: failure")
    expect(console.rows().first).to_be_visible()
    console.button(re.compile("^host.name [0-9]")).click()
    expect(console.page.locator(".values")).to_contain_text("Đang tải")
    stop.click()
    expect(console.page.locator(".values")).to_contain_text("Đã dừng truy vấn")
    expect(console.page.locator(".truth").get_by_role("alert")).to_contain_text("Chưa đếm được: Đã dừng truy vấn")
    console.page.unroute_all(behavior="ignoreErrors")
    console.page.locator(".values").get_by_role("button", name="Thử lại").click()
    expect(console.page.locator(".values")).to_contain_text("giá trị đầu")
