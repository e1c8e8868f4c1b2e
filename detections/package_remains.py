"""What is left of a change of packages that was cut off: a package in its place, or away, of which the journal does not
know, and folders that no package keeps. ``settle`` writes the former into the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.audit import Actor
from core.clock import Micros
from core.db.models import Audit
from core.store.segments_files import try_lock
from detections.package_records import Package, packages
from detections.packages import LOCK, kept_folders

INSTALL, REMOVE, ROLLBACK = "rules.install", "rules.remove", "rules.rollback"


class Left(StrEnum):
    """How a change was left."""

    PUT = "put"
    """The package is in its place, the journal knows another one or none."""
    AWAY = "away"
    """The package is not there, the journal does not know that it went."""
    FOLDER = "folder"
    """A folder that was put together and never got its place; the next change of the package clears it away."""


@dataclass(frozen=True, slots=True)
class Remain:
    """One of them; ``name`` is the package's, of a folder its own."""

    name: str
    how: Left
    package: Package | None = None


def facts_of(package: Package) -> dict[str, Any]:
    """A package as the journal keeps it."""
    return {
        "origin": package.origin,
        "sha256": package.sha256,
        "version": package.version,
        "rules": package.rules,
        "errors": len(package.errors),
    }


def remains(session: Session, folder: Path) -> list[Remain]:
    """What was left in the folder of packages; nothing while somebody changes them."""
    if not folder.is_dir() or (mark := try_lock(folder / LOCK)) is None:
        return []
    try:
        return [*_unsaid(session, folder), *(Remain(name, Left.FOLDER) for name in _folders(folder))]
    finally:
        mark.release()


def settle(session: Session, actor: Actor, folder: Path, now: Micros) -> list[Remain]:
    """Write what the journal does not know into it, in the caller's transaction; returns it."""
    found = [each for each in remains(session, folder) if each.how is not Left.FOLDER]
    for each in found:
        action = REMOVE if each.package is None else INSTALL
        after = {} if each.package is None else facts_of(each.package)
        audit.record(session, actor, action, f"package:{each.name}", now=now, after=after | {"was_cut_off": True})
    return found


def _unsaid(session: Session, folder: Path) -> Iterator[Remain]:
    said = _said(session)
    there = {each.name: each for each in packages(folder)}
    for name, package in there.items():
        if name not in said or said[name].get("sha256", package.sha256) != package.sha256:
            yield Remain(name, Left.PUT, package)
    yield from (Remain(name, Left.AWAY) for name in sorted(said) if not (folder / name).is_dir())


def _said(session: Session) -> dict[str, Mapping[str, Any]]:
    """The packages that are there by the journal, with what it says of them."""
    found: dict[str, Mapping[str, Any]] = {}
    changes = select(Audit).where(Audit.action.in_((INSTALL, REMOVE, ROLLBACK))).order_by(Audit.seq)
    for entry in session.scalars(changes):
        name = entry.object.removeprefix("package:")
        if entry.action == REMOVE:
            found.pop(name, None)
        else:
            found[name] = entry.after or {}
    return found


def _folders(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob(".*@*")):
        if path.name not in kept_folders(folder / path.name[1:].partition("@")[0]):
            yield path.name
