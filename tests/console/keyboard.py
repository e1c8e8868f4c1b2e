"""A person without a mouse: what has the focus, and how Tab leads to what is looked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import expect

from tests.console.pages import Console

FARTHEST = 250
"""So many Tabs lead through any screen of the house."""
# what has the focus: its name, whether it can be seen that it has it, whether it is on the page
FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const row = at.getAttribute('aria-activedescendant');
  const shown = at.closest('.file-field, .choice') ?? (row && document.getElementById(row)) ?? at;
  const rings = [at, shown].map(each => getComputedStyle(each));
  const box = shown.getBoundingClientRect();
  const label = at.getAttribute('aria-label') ?? at.closest('label')?.innerText ?? at.innerText ?? '';
  return {
    name: (label || at.placeholder || at.name || '').trim().replace(/\\s+/g, ' '),
    kind: at.tagName.toLowerCase(),
    hasRing: rings.some(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0),
    isThere: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0
      && box.top < innerHeight && box.left < innerWidth,
  };
}"""


@dataclass(slots=True)
class Focus:
    """What has the focus."""

    name: str
    kind: str


def focus(console: Console) -> Focus | None:
    """What has the focus now, which must be seen; None when nothing has."""
    found: dict[str, Any] | None = None
    for number in range(20):  # a page that just scrolls or opens is not there yet
        found = console.page.evaluate(FOCUS)
        if found is None:
            return None
        if found["isThere"]:
            break
        if number > 10:  # what was read late above it has moved it down: a person scrolls
            console.page.evaluate("() => document.activeElement.scrollIntoView({ block: 'nearest' })")
        console.page.wait_for_timeout(100)
    assert found is not None
    assert found["hasRing"], f"the focus is not seen on {found}"
    assert found["isThere"], f"the focus is off the page on {found}"
    return Focus(found["name"], found["kind"])


def tab_to(console: Console, name: str, *, back: bool = False) -> Console:
    """Press Tab until what is called so has the focus."""
    passed: list[str] = []
    for _ in range(FARTHEST):
        console.press("Shift+Tab" if back else "Tab")
        at = focus(console)
        if at is not None and re.search(name, at.name):
            return console
        passed.append(at.name[:30] if at else "–")
    raise AssertionError(f"Tab does not lead to {name}: {passed}")


def use(console: Console, name: str) -> Console:
    """Tab to it and press Enter."""
    return tab_to(console, name).press("Enter")


def whole_round(console: Console) -> list[str]:
    """The names of all that Tab passes from the top of the page to its end; a trap never ends."""
    console.page.evaluate("() => document.activeElement?.blur()")
    tab_to(console, "^Tới nội dung chính$")
    passed: list[str] = []
    for _ in range(FARTHEST):
        console.press("Tab")
        at = focus(console)
        if at is None or at.name == "Tới nội dung chính":
            return passed
        passed.append(at.name)
    raise AssertionError(f"Tab does not come to an end: {passed}")


def type_in(console: Console, text: str) -> Console:
    console.page.keyboard.type(text)
    return console


def in_dialog(console: Console) -> Console:
    """Wait until the focus is in the dialog that was opened."""
    expect(console.dialog()).to_be_visible()
    expect(console.dialog().locator(":focus")).to_have_count(1)
    return console


def call(console: Console, method: str, path: str, body: dict[str, Any] | None = None) -> int:
    """The status of a call with this person's session."""
    status: int = console.page.evaluate(
        """async ([method, path, body]) => (await fetch('/api/v1' + path, {
             method, headers: {'x-kydai': '1', 'content-type': 'application/json'},
             body: body && JSON.stringify(body)})).status""",
        [method, path, body],
    )
    return status
