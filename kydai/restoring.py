"""A data folder made of a backup again.

All is unpacked, compared and brought up in a folder beside (``restoring``), then moved to its names, the control
database last. So until it is whole there is none, and nothing starts.

What was done after the backup nobody here knows: sessions and links may have been ended since, runs gone on, numbers
given. Sessions and links end, runs are cancelled (an effect that was intended asks a person as after any kill), numbers
go on far behind, and every answer about that time says that something is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core import audit, restored, tombstones
from core.archive import unpack
from core.audit import Actor
from core.clock import Clock, Micros, iso, to_micros
from core.db.database import HEAD, Database, migrate, open_database, sqlite_url
from core.db.models import Effect, EffectState, Level, Run, RunStatus, SignInLink
from core.db.models import Session as SignedIn
from core.durable import make_folder, sync_folder
from core.errors import BadInput, Conflict, Place, Refused, Unavailable, cause, failure, kept
from core.restored import Gap
from core.store.contract import Told
from core.words import both
from detections.alerting import self_alert
from kydai.backup import CONTROL, Part, part_of
from kydai.context import Context, open_engine
from kydai.settings import load
from playbooks.control import ENDED, steps_of, wake

RESTORING = "restoring"
_ORDER = ("store", "spool")
"""What is moved first: with them and without a control database nothing starts."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored."""

    made_at: Micros
    version: str
    engine: str
    has_events: bool
    alert: int
    """The alert that tells of the time in between."""
    runs: int
    """Runs that were cancelled."""
    outside: list[str]
    variables: list[str]


def restore(context: Context, file: Path, actor: Actor, told: Told) -> Restored:
    """Make the data folder of the settings, which must be empty, of a backup. Raises Conflict when it is not, and as
    core.archive.unpack does; then nothing is in it."""
    data = context.settings.data
    _need_empty(data)
    stage = data / RESTORING
    try:
        make_folder(data, mode=0o700)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(mode=0o700)
    except OSError as error:
        raise failure(Refused, "start.unwritable", folder=data, why=cause(error)) from error
    try:
        head = unpack(file, stage, told, takes=_belongs, may=lambda head: _may(file, head))
        if not (stage / CONTROL).is_file():
            raise failure(BadInput, "backup.error.none", place=Place(str(file)))
        done = _bring_up(context, stage, head, actor)
        _move(stage, data)
    except OSError as error:
        raise failure(Unavailable, "backup.error.unpack", folder=data, why=cause(error)) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return done


def _need_empty(data: Path) -> None:
    try:
        there = sorted(path.name for path in data.iterdir() if path.name != RESTORING)
    except FileNotFoundError:
        return
    except OSError as error:
        raise failure(Refused, "start.unwritable", folder=data, why=cause(error)) from error
    if there:
        raise failure(Conflict, "backup.error.not_empty", folder=data, name=there[0])


def _belongs(name: str) -> bool:
    """Whether a member is something that a backup has; none may write elsewhere."""
    return part_of(name.partition("/")[0]) in (Part.CONTROL, Part.FILES, Part.EVENTS)


def _may(file: Path, head: Mapping[str, Any]) -> None:
    if head["schema"] > HEAD:
        raise failure(Refused, "backup.error.newer", place=Place(str(file)), version=str(head["version"]))


def _bring_up(context: Context, stage: Path, head: Mapping[str, Any], actor: Actor) -> Restored:
    """Bring what was unpacked to this version, and write into it that it was restored."""
    database = open_database(sqlite_url(stage))
    try:
        migrate(database)
        if head["engine"] == "segments":
            # without events an empty one, which is filled by `kydai store restore` or begins anew
            store = open_engine("segments", load(stage), context.clock)
            try:
                if head["events"]:
                    tombstones.restate(database, store)
            finally:
                store.close()
        with database.write() as session:
            done = _note(session, head, actor, context.clock)
        _close(database)
    finally:
        database.close()
    return done


def _note(session: Session, head: Mapping[str, Any], actor: Actor, clock: Clock) -> Restored:
    now, made_at = clock.now(), to_micros(head["made_at"])
    for table in (SignedIn, SignInLink):
        session.execute(delete(table))
    runs = _cancel_runs(session, now)
    gap = Gap(made_at, max(now, made_at), is_all=head["engine"] == "segments" and not head["events"])
    restored.note(session, gap)
    facts = {"from": iso(gap.start), "to": iso(gap.end)}
    alert = self_alert(session, "restored", both("backup.alert"), Level.HIGH, facts, now, since=gap.start)
    alert = restored.lift(session, alert, gap)
    after = {"made_at": head["made_at"], "version": head["version"], "events": head["events"], "runs": runs}
    audit.record(session, actor, "backup.restore", "house", now=now, after=after)
    return Restored(
        made_at=made_at,
        version=head["version"],
        engine=head["engine"],
        has_events=head["events"],
        alert=alert,
        runs=len(runs),
        outside=list(head["outside"]),
        variables=list(head["variables"]),
    )


def _cancel_runs(session: Session, now: Micros) -> list[int]:
    """End the runs that were not over: they may have gone on since. What was intended and not told of stays open and is
    settled as after a kill."""
    runs = session.scalars(select(Run).where(Run.status.not_in(ENDED))).all()
    for run in runs:
        intended = set(
            session.scalars(select(Effect.step).where(Effect.run_id == run.id, Effect.state == EffectState.INTENDED))
        )
        for step in steps_of(session, run.id):
            if step.status not in ENDED and step.step not in intended:
                step.status, step.ended_at = RunStatus.CANCELLED, now
        run.error, run.updated_at = kept(failure(Refused, "backup.run_cancelled")), now
        wake(session, run.id, now)
    return [run.id for run in runs]


def _close(database: Database) -> None:
    """Leave one whole file behind."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _move(stage: Path, data: Path) -> None:
    """Move everything to its name; what stops it in between takes it back."""
    names = sorted(path.name for path in stage.iterdir() if part_of(path.name) is not Part.LEFT)
    first = [name for name in _ORDER if name in names]
    try:
        for name in (*first, *(n for n in names if n not in (*first, CONTROL)), CONTROL):
            (stage / name).rename(data / name)
        sync_folder(data)
    except BaseException:
        for path in (data / name for name in (CONTROL, *names)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        raise
    with suppress(OSError):
        data.chmod(0o700)
