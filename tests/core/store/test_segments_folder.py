from __future__ import annotations

from pathlib import Path

from core.clock import MINUTE
from core.durable import write_durably
from core.store.catalog import Catalog
from core.store.catalog_rows import New
from core.store.segments_files import leave_mark
from core.store.segments_folder import GRACE, files, owner, reading, remove_leftovers, unlink_retired
from tests.core.store.conformance import START
from tests.core.store.test_catalog import segment


def test_what_a_dead_writer_did_not_publish_is_removed(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    mark = leave_mark(tmp_path / "marks", "ALIVE")
    for name in ("l0/DEAD-0.parquet", "l0/DEAD-1.parquet", "l0/ALIVE-0.parquet", "l1/2026-11-25/DEAD-2.parquet.tmp"):
        write_durably(tmp_path / name, b"x")
    catalog.publish([New(segment("l0/DEAD-1.parquet"), ())], START)
    assert owner("l0/DEAD-1.parquet") == "DEAD"
    assert remove_leftovers(tmp_path, catalog) == ["l0/DEAD-0.parquet", "l1/2026-11-25/DEAD-2.parquet.tmp"]
    assert list(files(tmp_path)) == ["l0/ALIVE-0.parquet", "l0/DEAD-1.parquet"]
    mark.release()
    catalog.close()


def test_retired_files_are_unlinked_after_the_grace_and_the_reads_that_may_need_them(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    write_durably(tmp_path / "l0/A-0.parquet", b"x")
    number = catalog.publish([New(segment("l0/A-0.parquet"), ())], START)
    catalog.publish([], START + MINUTE, retiring=[number])
    assert unlink_retired(tmp_path, catalog, START + GRACE) == []
    read = reading(tmp_path, START)
    later = START + MINUTE + GRACE
    assert unlink_retired(tmp_path, catalog, later) == []
    read.release()
    assert unlink_retired(tmp_path, catalog, later) == ["l0/A-0.parquet"]
    assert not (tmp_path / "l0/A-0.parquet").exists()
    assert catalog.names() == set()
    catalog.close()
