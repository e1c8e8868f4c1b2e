"""Hunt in a browser over a day of events: from Enter to the first rows on the page, and from Stop to an idle server.

Run: python -m bench.hunt [--events N] [--runs N] [--folder DIR]
     (250,000 by default, made up and all different; 5 M for the bar: 0.7 GB, two minutes of an idle core)

Bar with 5 M events, p95: first rows, or that there are none, <= 300 ms after Enter. Needs the built console and
Debian's chromium. The server is a process of its own with the settings of ``kydai up``; each question is asked on a
page that was just opened, so none is answered from what the browser keeps. ``server`` is the CPU that the server took
until the rows were there. ``--folder`` keeps the data there, and takes what it finds there if it is as much.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
import uvicorn
from playwright.sync_api import Page, sync_playwright

from api.app import create_app
from api.deps import COOKIE, Services
from bench.answers import cpu_of
from bench.province import Province
from bench.search import RANKS, SPAN, WORDS, fill
from core import accounts
from core.accounts import Role
from core.audit import Actor
from core.clock import SystemClock, iso
from core.db.database import migrate, open_database, sqlite_url
from core.store.segments import SegmentStore
from kydai.settings import Settings
from tests.console.conftest import CHROMIUM, FLAGS, SIZE, lacking
from tests.console.house import DIST

BAR_MS = 300
IDLE_SECONDS = 0.1
"""A server that takes no CPU for so long has ended what it did."""
STOPPED_AFTER_MS = 500

WATCH = """() => {
  const rows = () => document.querySelector('.hunt-columns .grid-row');
  const nothing = () => document.querySelector('.hunt-columns .grid .empty');
  const [hadRows, hadNothing] = [rows(), nothing()];
  let began = 0;
  document.querySelector('.query-box input').addEventListener('keydown', event => {
    if (event.key === 'Enter') began = performance.now();
  }, { capture: true });
  window.rowsAt = new Promise(done => new MutationObserver((_, observer) => {
    const here = (rows() && rows() !== hadRows) || (nothing() && nothing() !== hadNothing);
    if (!began || !here) return;
    observer.disconnect();
    requestAnimationFrame(() => done(performance.now() - began));
  }).observe(document.body, { childList: true, subtree: true }));
}"""


@dataclass(frozen=True, slots=True)
class Typed:
    """A query as it is typed; ``text`` is given the number of the run, from 0."""

    name: str
    text: Callable[[int], str]


def typed() -> list[Typed]:
    outside = Province().outside
    return [
        Typed("latest (an empty query)", lambda _: ""),
        Typed("a term: host.name", lambda n: f"host.name: srv-{RANKS[n % 10] % 600:03d}"),
        Typed("a field's value: source.ip", lambda n: f"source.ip: {outside[RANKS[n % 10]]}"),
        Typed("a word anywhere", lambda n: WORDS[n % 9]),
        Typed("no event: a field's value", lambda n: f"user.name: nobody-{n}"),
        Typed("no event: a word anywhere", lambda n: f"nosuchword{n}"),
    ]


def serve(folder: Path) -> None:
    """The server process: says where it listens and with which session, then serves until it is ended."""
    clock, settings = SystemClock(), Settings()
    database = open_database(sqlite_url(folder))
    migrate(database)
    store = SegmentStore(folder / "store", clock, writer=False, memory_mb=settings.store.memory_mb)
    with database.write() as session:
        user = accounts.add_user(session, Actor("bench", "cli"), f"bench{os.getpid()}", Role.ADMIN, now=clock.now())
        user.password_hash = "-"
        secret = accounts.open_session(session, user, now=clock.now(), address="127.0.0.1", way="link")
    app = create_app(Services(database, store, clock, console_folder=DIST))
    config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", log_level="error", access_log=False)
    sock = config.bind_socket()
    sock.listen(100)
    sys.stdout.buffer.write(orjson.dumps([sock.getsockname()[1], secret], option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[sock])


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, str, str]]:
    """The server's process id, address and a session of it."""
    command = [sys.executable, "-m", "bench.hunt", "--serve", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        port, secret = orjson.loads(server.stdout.readline())
        yield server.pid, f"http://127.0.0.1:{port}", secret
    finally:
        server.terminate()
        server.wait()


def until_idle(server: int) -> float:
    """When the server took CPU for the last time."""
    last, at = cpu_of(server), time.perf_counter()
    while time.perf_counter() - at < IDLE_SECONDS:
        time.sleep(0.002)
        if (now := cpu_of(server)) > last:
            last, at = now, time.perf_counter()
    return at


def opened(page: Page, url: str) -> None:
    """Hunt over the day of the events, with an answer that holds none."""
    assert SPAN.start is not None and SPAN.end is not None
    page.goto(f"{url}/hunt?q={quote('event.dataset: none')}&from={iso(SPAN.start)}&to={iso(SPAN.end)}")
    page.wait_for_selector(".hunt-columns .grid .empty")
    page.wait_for_selector(".chart-place canvas")


def asked(page: Page, text: str) -> float:
    """Milliseconds from Enter to the first rows on the page."""
    box = page.locator(".query-box input")
    page.evaluate(WATCH)
    box.fill(text)
    box.press("Enter")
    took: float = page.evaluate("() => window.rowsAt")
    return took


def stop(page: Page, server: int) -> float:
    """Milliseconds from the click on Stop to the last CPU that the server took for it."""
    button = page.locator(".head.truth > button.small")
    button.wait_for()
    page.wait_for_timeout(STOPPED_AFTER_MS)
    began = time.perf_counter()
    button.click()
    return (until_idle(server) - began) * 1000


def p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]


def p50(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def measured(page: Page, url: str, server: int, runs: int) -> None:
    print(f"  {'':34}{'p50 ms':>9}{'p95 ms':>9}{'bar ms':>9}{'server ms':>11}{'load':>7}")
    for each in typed():
        took, cpu = [], []
        for number in range(runs):
            opened(page, url)
            until_idle(server)
            before = cpu_of(server)
            took.append(asked(page, each.text(number)))
            cpu.append((cpu_of(server) - before) * 1000)
        print(
            f"  {each.name:34}{p50(took):9.0f}{p95(took):9.0f}{BAR_MS:9}{p50(cpu):11.0f}{os.getloadavg()[0]:7.1f}",
            flush=True,
        )
    stops = []
    for number in range(runs):
        opened(page, url)
        page.locator(".query-box input").fill(f"*nosuchpart{number}*")
        page.locator(".query-box input").press("Enter")
        stops.append(stop(page, server))
    print(f"  {'Stop, to an idle server':34}{p50(stops):9.0f}{p95(stops):9.0f}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=250_000)
    options.add_argument("--runs", type=int, default=9)
    options.add_argument("--folder", type=Path)
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve is not None:
        serve(given.serve)
        return
    if (lacks := lacking()) is not None:
        raise SystemExit(f"{lacks} is missing")
    folder = given.folder or Path(tempfile.mkdtemp(prefix="kydai-bench-"))
    try:
        fill(folder / "store", given.events)
        with served(folder) as (server, url, secret), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=" ".join(FLAGS).split())
            context = browser.new_context(viewport={"width": SIZE["width"], "height": SIZE["height"]})
            context.add_cookies([{"name": COOKIE, "value": secret, "url": url}])
            measured(context.new_page(), url, server, given.runs)
            browser.close()
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
