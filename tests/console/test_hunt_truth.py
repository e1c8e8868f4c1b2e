"""Hunting: what its answers say of themselves while they are asked, when they lack something, when they are stopped."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from core.errors import Unavailable, failure
from core.store.telling import Counting, TellCount
from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import ask


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
    console.toast("Tệp còn thiếu")


def test_what_the_list_of_fields_lacks_is_told_in_the_one_line_of_truth(
    open_console: Open, shared_house: Running
) -> None:
    lacking = {
        "complete": False,
        "missing": [{"what": "quarantined", "detail": "a.parquet", "start": None, "end": None}],
    }

    def lose(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        route.fulfill(response=answer, json=found | {"truth": found["truth"] | lacking})

    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    expect(console.page.locator(".truth")).to_contain_text("Chính xác và đầy đủ")
    console.page.route(re.compile("/events/fields[?]"), lose)
    console.button("Tìm kiếm").click()
    expect(console.page.get_by_role("alert")).to_contain_text("Một phần dữ liệu bị cách ly vì hỏng")
    expect(console.page.locator(".truth")).not_to_contain_text("Chính xác và đầy đủ")
    assert console.violations() == []


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

    console.page.route("**/events/histogram/stream?*", hold)
    with console.page.expect_request("**/events/histogram/stream?*"):  # it is asked when the rows are there
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
    console.page.route("**/events/histogram/stream?*", lambda route: route.fulfill(
        status=503, content_type="application/problem+json",
        json={"type": "about:blank", "title": "Kho bận", "status": 503, "detail": "Kho sự kiện không trả lời."},
    ))  # fmt: skip
    ask(console, "event.outcome: failure")
    expect(truth.get_by_role("alert")).to_contain_text("Chưa đếm được: Kho sự kiện không trả lời.")
    expect(console.rows().first).to_be_visible()
    expect(truth).not_to_contain_text("Chính xác và đầy đủ")
    console.page.unroute("**/events/histogram/stream?*")
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
    console.page.route(
        re.compile(r"/api/v1/events/(groups|histogram/stream|terms)\?"), lambda route: held.append(route)
    )
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


class LongCount:
    """Counts of a house that stay at 37 of 100 until they are let go on, or the server has them stopped."""

    def __init__(self, house: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes_on = threading.Event()
        self.stopped = threading.Event()
        store = house.services.store
        count, interrupt = store.histogram, store.interrupt

        def stay(tell: TellCount) -> TellCount:
            def told(_: Counting) -> None:
                while not self.goes_on.wait(0.05):
                    tell(Counting(37, 100, 1234))
                    if self.stopped.is_set():
                        raise failure(Unavailable, "store.error.stopped")

            return told

        def histogram(*asked: Any, tell: TellCount, **more: Any) -> Any:
            return count(*asked, tell=stay(tell), **more)

        def stop(thread: int | None = None) -> int:
            self.stopped.set()
            return interrupt(thread)

        monkeypatch.setattr(store, "histogram", histogram)
        monkeypatch.setattr(store, "interrupt", stop)


@pytest.fixture
def long_count(shared_house: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[LongCount]:
    made = LongCount(shared_house, monkeypatch)
    yield made
    made.goes_on.set()


@pytest.mark.parametrize(
    ("language", "far", "whole"),
    [
        ("vi", "Đang đếm… 37 % · ít nhất 1.234 sự kiện", "1.531 sự kiện"),
        ("en", "Counting… 37 % · at least 1,234 events", "1,531 events"),
    ],
)
def test_a_long_count_says_how_far_it_is(
    open_console: Open, shared_house: Running, long_count: LongCount, language: str, far: str, whole: str
) -> None:
    console = open_console(shared_house, path="/hunt", language=language)
    truth = console.page.locator(".truth")
    expect(truth).to_contain_text(far)
    expect(console.rows().first).to_be_visible()
    assert console.violations() == []
    long_count.goes_on.set()
    expect(truth).to_contain_text(whole)
    expect(truth).not_to_contain_text("37 %")


def test_a_count_that_is_stopped_leaves_a_lower_bound(
    open_console: Open, shared_house: Running, long_count: LongCount
) -> None:
    console = open_console(shared_house, path="/hunt").heading("Truy tìm")
    truth = console.page.locator(".truth")
    expect(truth).to_contain_text("Đang đếm… 37 %")
    console.button("Dừng").click()
    expect(truth.get_by_role("alert")).to_contain_text("Mới đếm được 37 %, có ít nhất 1.234 sự kiện: Đã dừng truy vấn")
    assert long_count.stopped.wait(10), "the store goes on counting"
    expect(truth).not_to_contain_text("Chính xác")
    long_count.goes_on.set()
    truth.get_by_role("button", name="Thử lại").click()
    expect(truth).to_contain_text("1.531 sự kiện")
    expect(truth).not_to_contain_text("ít nhất")
