"""Files cut at every byte and bits that flip: what is damaged is named, and everything else is there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import HOUR, StillClock
from core.event import Event, Frame, Stored
from core.spool import SUFFIX, Gap, Position, Spool, SpoolReader, segments
from core.store.contract import Batch, Query
from core.store.scrub import TRUSTED
from core.store.segments import SegmentStore
from tests.core.store.conformance import START, event

PLACES = 20
"""Bytes of a file of the store that are tried a round; all of them with 50 rounds (make chaos)."""


def read_all(folder: Path) -> tuple[list[Stored], list[Gap]]:
    reader, position, found, gaps = SpoolReader(folder), Position(), list[Stored](), list[Gap]()
    while (batch := reader.read(position)).position != position:
        found, gaps, position = found + batch.frames, gaps + batch.gaps, batch.position
    return found, gaps


@pytest.fixture
def spooled(tmp_path: Path) -> tuple[Path, list[list[Stored]], list[int]]:
    """A spool's only segment, the frames of its blocks, and where these end."""
    spool = Spool(tmp_path / "spool", StillClock(START), reserve_bytes=0)
    blocks, ends = list[list[Stored]](), list[int]()
    for first in range(0, 20, 5):
        blocks.append(spool.append([Frame("udp:192.0.2.1", n, f"line {n}".encode()) for n in range(first, first + 5)]))
        ends.append((spool.folder / (segments(spool.folder)[0] + SUFFIX)).stat().st_size)
    spool.close()
    return spool.folder / (segments(spool.folder)[0] + SUFFIX), blocks, ends


def test_a_spool_cut_at_every_byte_keeps_every_whole_block(
    spooled: tuple[Path, list[list[Stored]], list[int]],
) -> None:
    path, blocks, ends = spooled
    data = path.read_bytes()
    for at in range(len(data) + 1):
        path.write_bytes(data[:at])
        spool = Spool(path.parent, StillClock(START), reserve_bytes=0)
        cut = spool.cut_bytes
        spool.close()
        whole = [f for end, block in zip(ends, blocks, strict=True) if end <= at for f in block]
        assert read_all(path.parent) == (whole, []), at
        assert cut == 0 if at in (0, 8, *ends) else cut > 0, at


def test_a_flipped_bit_anywhere_in_a_spool_costs_one_block_at_most_and_is_named(
    spooled: tuple[Path, list[list[Stored]], list[int]],
) -> None:
    path, blocks, ends = spooled
    data, chance = path.read_bytes(), random.Random(7)
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        spool = Spool(path.parent, StillClock(START), reserve_bytes=0)
        cut = spool.cut_bytes
        spool.close()
        found, gaps = read_all(path.parent)
        hurt = [] if at < 8 else next(block for end, block in zip(ends, blocks, strict=True) if at < end)
        assert found == [f for block in blocks if block is not hurt for f in block], at
        if hurt is blocks[-1]:
            assert cut, "at the end it cannot be told from what was never finished"
        elif hurt:
            assert [(g.first, g.count) for g in gaps] == [(hurt[0].record, len(hurt))], at


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[tuple[SegmentStore, Path]]:
    """A store of two files, and the older of them."""
    store = SegmentStore(tmp_path / "store", StillClock(START), memory_mb=64)
    for first in (0, 10):
        store.append(Batch([event(n, 0, {"message": f"said {n}", "source.port": n}) for n in range(first, first + 10)]))
    yield store, store.folder / store.catalog.snapshot().live[0].name
    store.close()


def places(length: int, request: pytest.FixtureRequest) -> list[int]:
    rounds = int(request.config.getoption("--chaos-rounds"))
    every = range(length)
    return list(every) if rounds >= 50 else sorted(random.Random(rounds).sample(every, min(length, PLACES * rounds)))


def revive(store: SegmentStore) -> None:
    with store.catalog.change() as db:
        db.execute("UPDATE segment SET state='live'")


def records(events: list[Event]) -> list[int]:
    return sorted(int(str(e["event.id"]).split(".")[1]) for e in events)


@pytest.mark.timeout(3600)
def test_a_file_of_the_store_cut_at_every_byte_is_missing_and_the_others_answer(
    stored: tuple[SegmentStore, Path], request: pytest.FixtureRequest
) -> None:
    store, path = stored
    data = path.read_bytes()
    tried = places(len(data), request)
    for at in tried:
        path.write_bytes(data[:at])
        count = store.count(Query())
        assert (count.count, [m.what for m in count.truth.missing]) == (10, ["quarantined"]), at
        revive(store)
    print(f"{len(tried)} of {len(data)} cuts")


@pytest.mark.timeout(3600)
def test_a_flipped_bit_in_a_file_of_the_store_is_not_shown_after_a_week(
    stored: tuple[SegmentStore, Path], request: pytest.FixtureRequest
) -> None:
    store, path = stored
    data, chance = path.read_bytes(), random.Random(7)
    tried = places(len(data), request)
    for at in tried:
        flipped = bytearray(data)
        flipped[at] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        fresh = SegmentStore(store.folder, StillClock(START + TRUSTED + HOUR), writer=False, memory_mb=64)
        rows = fresh.search(Query())
        assert records(rows.events) == list(range(10, 20)), at
        assert [m.what for m in rows.truth.missing] == ["quarantined"], at
        fresh.close()
        revive(store)
    print(f"{len(tried)} of {len(data)} bytes")
