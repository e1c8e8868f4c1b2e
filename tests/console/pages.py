"""The console's screens as a person sees them, so that stories are told in few lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True, slots=True)
class Console:
    """An open page of the console."""

    page: Page
    complaints: list[str]
    """What must never happen and did."""
    url: str

    def go(self, path: str) -> Console:
        self.page.goto(self.url + path)
        return self

    def press(self, *keys: str) -> Console:
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def heading(self, text: str | re.Pattern[str]) -> Console:
        """Wait until a screen of this heading is there."""
        expect(self.page.get_by_role("heading", level=1, name=text)).to_be_visible()
        return self

    def toast(self, text: str | re.Pattern[str]) -> Console:
        expect(self.page.locator(".toast")).to_contain_text(text)
        return self

    def band(self) -> Locator:
        """The red band across the top."""
        return self.page.locator(".band.bad")

    def grid(self) -> Locator:
        return self.page.get_by_role("grid")

    def rows(self) -> Locator:
        """The rows of the table, its head left out."""
        return self.grid().locator(".grid-row")

    def row(self, text: str) -> Locator:
        return self.rows().filter(has_text=text).first

    def current(self) -> Locator:
        """The row that the keys act on."""
        return self.grid().locator(".grid-row.current")

    def side(self) -> Locator:
        return self.page.locator("aside.side")

    def choose(self, label: str, option: str) -> Console:
        """Take an option of a labelled choice."""
        self.page.locator("label.choice", has_text=label).locator("select").select_option(label=option)
        return self

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def leave_dialog(self) -> Console:
        """Escape, once the dialog has the focus: it is seen a moment before it hears keys."""
        expect(self.dialog().locator(":focus")).to_have_count(1)
        self.press("Escape")
        expect(self.dialog()).to_have_count(0)
        return self

    def turn(self, scheme: Literal["light", "dark"]) -> Console:
        """As somebody does whose system turns dark in the evening."""
        self.page.emulate_media(color_scheme=scheme)
        expect(self.page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
        return self

    def violations(self) -> list[str]:
        """What axe finds serious or critical on the page as it stands."""
        if not self.page.evaluate("() => 'axe' in window"):
            # by evaluate and not by a tag: the page's policy lets no foreign script in
            self.page.evaluate(AXE.read_text("utf-8"))
        # while something still appears, its colours are not yet its own
        self.page.evaluate("() => Promise.allSettled(document.getAnimations().map(each => each.finished))")
        found = self.page.evaluate(
            """async () => (await axe.run({resultTypes: ['violations']})).violations
                 .filter(v => v.impact === 'serious' || v.impact === 'critical')
                 .map(v => `${v.id}: ${v.nodes.slice(0, 4).map(n => n.html.slice(0, 160)).join(' | ')}`)"""
        )
        return [str(v) for v in found]


def sign_in(console: Console, name: str, password: str) -> Console:
    """By name and password."""
    console.page.locator("input[name=name]").fill(name)
    console.page.locator("input[name=password]").fill(password)
    console.page.locator("button[type=submit]").click()
    return console


def close_current(console: Console, verdict: int) -> Console:
    """Close the current row with the verdict of this number, by keys alone."""
    console.press("c")
    expect(console.dialog()).to_be_visible()
    console.press(str(verdict))
    expect(console.dialog()).to_be_hidden()
    return console


def ask(console: Console, query: str) -> Console:
    """Hunt with a query."""
    box = console.page.locator(".query-box input")
    box.fill(query)
    box.press("Enter")
    return console
