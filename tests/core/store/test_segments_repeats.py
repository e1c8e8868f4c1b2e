from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.event import EventId
from core.store import segments_repeats
from core.store.admission import CLASH
from core.store.catalog_rows import IdRange, Kind, Segment
from core.store.scrub import whole
from core.store.segments_files import encode
from core.store.segments_repeats import only_new
from core.store.segments_rows import flatten
from core.store.segments_write import Piece, describe, id_ranges
from tests.core.store.conformance import START, event, spool

A, B = spool(START, 1), spool(START + 7_200_000_000, 2)


def piece(ids: Sequence[tuple[str, int, int]], raws: str | None = None) -> Piece:
    raw = [{} if raws is None else {"event.original": raws[i]} for i in range(len(ids))]
    return Piece(Kind.EVENTS, flatten([event(r, i, raw[i], segment=s, n=n) for i, (s, r, n) in enumerate(ids)]).table)


def ids(of: Any) -> list[tuple[str, int, int]]:
    return list(zip(*(of.column(c).to_pylist() for c in ("segment", "record", "n")), strict=True))


def written(folder: Path, name: str, of: Piece) -> Segment:
    data = encode(of.table)
    (folder / name).write_bytes(data)
    return describe(of, name, data).segment


@pytest.mark.parametrize("at_once", [1, 2, 4_096])
def test_repeats_within_a_batch_and_of_what_is_recorded_are_cut_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(segments_repeats, "_AT_ONCE", at_once)
    recorded = written(tmp_path, "a.parquet", piece([(A, 1, 0), (A, 2, 0), (B, 7, 1), (B, 2, 1)], "xyzx"))
    asked: list[IdRange] = []

    def where(ranges: Sequence[IdRange]) -> list[Segment]:
        asked.extend(ranges)
        return [recorded, replace(recorded, name="gone.parquet")]

    given = [(A, 2, 0), (A, 3, 0), (B, 2, 0), (A, 3, 0), (B, 2, 1), (A, 2, 1), (A, 3, 0), (A, 2, 0)]
    found = only_new(piece(given, "yabaxcbx"), where, partial(whole, tmp_path))
    assert ids(found.table) == [(A, 3, 0), (B, 2, 0), (A, 2, 1)]
    assert found.already == 3
    assert sorted((one.id, one.reason, one.event["event.original"]) for one in found.rejected) == [
        (EventId(A, 2, 0), CLASH, "x"), (EventId(A, 3, 0), CLASH, "b")
    ]  # fmt: skip
    assert sorted(asked) == sorted([IdRange(A, 2, 3), IdRange(B, 2, 2)])


def test_where_no_id_repeats_no_event_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = written(tmp_path, "a.parquet", piece([(A, 1, 0), (A, 3, 0)]))
    batch = piece([(A, 0, 0), (A, 2, 0), (B, 1, 0)])

    def never(*given: object) -> None:
        raise AssertionError("a row was compared")

    monkeypatch.setattr(segments_repeats, "events_of", never)
    assert only_new(batch, lambda ranges: [recorded], partial(whole, tmp_path)).table is batch.table


def test_of_a_broken_file_nothing_is_held_to_be_recorded(tmp_path: Path) -> None:
    batch = piece([(A, 1, 0)])
    recorded = written(tmp_path, "a.parquet", batch)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[-4:] = b"xxxx"
    (tmp_path / "a.parquet").write_bytes(data)
    assert only_new(batch, lambda ranges: [recorded], partial(whole, tmp_path)).table is batch.table
    assert id_ranges(batch.table) == (IdRange(A, 1, 1),)
