"""The store on the command line."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from core.clock import HOUR, StillClock, SystemClock
from core.db.models import IntegrityRoot
from core.store.segments import SegmentStore
from kydai import sealed
from kydai.cli.output import Output
from kydai.context import Context
from tests.kydai.cli.conftest import Run


def test_stats_verify_compact_and_retain(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    (stats,) = kydai("store", "stats", "--json").documents
    assert (stats["events"], stats["segments"]) == (3, 1)
    assert kydai("store", "verify").status == 0
    assert kydai("store", "retain", "--json").documents == [{"deleted": []}]
    assert kydai("store", "retain", "--dry-run").out == "Nothing would go.\n"
    assert kydai("store", "compact").status == 0
    (segment,) = (tmp_path / "data" / "store").rglob("*.parquet")
    damaged = bytearray(segment.read_bytes())
    for at in range(len(damaged) // 4, len(damaged) * 3 // 4):  # whatever columns a search reads
        damaged[at] ^= 0xFF
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
    (stats,) = kydai("store", "stats", "--json").documents
    assert (stats["verified"]["found"], stats["verified"]["open"]) == (1, 0)
    (entry, *_) = kydai("audit", "list", "--action", "store.verify", "--json").documents
    assert entry["after"] == {"parts": 1, "found": 1, "open": 0, "unread": 0}


def test_stats_name_closed_indices(kydai: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kydai("ingest", str(log))
    counted = SegmentStore.stats
    monkeypatch.setattr(SegmentStore, "stats", lambda store: replace(counted(store), closed=("a-1", "a-2")))
    assert "as it is closed: a-1, a-2" in kydai("store", "stats").out
    (stats,) = kydai("store", "stats", "--json").documents
    assert (stats["events"], stats["closed"]) == (3, ["a-1", "a-2"])


def test_stats_say_what_is_kept_for_how_long(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    (stats,) = kydai("store", "stats", "--json").documents
    assert stats["engine"] == "segments"
    assert 0 < stats["free"] < stats["total"]
    assert (stats["bytes_per_day"], stats["days_left"]) == (None, None), "less than a day was measured"
    (default,) = (each for each in stats["classes"] if each["class"] == "default")
    assert (default["settings_months"], default["months"], default["events"]) == (6, 6, 3)
    assert default["oldest"] is not None
    shown = kydai("store", "stats").out
    assert "less than a day of data" in shown
    assert "Never verified" in shown
    assert [line.split()[0] for line in kydai("store", "policy").out.splitlines()][1:] == [
        each["class"] for each in stats["classes"]
    ]


def test_a_policy_is_shortened_by_two_keys_and_cancelled(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    (tmp_path / "data" / "kydai.toml").write_text("[store.retention_months]\nlevel3 = 3\n")
    assert "level3: the settings say 3 months" in kydai("store", "policy").out, "before the store was tended, too"
    (tmp_path / "data" / "kydai.toml").unlink()
    shorten = ("store", "policy", "default", "--months", "3", "--reason", "đĩa nhỏ")
    refused = kydai(*shorten, "--confirm", "default")
    assert refused.status == 1
    assert "The settings ask for 6 months of default" in refused.err
    assert "lower [store] retention_months" in refused.err
    (tmp_path / "data" / "kydai.toml").write_text("[store.retention_months]\ndefault = 3\n")
    assert "kept for 6 months" in kydai("store", "policy").out, "the settings alone shorten nothing"
    seen = kydai(*shorten, "--json")
    (document,) = seen.documents
    assert (document["waits"], document["goes"]) == (False, [])
    assert "Nothing is changed yet" in seen.err
    assert kydai(*shorten, "--confirm", "level3").status == 2
    assert kydai(*shorten[:-2], "--confirm", "default").status == 2
    assert kydai(*shorten, "--confirm", "default", "--json").documents[0]["waits"]
    assert "only from" in kydai("store", "policy", "default").out
    assert kydai(*shorten, "--confirm", "default").status == 1, "one waits"
    (kept,) = kydai("store", "policy", "default", "--cancel", "--reason", "nhầm", "--json").documents
    assert (kept["class"], kept["months"], kept["waiting"]) == ("default", 6, None)
    assert kydai("store", "policy", "default", "--cancel").status == 2
    assert kydai("store", "policy", "--months", "3").status == 2
    entries = kydai("audit", "list", "--action", "retention", "--json").documents
    assert [(e["action"], e["object"], e["reason"]) for e in entries] == [
        ("retention.cancel", "retention:default", "nhầm"),
        ("retention.shorten", "retention:default", "đĩa nhỏ"),
    ]


def seal(folder: Path, hours: int = 2) -> None:
    """What tending does, some hours later."""
    with closing(Context(folder, None, Output(True, "en"))) as context:
        context.clock = StillClock(SystemClock().now() + hours * HOUR)
        sealed.seal(context)


def test_verify_holds_the_events_against_what_was_sealed(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    assert "No hour is sealed yet" in kydai("store", "verify").out
    data = tmp_path / "data"
    seal(data)
    ran = kydai("store", "verify")
    assert ran.status == 0
    assert "3 events of 1 tree compared" in ran.out
    assert kydai("store", "verify", "--json").documents == []
    heads = tmp_path / "copy.jsonl"
    heads.write_text(f"Nov 25 srv kydai: {(data / 'integrity' / 'heads.jsonl').read_text()}")
    assert kydai("store", "verify", "--heads", str(heads)).status == 0
    with closing(Context(data, None, Output(True, "en"))) as context, context.database.write() as session:
        session.execute(update(IntegrityRoot).values(count=4))
    ran = kydai("store", "verify")
    assert ran.status == 1
    assert "it is not what was signed" in ran.out
    (fault,) = kydai("store", "verify", "--json", "--heads", str(heads)).documents
    assert (fault["problem"], fault["seq"], fault["is_wrong"]) == ("root", 1, True)
    assert kydai("store", "verify", "--heads", str(log)).status == 2
    assert kydai("store", "verify", "--from", "2026-11-02", "--to", "2026-11-01").status == 2


def test_what_cannot_be_read_is_missing_and_not_wrong(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    seal(tmp_path / "data")
    (segment,) = (tmp_path / "data" / "store").rglob("*.parquet")
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-10])
    kydai("store", "verify", "--mend")
    found = kydai("store", "verify", "--json").documents
    assert [(f["problem"], f.get("is_wrong")) for f in found] == [("quarantined", None), ("missing", False)]
    (stats,) = kydai("store", "stats", "--json").documents
    assert (stats["verified"]["open"], stats["verified"]["unread"]) == (1, 1)
    assert "1 place could not be read, 1 fault not mended" in kydai("store", "stats").out
    segment.write_bytes(whole)
    kydai("store", "verify", "--mend")
    assert kydai("store", "verify", "--json").documents == []


def test_a_check_of_a_span_is_not_told_as_one_of_everything(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    seal(tmp_path / "data")
    assert kydai("store", "verify", "--from", "2026-11-02", "--to", "2026-11-03").status == 0
    shown = kydai("store", "stats").out
    assert "nothing found, 1 segment." in shown
    assert "Only the hours of 2026-11-02 00:00 → 2026-11-04 00:00 were compared" in shown
    (stats,) = kydai("store", "stats", "--json").documents
    assert stats["verified"]["from"] is not None
    assert kydai("store", "verify").status == 0
    shown = kydai("store", "stats").out
    assert "whole, 1 segment." in shown
    assert "Only the hours" not in shown


def test_a_snapshot_is_restored_into_an_empty_store_and_proven(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    place = tmp_path / "snapshot"
    context = Context(tmp_path / "data", None, Output(True, "en"))
    context.clock = StillClock(SystemClock().now() + 3 * HOUR)
    sealed.seal(context)
    context.close()
    (taken,) = kydai("store", "snapshot", str(place), "--json").documents
    assert (taken["rows"], taken["parts"]) == (3, 1)
    again = kydai("store", "snapshot", str(place))
    assert (again.status, "holds a snapshot already" in again.err) == (1, True)
    over = kydai("store", "restore", str(place))
    assert (over.status, "is not empty" in over.err) == (1, True)
    shutil.rmtree(tmp_path / "data" / "store")
    assert kydai("store", "restore", str(tmp_path / "none")).status == 2
    ran = kydai("store", "restore", str(place))
    assert ran.status == 0, ran.err
    assert "3 records in 1 part" in ran.out
    assert kydai("search", "sshd", "--from", "2020-01-01", "--count", "--json").documents[0]["count"] == 3
    proven = kydai("store", "verify")
    assert proven.status == 0
    assert "3 events" in proven.out
    (entry, *_) = kydai("audit", "list", "--action", "store.restore", "--json").documents
    assert entry["after"]["place"] == str(place)
