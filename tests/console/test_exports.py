"""Tables that the console hands out with their slip."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.extract_check import check
from tests.console.conftest import Open
from tests.console.house import Running


@pytest.mark.parametrize(
    ("path", "button", "name"),
    [("/sources", "Xuất", "sources"), ("/sources", "Xuất đối soát", "balances"), ("/hunt?q=*", "Xuất", "events")],
)
def test_a_table_taken_away_is_whole(
    open_console: Open, shared_house: Running, path: str, button: str, name: str
) -> None:
    console = open_console(shared_house, "trangpt", path=path)
    console.page.get_by_role("button", name=button, exact=True).click()
    with console.page.expect_download() as got:
        console.page.get_by_role("menuitem", name=re.compile("XLSX")).click()
    assert re.fullmatch(rf"kydai-{name}-[\d-]+\.xlsx", got.value.suggested_filename), "whole"
    taken = check(Path(got.value.path()))
    assert taken.is_whole
    assert ("Đầy đủ", "có") in taken.slip
    expect(console.page.get_by_role("button", name=button, exact=True)).to_be_enabled()
