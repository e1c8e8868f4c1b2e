"""The daily backup and the one before a migration are taken by themselves, and their old ones go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select

from core import backups
from core.archive import head_of
from core.clock import DAY, StillClock
from core.db import database as schema
from core.db.database import HEAD, open_database, schema_version, sqlite_url
from core.db.models import Audit
from core.errors import BadInput, KydaiError, Refused
from core.store.segments_files import try_lock
from kydai import backing
from kydai.backing import back_up, folder_of
from kydai.backup import LOCK, Busy
from kydai.cli.output import Output
from kydai.context import Context


def last(context: Context) -> backups.Last:
    with context.database.read() as session:
        found = backups.last(session)
    assert found is not None
    return found


def actions(context: Context) -> list[tuple[str, str]]:
    with context.database.read() as session:
        return [(e.actor, e.action) for e in session.scalars(select(Audit).where(Audit.action.startswith("backup.")))]


def test_seven_are_kept_and_nothing_else_is_touched(context: Context) -> None:
    context.clock = clock = StillClock(1_795_564_800_000_000)
    assert context.database
    folder = folder_of(context.settings)
    folder.mkdir()
    others = {"notes.txt", "kydai-other-20200101-000000.tar.zst", "kydai-mine.tar.zst"}
    dead, alive = (
        f".kydai-{backing._house(context.settings)}-20261124-023000.tar.zst.{pid}.partial" for pid in (1 << 30, 1)
    )
    others.add(alive)  # its process is there
    for name in (*others, dead):
        (folder / name).touch()
    files = []
    for _ in range(9):
        clock.advance(86400)
        files.append(back_up(context))
    assert {path.name for path in folder.iterdir()} - others == {file.name for file in files[2:]}
    assert head_of(files[-1])["events"] is False
    found = last(context)
    assert (found.at, found.file, found.bytes) == (clock.now(), str(files[-1]), files[-1].stat().st_size)
    assert set(actions(context)) == {("maintenance", "backup.take")}


def test_what_is_in_the_way_is_remembered_until_one_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYDAI_BACKUP_FOLDER", str(tmp_path / "disk"))
    context = Context(tmp_path / "data", None, Output(True, "en"))
    with pytest.raises(BadInput, match="no such folder"):  # a disk that is not mounted
        back_up(context)
    assert "no such folder" in last(context).error
    (tmp_path / "disk").mkdir()
    monkeypatch.setenv("KYDAI_SPOOL_RESERVE_MB", str(1 << 40))
    full = Context(tmp_path / "data", None, context.output)
    with pytest.raises(Refused, match="no room"):
        back_up(full)
    full.close()
    assert "no room" in last(context).error
    context.clock = StillClock(context.clock.now() + DAY)
    assert back_up(context).parent == tmp_path / "disk"
    assert last(context).error == ""
    context.close()


def test_another_that_is_being_taken_is_no_failure(context: Context) -> None:
    assert context.database
    lock = try_lock(context.settings.data / LOCK)
    assert lock is not None
    with pytest.raises(Busy):
        back_up(context)
    lock.release()
    with context.database.read() as session:
        assert backups.last(session) is None


def test_the_process_takes_what_is_due_and_only_that(tmp_path: Path) -> None:
    environment = os.environ | {"KYDAI_DATA": str(tmp_path / "data"), "KYDAI_SPOOL_RESERVE_MB": "0"}
    for _ in range(2):
        subprocess.run([sys.executable, "-m", "kydai.backing"], env=environment, check=True, capture_output=True)
    assert len(list((tmp_path / "data" / "backup").iterdir())) == 1


def older(data: Path) -> None:
    """A folder that an older version left."""
    data.mkdir()
    made = open_database(sqlite_url(data))
    with made.engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    made.close()


def test_a_migration_is_preceded_by_a_backup(tmp_path: Path) -> None:
    older(tmp_path / "data")
    context = Context(tmp_path / "data", None, Output(True, "en"))
    assert schema_version(context.database) == HEAD
    (file,) = (tmp_path / "data" / "backup").iterdir()
    assert f"-before-{HEAD}-" in file.name
    assert head_of(file)["schema"] == "0001"
    assert actions(context) == [("maintenance", "backup.migration")]
    context.close()


def test_without_a_backup_nothing_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older(tmp_path / "data")
    (tmp_path / "data" / "backup").write_text("a file in its place")
    context = Context(tmp_path / "data", None, Output(True, "en"))
    with pytest.raises(KydaiError):
        assert context.database
    left = open_database(sqlite_url(tmp_path / "data"))
    assert schema_version(left) == "0001"
    left.close()


def test_the_names_of_hosts_are_no_paths(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "../máy.tỉnh")
    assert backing._house(context.settings).startswith("---m-y-t-nh-")
