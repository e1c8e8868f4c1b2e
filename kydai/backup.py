"""Taking a backup of a data folder: what belongs into it, each thing named here, and in which order.

Nothing is stopped for it. The order makes of it what a kill would have left, which every start knows how to go on from:
first what is published elsewhere, then the control database, then the events, then the spools: what the database does
not know of yet is in the spools, and judged when the copy starts; what the store has already is not stored twice.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

from core import audit
from core.archive import Packed, pack
from core.audit import Actor
from core.clock import iso
from core.db.copying import copy_database
from core.durable import make_folder
from core.errors import BadInput, Place, Refused, Unavailable, cause, failure
from core.spool import SUFFIX
from core.store.contract import Told
from core.store.segments_files import try_lock
from kydai.context import Context
from kydai.settings import CONFIG_NAME, Settings

LOCK, STAGE, FOLDER = "backup.lock", "backup.tmp", "backup"
CONTROL = "control.sqlite"


class Part(StrEnum):
    """What becomes of a name in the data folder."""

    CONTROL = "control"
    FILES = "files"
    EVENTS = "events"
    """Only where the events are asked for."""
    LEFT = "left"
    """Made again, or of running processes."""


PLAN: Mapping[str, Part] = {
    CONTROL: Part.CONTROL,
    CONFIG_NAME: Part.FILES,
    "integrity": Part.FILES,
    "rules": Part.FILES,
    "playbooks": Part.FILES,
    "hunts": Part.FILES,
    "keys": Part.FILES,
    "tls": Part.FILES,
    "store": Part.EVENTS,
    "spool": Part.EVENTS,
    "control.sqlite-*": Part.LEFT,
    "cache": Part.LEFT,
    "log": Part.LEFT,
    "workers": Part.LEFT,
    "correlation-*.scratch": Part.LEFT,
    "up.lock": Part.LEFT,
    "up.pid": Part.LEFT,
    "moving.lock": Part.LEFT,
    "demo": Part.LEFT,
    ".write": Part.LEFT,
    FOLDER: Part.LEFT,
    LOCK: Part.LEFT,
    STAGE: Part.LEFT,
    "restoring": Part.LEFT,
}
"""Every name that Kỳ Đài gives to something in the data folder; a test holds a running system to it."""
_BEFORE = ("integrity", "rules")
"""Heads that are published stand in the database already, and files of rules follow its journal: so not behind it."""
_BEHIND = ("playbooks", "hunts", "keys", "tls")
"""Keys come behind what they signed."""
_OF_PROCESSES = ("lock", "*.tmp")
_CARRIED = {"KYDAI_DATA", "KYDAI_CONFIG", "KYDAI_LANG", "KYDAI_SUPERVISOR"}


def part_of(name: str) -> Part | None:
    """What becomes of a name; None for one that is not ours."""
    return next((part for pattern, part in PLAN.items() if fnmatchcase(name, pattern)), None)


class Busy(Refused):
    """Another backup of the data folder is being taken."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was taken, and what is not in it."""

    packed: Packed
    foreign: list[str]
    """Names in the data folder that are not ours, and links to folders."""
    outside: list[str]
    """Files outside the data folder that the settings name."""
    variables: list[str]
    """Variables that settings came from."""


def take(
    context: Context, file: Path, actor: Actor | None, *, events: bool = False, told: Told = lambda *_: None
) -> Taken:
    """Take a backup into ``file``; ``told`` hears bytes done and in all. ``actor`` None: before a migration, which is
    no entry of the journal yet.

    Raises BadInput and NotFound for a place where no file can be made, Conflict for a file that is there, Busy while
    another is being taken, BadConfig for a damaged database, Unavailable when something cannot be read or written.
    """
    if not file.parent.is_dir():
        raise failure(BadInput, "backup.error.no_folder", place=Place(str(file.parent)))
    if file.is_dir():
        raise failure(BadInput, "backup.error.folder", place=Place(str(file)))
    data = context.settings.data
    lock = try_lock(data / LOCK)
    if lock is None:
        raise failure(Busy, "backup.error.busy")
    stage = data / STAGE
    try:
        shutil.rmtree(stage, ignore_errors=True)  # of one that was killed
        try:
            stage.mkdir(mode=0o700)
            head, taken_from = _fill(context, stage, told, events=events)
        except OSError as error:
            raise failure(Unavailable, "backup.error.write", place=Place(str(stage)), why=cause(error)) from error

        def named(packed: Packed) -> None:
            if actor is None:
                return
            after = {"bytes": packed.bytes, "sha256": packed.sha256, "members": packed.members, "events": events}
            with context.database.write() as session:
                audit.record(session, actor, "backup.take", str(file)[:200], now=context.clock.now(), after=after)

        packed = pack(stage, file, head, told, named)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        lock.release()
    return Taken(packed, taken_from, outside(context.settings), _variables())


def _fill(context: Context, stage: Path, told: Told, *, events: bool) -> tuple[dict[str, object], list[str]]:
    """Put everything in its order into ``stage``; what the backup says of itself, and what is left out that is not
    ours."""
    settings, foreign = context.settings, []
    data = settings.data
    config = context.config or (Path(os.environ["KYDAI_CONFIG"]) if os.environ.get("KYDAI_CONFIG") else None)
    if (chosen := config or data / CONFIG_NAME).is_file():
        shutil.copy(chosen, stage / CONFIG_NAME)
        (stage / CONFIG_NAME).chmod(0o600)
    for name in _BEFORE:
        foreign += _copy(data / name, stage / name)
    made_at = context.clock.now()
    copy_database(data / CONTROL, stage / CONTROL, told)
    (stage / CONTROL).chmod(0o600)
    if events:
        _link_spools(settings.spool_folder, stage / "spool")  # here, too: the store on another disk may take hours
        context.store.snapshot(str(stage / "store"), lambda *_: None)
        _link_spools(settings.spool_folder, stage / "spool")
    for name in _BEHIND:
        foreign += _copy(data / name, stage / name)
    foreign += sorted(path.name for path in data.iterdir() if part_of(path.name) is None)
    head = {
        "version": version("kydai"),
        "schema": _schema(stage / CONTROL),
        "made_at": iso(made_at),
        "engine": settings.store.engine,
        "events": events,
        "outside": outside(settings),
        "variables": _variables(),
    }
    return head, foreign


def _copy(source: Path, target: Path) -> list[str]:
    """Copy a folder, if it is there, without what belongs to processes; the links to folders in it, left out."""
    links = []
    for folder, folders, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(mode=0o700, parents=True, exist_ok=True)
        links += [str(Path(folder) / name) for name in folders if (Path(folder) / name).is_symlink()]
        for name in files:
            if any(fnmatchcase(name, pattern) for pattern in _OF_PROCESSES):
                continue
            try:
                shutil.copy(Path(folder) / name, here / name)
            except FileNotFoundError:  # gone meanwhile, or a link to nothing
                continue
    return links


def _link_spools(spools: Path, target: Path) -> None:
    """The segments of all spools, linked where that can be done: they are only added to."""
    for source in sorted(spools.glob(f"*/*{SUFFIX}")) if spools.is_dir() else ():
        make_folder(target / source.parent.name, mode=0o700)
        place = target / source.parent.name / source.name
        try:
            if place.exists() and place.samefile(source):
                continue
            place.unlink(missing_ok=True)  # a copy: it may have grown
            os.link(source, place)
        except FileNotFoundError:  # committed and deleted meanwhile
            continue
        except OSError:
            shutil.copy(source, place)


def _schema(control: Path) -> str:
    with closing(sqlite3.connect(control)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def outside(settings: Settings) -> list[str]:
    """Files that the settings name and that do not lie in the data folder."""
    named = (settings.http.certificate, settings.http.key, settings.elastic.key_file, settings.elastic.ca_file)
    found = (path.expanduser().absolute() for path in named if path is not None)
    return [str(path) for path in found if not path.is_relative_to(settings.data)]


def _variables() -> list[str]:
    return sorted(name for name in os.environ if name.startswith("KYDAI_") and name not in _CARRIED)
