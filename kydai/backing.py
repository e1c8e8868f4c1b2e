"""The backup of the control data that is taken each day, and the one before a migration.

``python -m kydai.backing`` is started by the worker and leaves when it is done. Each has host and data folder in its
name, so that several may share a folder, and only its own older ones go.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from core import backups
from core.archive import SUFFIX
from core.clock import from_micros
from core.db.database import HEAD
from core.durable import make_folder
from core.errors import BadInput, KydaiError, Place, Refused, Unavailable, cause, failure
from core.keeping import MAINTENANCE
from kydai.backup import CONTROL, FOLDER, Busy, take
from kydai.beside import beside
from kydai.context import Context
from kydai.log import logger
from kydai.settings import Settings

KEPT = 7
KEPT_BEFORE = 3
"""Of those before a migration."""


def folder_of(settings: Settings) -> Path:
    """Where the daily ones lie."""
    chosen = settings.backup.folder
    return settings.data / FOLDER if chosen is None else chosen.expanduser().absolute()


def back_up(context: Context) -> Path:
    """Take the day's backup, let the oldest go, and note what became of it; the file. Raises as kydai.backup.take
    does, BadInput when the folder of the settings is not there: a disk that is not mounted is not made anew."""
    now = context.clock.now()
    try:
        file = _take_daily(context)
    except Busy:
        raise
    except (KydaiError, SQLAlchemyError, OSError) as error:
        with context.database.write() as session:
            backups.failed(session, error, now)
        raise
    with context.database.write() as session:
        backups.succeeded(session, str(file), file.stat().st_size, now)
    return file


def _take_daily(context: Context) -> Path:
    settings = context.settings
    folder = folder_of(settings)
    if settings.backup.folder is None:
        _make(folder)
    elif not folder.is_dir():
        raise failure(BadInput, "backup.error.no_folder", place=Place(str(folder)))
    _need_room(settings, folder)
    file = folder / _name(context, "")
    take(context, file, MAINTENANCE)
    _prune(settings, folder, "", KEPT)
    return file


def before_migration(context: Context) -> Path:
    """Take a backup before the control database is brought to this version's schema; always on its own disk. Raises as
    kydai.backup.take does: without one nothing is migrated."""
    folder = context.settings.data / FOLDER
    _make(folder)
    kind = f"before-{HEAD}-"
    file = folder / _name(context, kind)
    take(context, file, None)
    _prune(context.settings, folder, r"before-\d+-", KEPT_BEFORE)
    return file


def _make(folder: Path) -> None:
    try:
        make_folder(folder, mode=0o700)
    except OSError as error:
        raise failure(Unavailable, "backup.error.write", place=Place(str(folder)), why=cause(error)) from error


def _need_room(settings: Settings, folder: Path) -> None:
    """A backup must not stop the intake: it is put together in the data folder and written beside."""
    size, reserve = (settings.data / CONTROL).stat().st_size, settings.spool.reserve_mb << 20
    is_same = folder.stat().st_dev == settings.data.stat().st_dev
    for place, needed in ((settings.data, reserve + size * (2 if is_same else 1)), (folder, size)):
        free = shutil.disk_usage(place).free
        if free < needed:
            words = {"free": free >> 20, "needed": needed >> 20}
            raise failure(Refused, "backup.error.room", place=Place(str(place)), **words)


def _house(settings: Settings) -> str:
    """Tells this host and data folder from others."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40]
    return f"{host}-{hashlib.sha256(str(settings.data).encode()).hexdigest()[:6]}"


def _name(context: Context, kind: str) -> str:
    at = from_micros(context.clock.now(), context.settings.zone)
    return f"kydai-{_house(context.settings)}-{kind}{at:%Y%m%d-%H%M%S}{SUFFIX}"


def _prune(settings: Settings, folder: Path, kind: str, kept: int) -> None:
    """Let all but the newest of a kind go, and what killed ones left; only files of exactly this form."""
    form = re.compile(
        rf"\.?kydai-{re.escape(_house(settings))}-{kind}(\d{{8}}-\d{{6}}){re.escape(SUFFIX)}(?:\.(\d+)\.partial)?"
    )
    found = [(match, path) for path in folder.iterdir() if (match := form.fullmatch(path.name)) is not None]
    whole = sorted((match[1], path) for match, path in found if not match[2])
    left = [path for match, path in found if match[2] and not Path(f"/proc/{match[2]}").exists()]
    for path in [*(path for _, path in whole[:-kept]), *left]:
        with suppress(OSError):  # the next round
            path.unlink()


def main() -> int:
    """Back up the environment's data folder, at low priority; ends with the worker."""
    with beside("backing") as context:
        settings = context.settings
        try:
            with context.database.read() as session:
                found = backups.last(session)
            if found is not None and not backups.is_due(
                found, context.clock.now(), settings.backup.time, settings.zone
            ):
                return 0  # another worker had it taken
            file = back_up(context)
        except Busy:
            return 0
        except (KydaiError, SQLAlchemyError, OSError) as error:
            logger.error("The daily backup failed.", error=str(error))
            return 1
    logger.info("The daily backup was taken.", file=str(file))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
