"""In the namespace a connection arrives, a block stops it, and its undoing lets it through again."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from core.clock import StillClock
from core.errors import Unavailable
from kydai.demo import netns
from kydai.demo.emission import Emission
from kydai.demo.story_ssh import Attempt
from kydai.demo.world import load_world
from tests.services import missing

WORLD = load_world()
SOURCES = ("203.0.113.77", "198.51.100.141")
BLOCK = b"""add table inet kydai
add chain inet kydai input { type filter hook input priority -10; }
add rule inet kydai input ip saddr 203.0.113.77 drop
"""


async def _arena() -> netns.Arena:
    try:
        return await netns.open_arena(WORLD, SOURCES)
    except Unavailable as error:
        missing(f"a network namespace to block in ({error})")


def test_a_block_is_real_and_so_is_its_undoing() -> None:
    clock = StillClock(5_000_000)
    sent: list[Emission] = []

    async def story() -> list[list[bool]]:
        arena = await _arena()

        def run(words: list[str], text: bytes = b"") -> None:
            subprocess.run([*arena.inside(), *words], input=text, check=True, timeout=10)

        async def tries() -> list[bool]:
            attempts = [Attempt(0, n, source, 1, "root") for n, source in enumerate(SOURCES, 1)]
            return await netns.guess(arena, attempts, WORLD, clock, sent.extend)

        try:
            before = await tries()
            run(["nft", "-f", "-"], BLOCK)
            blocked = await tries()
            run(["nft", "delete", "table", "inet", "kydai"])
            return [before, blocked, await tries()]
        finally:
            await arena.close()

    assert asyncio.run(story()) == [[True, True], [False, True], [True, True]]
    failed = [e.data.decode() for e in sent if b"Failed password for root from" in e.data]
    assert sum("203.0.113.77" in line for line in failed) == 2
    assert sum("198.51.100.141" in line for line in failed) == 3
    assert {e.at for e in sent} <= {5_000_000, 5_002_000}


def test_a_missing_tool_is_named_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> str:
        raise FileNotFoundError(name)

    monkeypatch.setattr(netns, "tool", none)
    with pytest.raises(Unavailable) as caught:
        asyncio.run(netns.open_arena(WORLD))
    assert caught.value.said == {
        "vi": "máy này không có lệnh ip",
        "en": "this machine has no ip command",
    }
