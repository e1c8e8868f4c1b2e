"""The spool holds what it acknowledged, at every point at which a machine may die."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import DAY, HOUR, StillClock
from core.errors import Refused, Unavailable
from core.event import Frame, FrameKind, Stored
from core.spool import SUFFIX, GroupCommit, Position, RealFiles, Spool, SpoolReader, segments


def frames(count: int, start: int = 0) -> list[Frame]:
    return [
        Frame("udp:192.0.2.1", start + i, f"line {start + i}".encode(), meta={"receiver": "syslog"})
        for i in range(count)
    ]


def read_all(folder: Path) -> list[Stored]:
    reader, position, found = SpoolReader(folder), Position(), []
    while (batch := reader.read(position, frames=7)).frames:
        found += batch.frames
        position = batch.position
    return found


def test_frames_come_back_in_order_with_their_places(tmp_path: Path) -> None:
    spool = Spool(tmp_path, StillClock(), reserve_bytes=0)
    placed = spool.append(frames(3)) + spool.append([Frame("flow:192.0.2.9", 5, b"\x00\x09", FrameKind.FLOW)])
    assert read_all(tmp_path) == placed
    assert [p.record for p in placed] == [0, 1, 2, 3]
    assert len({p.segment for p in placed}) == 1


def test_every_start_and_every_hour_opens_a_new_segment(tmp_path: Path) -> None:
    clock = StillClock()
    for _ in range(2):
        spool = Spool(tmp_path, clock, reserve_bytes=0)
        spool.append(frames(1))
        spool.close()
    spool = Spool(tmp_path, clock, reserve_bytes=0)
    spool.append(frames(1))
    clock.advance(HOUR / 1e6)
    spool.append(frames(1))
    assert len(segments(tmp_path)) == 4
    assert len(read_all(tmp_path)) == 4


def test_a_clock_that_jumps_keeps_ids_unique_and_in_order(tmp_path: Path) -> None:
    clock = StillClock()
    placed: list[Stored] = []
    for jump in (0, 3 * DAY, -3 * DAY, -3 * DAY, 0, 6 * DAY):
        clock.at += jump
        spool = Spool(tmp_path, clock, reserve_bytes=0)
        for _ in range(3):
            placed += spool.append(frames(1, len(placed)))
            clock.advance(1)
        spool.close()
    assert len(segments(tmp_path)) == 6, "one a start, and none an append while the clock is behind"
    assert [(p.segment, p.record) for p in placed] == sorted({(p.segment, p.record) for p in placed})
    assert read_all(tmp_path) == placed


def test_while_a_clock_is_behind_no_segment_is_opened_an_append(tmp_path: Path) -> None:
    clock = StillClock()
    spool = Spool(tmp_path, clock, reserve_bytes=0)
    spool.append(frames(1))
    clock.at -= 3 * DAY
    for n in range(5):
        spool.append(frames(1, n))
    assert len(segments(tmp_path)) == 1
    clock.at += 3 * DAY + HOUR
    spool.append(frames(1))
    assert len(segments(tmp_path)) == 2
    spool.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path, StillClock())
    with pytest.raises(Refused, match="another process"):
        Spool(tmp_path, StillClock())
    spool.close()
    Spool(tmp_path, StillClock()).close()


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=4000), data=st.data())
def test_a_tail_torn_anywhere_is_cut_and_the_rest_is_kept(
    cut: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, StillClock(), reserve_bytes=0)
    ends, placed = [], []
    for i in range(4):
        placed.append(spool.append(frames(5, i * 5)))
        ends.append((folder / (segments(folder)[0] + SUFFIX)).stat().st_size)
    spool.close()
    path = folder / (segments(folder)[0] + SUFFIX)
    cut = min(cut, ends[-1])
    with path.open("r+b") as file:
        file.truncate(cut)
    again = Spool(folder, StillClock(), reserve_bytes=0)
    after = again.append(frames(2, 100))
    again.close()
    whole = [f for end, part in zip(ends, placed, strict=True) for f in part if end <= cut]
    assert read_all(folder) == whole + after


def test_a_flipped_bit_loses_one_block_and_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path, StillClock(), reserve_bytes=0)
    first = spool.append(frames(2))
    path = tmp_path / (segments(tmp_path)[0] + SUFFIX)
    end = path.stat().st_size
    spool.append(frames(3, 2))
    last = spool.append(frames(1, 5))
    spool.close()
    data = bytearray(path.read_bytes())
    data[end + 30] ^= 1
    path.write_bytes(data)
    batch = SpoolReader(tmp_path).read(Position())
    assert batch.frames == first + last
    assert [(g.first, g.count) for g in batch.gaps] == [(2, 3)]


class Failing(RealFiles):
    """A disk whose sync fails when told to."""

    broken = False

    def sync(self, fd: int) -> None:
        if self.broken:
            raise OSError(5, "Input/output error")
        super().sync(fd)


def test_a_failed_sync_is_not_acknowledged_and_not_tried_again_on_that_file(tmp_path: Path) -> None:
    disk = Failing()
    spool = Spool(tmp_path, StillClock(), files=disk, reserve_bytes=0)
    spool.append(frames(1))
    disk.broken = True
    with pytest.raises(Unavailable, match="Input/output"):
        spool.append(frames(1, 1))
    disk.broken = False
    placed = spool.append(frames(1, 2))
    assert len(segments(tmp_path)) == 2
    assert placed[0].segment == segments(tmp_path)[1]
    assert [s.frame.data for s in read_all(tmp_path)] == [b"line 0", b"line 2"], "what comes again is there once"


def test_a_full_disk_refuses_before_anything_is_written(tmp_path: Path) -> None:
    class Full(RealFiles):
        def free_bytes(self, path: Path) -> int:
            return 1 << 20

    spool = Spool(tmp_path, StillClock(), files=Full(), reserve_bytes=2 << 20)
    with pytest.raises(Refused, match="1 MB left"):
        spool.append(frames(1))
    assert segments(tmp_path) == []


class Forgetful(RealFiles):
    """A disk that, when the power goes, keeps of each file only what was synced."""

    def __init__(self) -> None:
        self.paths: dict[int, Path] = {}
        self.synced: dict[Path, int] = {}
        self.steps = 0
        self.die_at = -1

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.die_at:
            raise PowerCut

    def open(self, path: Path) -> int:
        self._step()
        fd = super().open(path)
        self.paths[fd] = path
        self.synced.setdefault(path, path.stat().st_size)
        return fd

    def write(self, fd: int, data: bytes) -> None:
        self._step()
        super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._step()
        super().sync(fd)
        self.synced[self.paths[fd]] = os.fstat(fd).st_size

    def forget(self) -> None:
        for path, size in self.synced.items():
            os.truncate(path, size)


class Slow(Forgetful):
    """A disk on which somebody reads between a write and its sync."""

    def __init__(self, read: Callable[[], object]) -> None:
        super().__init__()
        self.read = read

    def write(self, fd: int, data: bytes) -> None:
        super().write(fd, data)
        self.read()


def test_a_durable_read_gives_only_what_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    sizes: list[int] = []

    def read(durable: bool) -> None:
        for segment in segments(tmp_path):
            before = len(synced)
            batch = SpoolReader(tmp_path).read(Position(), durable=durable)
            sizes.append((tmp_path / (segment + SUFFIX)).stat().st_size)
            assert synced[before:] == ([sizes[-1]] if durable and batch.frames else [])

    for durable in (False, True):
        spool = Spool(tmp_path, StillClock(), files=Slow(lambda durable=durable: read(durable)), reserve_bytes=0)  # type: ignore[misc]
        spool.append(frames(2))
        spool.close()
        for segment in segments(tmp_path):
            (tmp_path / (segment + SUFFIX)).unlink()
    assert len(set(sizes)) > 1, "the block was there before its sync"


class PowerCut(Exception):
    pass


def test_unsynced_bytes_dropped_at_every_boundary_lose_nothing_acknowledged(tmp_path: Path) -> None:
    for die_at in range(1, 40):
        folder = tmp_path / str(die_at)
        disk = Forgetful()
        disk.die_at = die_at
        acknowledged: list[Stored] = []
        spool = Spool(folder, StillClock(), files=disk, reserve_bytes=0)
        try:
            for i in range(10):
                acknowledged += spool.append(frames(3, i * 3))
        except PowerCut:
            pass
        spool.close()
        disk.forget()
        again = Spool(folder, StillClock(), reserve_bytes=0)
        again.close()
        assert read_all(folder)[: len(acknowledged)] == acknowledged
    assert disk.steps < 40, "every boundary of the run was tried"


def test_segments_behind_the_position_go_after_their_hour(tmp_path: Path) -> None:
    clock = StillClock()
    Spool(tmp_path, clock, reserve_bytes=0).append(frames(1))
    old = segments(tmp_path)[0]
    os.utime(tmp_path / (old + SUFFIX), (clock.now() / 1e6 - 3601, clock.now() / 1e6 - 3601))
    (tmp_path / "lock").unlink()
    spool = Spool(tmp_path, clock, reserve_bytes=0)
    here = spool.append(frames(1))[0]
    assert spool.delete_before(Position(old, 1)) == []
    assert spool.delete_before(Position(here.segment, 1)) == [old]


def test_a_jump_of_the_clock_deletes_no_segment_before_its_hour(tmp_path: Path) -> None:
    clock = StillClock()
    spool = Spool(tmp_path, clock, reserve_bytes=0)
    first = spool.append(frames(1))[0].segment
    clock.at += 3 * DAY
    behind = Position(spool.append(frames(1))[0].segment, 1)
    assert first != behind.segment
    assert spool.delete_before(behind) == []
    clock.at -= 3 * DAY
    clock.advance(HOUR / 1e6)
    assert spool.delete_before(behind) == [first]
    spool.close()


def test_group_commit_answers_each_with_its_own_places(tmp_path: Path) -> None:
    spool = Spool(tmp_path, StillClock(), reserve_bytes=0)
    commit = GroupCommit(spool)
    futures = [commit.submit(frames(2, i * 2)) for i in range(20)]
    got = [f.result(5) for f in futures]
    commit.close()
    assert [s.record for part in got for s in part] == list(range(40))
    assert [s.frame.created_at for part in got for s in part] == list(range(40))


@pytest.mark.parametrize("size", [0, 1, 10 << 20])
def test_frames_of_any_size(size: int, tmp_path: Path) -> None:
    make: Callable[[int], bytes] = os.urandom
    spool = Spool(tmp_path, StillClock(), reserve_bytes=0)
    placed = spool.append([Frame("file:x", 1, make(size))])
    assert read_all(tmp_path) == placed
