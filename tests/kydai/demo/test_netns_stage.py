"""The stage's small parts; the whole of it is tested in test_netns.py."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from kydai.demo.netns_stage import Line, tool


def test_lines_carry_objects_and_end_with_the_socket() -> None:
    async def talk() -> list[object]:
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        left, right = await Line.over(one), await Line.over(other)
        left.say({"kind": "tried", "id": 1})
        heard: list[object] = [await right.hear()]
        left.writer.close()
        heard.append(await right.hear())
        right.writer.close()
        return heard

    assert asyncio.run(talk()) == [{"kind": "tried", "id": 1}, None]


def test_a_tool_is_found_beside_the_path_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tool("sh").endswith("/sh")
    with pytest.raises(FileNotFoundError):
        tool("kydai-no-such-tool")
