"""A browser (Debian's chromium) and a seeded house to look at with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from api.deps import COOKIE
from tests.console.house import DIST, Running, served
from tests.console.pages import Console
from tests.services import missing

expect.set_options(timeout=30_000)  # milliseconds: a machine under load is slow, not wrong

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync",
)
SIZE = {"width": 1366, "height": 768}


def lacking() -> str | None:
    """What these tests need and this machine lacks."""
    if not CHROMIUM.exists():
        return str(CHROMIUM)
    if not (DIST / "index.html").is_file():
        return "the built console (npm ci && npm run build in console/)"
    return None


@pytest.fixture(scope="package")  # while it is open, asyncio.run fails in this thread
def browser() -> Iterator[Browser]:
    if (what := lacking()) is not None:
        missing(what)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=" ".join(FLAGS).split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One house for all tests that change nothing that others look at."""
    with served(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[Running]:
    """A house of one's own, for tests that work through it or stop it."""
    with served(tmp_path) as house:
        yield house


Open = Callable[..., Console]


@pytest.fixture
def open_console(browser: Browser) -> Iterator[Open]:
    """``open_console(house, "hanhnt")``: a page signed in as a person; what goes wrong on it fails the test."""
    contexts: list[BrowserContext] = []
    consoles: list[Console] = []

    def make(
        house: Running, name: str | None = "hanhnt", *, language: str = "vi", scheme: str = "light", path: str = "/"
    ) -> Console:
        context = browser.new_context(
            viewport={"width": SIZE["width"], "height": SIZE["height"]},
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id="Europe/Paris",
            accept_downloads=True,
        )
        contexts.append(context)
        if name is not None:
            context.add_cookies([{"name": COOKIE, "value": house.session_of(name, language), "url": house.url}])
        console = Console(*watched(context.new_page(), house.url), house.url)
        consoles.append(console)
        console.go(path)
        return console

    yield make
    for console in consoles:
        assert console.complaints == []
    for context in contexts:
        context.close()


def watched(page: Page, url: str) -> tuple[Page, list[str]]:
    """Keep what must never happen: script errors, dialogs, requests to anywhere else."""
    found: list[str] = []

    def refuse(dialog: Dialog) -> None:
        found.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            found.append(f"a request to {request.url}")

    def read(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            found.append(message.text)

    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("dialog", refuse)
    page.on("request", note)
    page.on("console", read)
    return page, found
