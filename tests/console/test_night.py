"""A night shift: what is old is red wherever one looks, and a new grave alert is heard of."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

from playwright.sync_api import Route, expect

from tests.console.conftest import Open
from tests.console.house import Running
from tests.console.pages import Console

QUEUE = "Cảnh báo chờ xử lý"


def behind(console: Console, seconds: float) -> None:
    """From now on the stream says that the pipeline is so far behind."""
    health = console.page.request.get(f"{console.url}/api/v1/health").json()
    until = datetime.fromisoformat(health["now"]) - timedelta(seconds=seconds)
    tick = {
        "health": health | {"data_until": until.isoformat()},
        "counts": {"queue": 11, "incidents": 1, "waiting_runs": 0, "sources": 0},
    }

    def answer(route: Route) -> None:
        body = f"retry: 500\nevent: tick\ndata: {json.dumps(tick)}\n\n"
        route.fulfill(content_type="text/event-stream", body=body)

    console.page.route("**/api/v1/stream", answer)
    console.go("/queue").heading(QUEUE)


def test_the_tab_counts_what_waits(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading(QUEUE)
    expect(console.page).to_have_title("(11) Chờ xử lý · Kỳ Đài")
    console.press("g", "i").heading("Vụ việc")
    expect(console.page).to_have_title("(11) Vụ việc · Kỳ Đài")


def test_a_pipeline_that_is_behind_is_red_with_the_last_data(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house).heading(QUEUE)
    behind(console, 5)
    expect(console.page.locator(".clock")).to_contain_text("Dữ liệu đến")
    expect(console.band()).to_have_count(0)
    behind(console, 13)
    expect(console.band()).to_contain_text("Xử lý dữ liệu đang chậm")
    expect(console.band()).to_contain_text(re.compile(r"Dữ liệu cuối lúc \d\d/\d\d/20\d\d \d\d:\d\d:\d\d"))
    expect(console.page).to_have_title("⚠ Dữ liệu chậm · Chờ xử lý · Kỳ Đài")
    assert console.violations() == []
