"""The store on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run


def test_stats_verify_compact_retain_and_holds(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    (stats,) = kydai("store", "stats", "--json").documents
    assert (stats["events"], stats["segments"]) == (3, 1)
    assert kydai("store", "verify").status == 0
    held = kydai("store", "hold", "vu-1", "--from", "2026-11-01", "--reason", "điều tra")
    assert (held.status, held.err) == (0, "vu-1: the hold is in force.\n")
    assert kydai("store", "retain", "--json").documents == [{"deleted": []}]
    lifted = kydai("store", "hold", "vu-1", "--lift")
    assert (lifted.status, lifted.err) == (0, "vu-1: the hold is lifted.\n")
    assert kydai("store", "hold", "vu-1", "--lift").status == 2
    assert kydai("store", "compact").status == 0
    (segment,) = (tmp_path / "data" / "store").rglob("*.parquet")
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    whole = segment.read_bytes()
    segment.write_bytes(damaged)
    ran = kydai("store", "verify", "--json")
    assert ran.status == 1
    assert len(ran.documents) == 1
    assert kydai("search", "sshd", "--from", "2020-01-01").status == 3, "an answer without the segment is incomplete"
    ran = kydai("store", "verify", "--mend")
    assert ran.status == 1
    assert "put the file back" in ran.out
    segment.write_bytes(whole)
    ran = kydai("store", "verify", "--mend")
    assert ran.status == 0
    assert "whole again" in ran.out
    assert kydai("search", "sshd", "--from", "2020-01-01").status == 0
