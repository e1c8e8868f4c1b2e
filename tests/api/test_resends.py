"""Ids of the last hour are known again, older ones forgotten, and a restart reads them from the spool."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import resends
from api.resends import Key, Met, Resends, key_of
from core.clock import DAY, HOUR, MINUTE, SECOND, StillClock
from core.event import Frame, FrameKind
from core.spool import Spool

KEYS = [key_of("token:a", str(i), b"x") for i in range(1000)]


def again(index: Resends, keys: list[Key]) -> list[bool]:
    return [met is Met.AGAIN for met in index.seen(keys)]


def test_ids_are_known_per_source() -> None:
    index = Resends()
    index.add(KEYS[:2], 0)
    assert index.seen(KEYS[:3]) == [Met.AGAIN, Met.AGAIN, Met.NEW]
    assert index.seen([key_of("token:b", "0", b"x")]) == [Met.NEW]
    assert index.seen([]) == []


@pytest.mark.parametrize("minutes", [0, 20], ids=["newest", "older"])
def test_an_id_with_another_content_is_another_event(minutes: int) -> None:
    index = Resends()
    contents = [(i, c) for i in "12" for c in (b"a", b"b")]
    keys = [key_of("token:a", i, c) for i, c in contents]
    index.add([keys[0], keys[3]], 0)
    index.add([key_of("token:a", "other", b"")], minutes * MINUTE)
    assert index.seen(keys) == [Met.AGAIN, Met.REUSED, Met.REUSED, Met.AGAIN]


def test_ids_outlive_the_rotation_and_end_after_an_hour() -> None:
    index = Resends()
    for i, key in enumerate(KEYS[:100]):
        index.add([key], i * MINUTE)
    known = again(index, KEYS[:100])
    assert all(known[-60:])
    assert not any(known[:30])


def test_the_number_of_ids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resends, "LIMIT", 300)
    monkeypatch.setattr(resends, "_ROTATE_AT", 100)
    index = Resends()
    for i in range(0, 1000, 10):
        index.add(KEYS[i : i + 10], i)
        assert len(index) <= 410
    assert all(again(index, KEYS[-300:]))


def test_a_restart_reads_them_from_the_spool(tmp_path: Path) -> None:
    clock = StillClock(1_795_000_000 * SECOND)
    spool = Spool(tmp_path, clock, reserve_bytes=0)

    def put(sender_id: str, kind: FrameKind = FrameKind.LOG) -> None:
        spool.append([Frame("token:a", clock.now(), b"{}", kind, meta={"sender_id": sender_id})])

    put("old")
    clock.advance(HOUR / 1e6 + 1)
    put("new")
    put("door", FrameKind.DOOR)
    spool.append([Frame("token:a", clock.now(), b"{}")])
    spool.close()
    index = Resends()
    index.load(tmp_path, clock.now())
    assert again(index, [key_of("token:a", i, b"{}") for i in ("old", "new", "door")]) == [False, True, False]
    Resends().load(tmp_path / "none", 0)


@pytest.mark.parametrize("jump", [3 * DAY, -3 * DAY])
def test_a_restart_with_another_time_knows_what_was_handed_in_before(tmp_path: Path, jump: int) -> None:
    clock = StillClock(1_795_000_000 * SECOND)
    spool = Spool(tmp_path, clock, reserve_bytes=0)
    spool.append([Frame("token:a", clock.now(), b"{}", meta={"sender_id": "one"})])
    spool.close()
    clock.at += jump
    spool = Spool(tmp_path, clock, reserve_bytes=0)
    index = Resends()
    index.load(tmp_path, 0)
    key = key_of("token:a", "one", b"{}")
    assert again(index, [key]) == [True]
    index.add(KEYS[:1], 20 * MINUTE)
    assert again(index, [key]) == [True]
    spool.close()
