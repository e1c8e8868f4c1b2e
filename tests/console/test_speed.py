"""How fast the console feels, printed; the limits here only catch what is far off, since test machines are shared."""

from __future__ import annotations

import statistics

from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.house import Running

FIRST_ROWS_MS = 3_000
KEY_CPU_MS = 50
KEY_TO_PAINT = """async () => {
  const times = [];
  for (let i = 0; i < 40; i++) {
    const began = performance.now();
    const key = i % 8 < 4 ? 'j' : 'k';
    window.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    times.push(performance.now() - began);
  }
  return times;
}"""


ROWS_AT = """() => Math.max(...performance.getEntriesByType('resource')
  .filter(e => e.name.includes('/alerts/groups')).map(e => e.responseEnd))"""


def test_first_rows_and_keys(open_console: Open, shared_house: Running) -> None:
    console = open_console(shared_house)
    expect(console.rows()).to_have_count(11)
    loads: list[float] = []
    for _ in range(3):
        console.go("/queue")
        expect(console.rows()).to_have_count(11)
        loads.append(console.page.evaluate(ROWS_AT))
    paint = console.page.evaluate("() => performance.getEntriesByType('paint').at(-1)?.startTime ?? 0")
    tools = console.page.context.new_cdp_session(console.page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})  # the page's own time, whoever else wants the cores

    def worked_ms() -> float:
        found = tools.send("Performance.getMetrics")["metrics"]
        return 1_000 * next(float(m["value"]) for m in found if m["name"] == "TaskDuration")

    began = worked_ms()
    times = sorted(console.page.evaluate(KEY_TO_PAINT))
    worked = (worked_ms() - began) / len(times)
    p95 = times[int(len(times) * 0.95) - 1]
    print(f"first paint {paint:.0f} ms, rows had {min(loads):.0f} ms (bar 1,200); ", end="")
    print(
        f"key to paint p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms (bar 50), CPU of a key {worked:.1f} ms"
    )
    assert min(loads) < FIRST_ROWS_MS  # the others only tell how busy the machine was
    assert 0 < worked < KEY_CPU_MS
