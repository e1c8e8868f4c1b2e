"""Rule packages of others (SigmaHQ's releases) in the data folder: installed whole, checked, replaced, removed.

``<folder>/<name>/`` holds the rule files as they came, and ``package.json``: where from, when, by whom, and the
checksum of each file. A package is put together in a hidden folder beside its place, ``.<name>@<ULID>``, and its place
is a link to that: the link is replaced in one step, so that a reader sees the old or the new, whatever is killed. Each
version names the one before, which is kept; a package that is removed leaves its link as ``.<name>@removed``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.clock import Micros, iso
from core.durable import make_folder, sync_folder
from core.errors import BadConfig, BadInput, NotFound, Place, Refused, cause, failure
from core.event import new_ulid
from core.store.segments_files import try_lock
from core.words import LANGUAGES
from detections.package_records import Package, installed, is_name, known, note, readable, record_at, verify
from detections.rule import LOCAL_PACKAGE, OWN_PACKAGE, Filter, RuleError, error_of
from detections.rule_files import RuleFile, Unread, rule_files
from detections.sigma_reader import read_file

LOCK = ".lock"
MAX_LICENCE = 1024 * 1024
_CHECKSUM = re.compile(r"[0-9a-fA-F]{64}")
_RESERVED = frozenset({OWN_PACKAGE, LOCAL_PACKAGE})


@dataclass(frozen=True, slots=True)
class Change:
    """What an installation changed, by names of files."""

    package: Package
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Way(StrEnum):
    """What can be done to an installed package."""

    ROLLBACK = "rollback"
    REMOVE = "remove"


Noted = Callable[[Change], AbstractContextManager[object]]
"""Entered before a package is put in its place, or away, and left behind it: if it raises, all stays as it was."""


def package_name(path: Path) -> str:
    """A name for a package from the name of its folder or zip."""
    name = re.sub(r"[^a-z0-9._-]+", "-", path.resolve().stem.lower()).strip("-._")
    return name or "rules"


@dataclass(frozen=True, slots=True)
class Staged:
    """A package put together and checked, and not in force yet."""

    change: Change
    folder: Path
    _place: Path

    def put(self, noted: Noted = nullcontext) -> Change:
        """Put it in the place of the version before, in one step."""
        _point(self._place, self.folder, noted(self.change))
        return self.change


@contextmanager
def staged(
    path: Path,
    folder: Path,
    now: Micros,
    name: str | None = None,
    *,
    sha256: str | None = None,
    version: str = "",
    by: str = "",
    taken: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> Iterator[Staged]:
    """Put a package together from a folder or release zip; without ``put`` it goes again. Files that cannot be used are
    kept out and listed in ``errors``; ``origin`` is told in the place of the path.

    Raises BadConfig when there is nothing to install, the name will not do, the checksum (Package, ``sha256``) is not
    the one that was asked for, something cannot be read or lies outside of the zip, or a rule has the id of another
    package's (``taken``: id to package); Refused while somebody else installs. Then nothing has changed.
    """
    if sha256 is not None and not _CHECKSUM.fullmatch(sha256):
        raise failure(BadConfig, "rules.package.no_checksum", value=sha256[:80])
    name = name or package_name(path)
    if name in _RESERVED:
        raise failure(BadConfig, "rules.package.reserved", name=name)
    if not is_name(name):
        raise failure(BadConfig, "rules.package.bad_name", name=name[:80])
    with _alone(folder):
        before = readable(folder / name)
        fresh = folder / f".{name}@{new_ulid(now)}"
        try:
            package = _copy(path, fresh, name, now, taken or {})
            if sha256 is not None and sha256.lower() != package.sha256:
                place = Place(str(path))
                sums = {"found": package.sha256, "wanted": sha256.lower()}
                raise failure(BadConfig, "rules.package.checksum", place=place, **sums)
            is_same = before is not None and before.files == package.files and not verify(folder, name)
            previous = before.previous if before is not None and is_same else _shown(folder / name, fresh)
            came = package.origin if origin is None else origin
            package = replace(package, origin=came, version=version, by=by, previous=previous)
            note(fresh, package)
            yield Staged(_change(package, before), fresh, folder / name)
        finally:
            _clear(folder / name)


def install(path: Path, folder: Path, now: Micros, name: str | None = None, **more: Any) -> Change:
    """Install or replace a package at once; all else as ``staged``."""
    with staged(path, folder, now, name, **more) as ready:
        return ready.put()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time changes the packages of a folder. Raises Refused while another does."""
    make_folder(folder)
    mark = try_lock(folder / LOCK)
    if mark is None:
        raise failure(Refused, "packages.busy")
    try:
        yield
    finally:
        mark.release()


def _change(package: Package, before: Package | None) -> Change:
    old = before.files if before else {}
    return Change(
        package,
        tuple(sorted(package.files.keys() - old.keys())),
        tuple(sorted(each for each, sum_ in package.files.items() if old.get(each, sum_) != sum_)),
        tuple(sorted(old.keys() - package.files.keys())),
    )


def _copy(path: Path, fresh: Path, name: str, now: Micros, taken: Mapping[str, str]) -> Package:
    errors: list[RuleError] = []
    files: dict[str, str] = {}
    sums: list[str] = []
    ids: dict[str, str] = {}
    count = 0
    for found in rule_files(path):
        if isinstance(found, Unread):
            raise failure(BadConfig, "packages.unread", place=found.place, why=found.said)
        if isinstance(found, BadInput):
            errors.append(error_of(found))
            continue
        own_sum = hashlib.sha256(found.data).hexdigest()
        sums.append(f"{own_sum}  {found.name}\n")
        rules, wrong = read_file(found.data, found.name)
        errors.extend(error_of(each) for each in wrong)
        if not rules:
            continue
        for each in rules:
            if not isinstance(each, Filter):
                place = Place(found.name, each.line)
                if each.id in taken:
                    named = {"id": each.id, "package": taken[each.id]}
                    raise failure(BadConfig, "packages.taken", place=place, **named)
                if each.id in ids:
                    errors.append(
                        error_of(failure(BadInput, "rules.twice", place=place, id=each.id, file=ids[each.id]))
                    )
                ids.setdefault(each.id, found.name)
        try:
            _write(fresh / _below(found), found.data)
        except OSError as error:
            errors.append(error_of(failure(BadInput, "common.error.write", place=Place(found.name), why=cause(error))))
            continue
        count += sum(not isinstance(each, Filter) for each in rules)
        files[_below(found)] = own_sum
    if not files:
        place = Place(str(path))
        if errors:
            first = {lang: errors[0].told(lang) for lang in LANGUAGES}
            raise failure(BadConfig, "rules.package.all_wrong", place=place, first=first)
        raise failure(BadConfig, "rules.package.no_rule", place=place)
    for licence in sorted(path.glob("LICENSE*")) if path.is_dir() else []:
        # a link may lead to any file of this machine, and what is installed can be read by more people
        if not licence.is_symlink() and licence.is_file() and licence.stat().st_size <= MAX_LICENCE:
            _write(fresh / licence.name, licence.read_bytes())
    listed = path.read_bytes() if path.is_file() else "".join(sorted(sums, key=lambda line: line[66:])).encode()
    sha256 = hashlib.sha256(listed).hexdigest()
    return Package(name, str(path.resolve()), iso(now), count, tuple(errors), files, sha256)


def _below(found: RuleFile) -> str:
    """The file's name in the package; what was asked for may have been one of Sigma's folders itself."""
    return found.name if found.folder in found.name.split("/")[:-1] else f"{found.folder}/{found.name}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _removed(place: Path) -> Path:
    """The link of a package that was taken away."""
    return place.with_name(f".{place.name}@removed")


def _aside(fresh: Path) -> Path:
    """Where a folder that was put there by hand goes for a new version."""
    return fresh.with_name(f"{fresh.name}.before")


def _shown(place: Path, fresh: Path) -> str:
    """The folder that is in force, or was before it was removed; empty when there is none."""
    for link in (place, _removed(place)):
        if link.is_symlink():
            return link.readlink().name
    return _aside(fresh).name if place.is_dir() else ""


def _point(place: Path, fresh: Path, noted: AbstractContextManager[object]) -> None:
    os.sync()  # thousands of files: all at once, before they bear the name
    with noted:
        if place.is_dir() and not place.is_symlink():
            _move_aside(place, _aside(fresh))
        _link(place, fresh)
        sync_folder(place.parent)


def _link(link: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.link")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target.name)
    partial.rename(link)


def _move_aside(place: Path, aside: Path) -> None:
    """Of a folder put there by hand; cut off in between, it counts as removed and can be put back."""
    _link(_removed(place), aside)
    place.rename(aside)


def _clear(place: Path) -> None:
    """Take away what is neither a package's version in force, nor the one before, nor removed: what was cut off."""
    if place.exists():
        _removed(place).unlink(missing_ok=True)
    kept = kept_folders(place)
    for path in place.parent.glob(f".{place.name}@*"):
        if path.name in kept:
            continue
        if path.is_symlink():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path, ignore_errors=True)


def kept_folders(place: Path) -> set[str]:
    """The names of the hidden folders and links that belong to a package: in force or removed, and the one before."""
    kept = {_removed(place).name}
    for link in (place, _removed(place)):
        if link.is_symlink():
            kept |= {link.readlink().name, _previous(link)}
    return kept


def _previous(shown: Path) -> str:
    record = readable(shown)
    return record.previous if record else ""


def remove(folder: Path, name: str, now: Micros, noted: Noted = nullcontext) -> Package:
    """Take a package away; ``roll_back`` puts it back. Raises NotFound, Refused."""
    with _alone(folder):
        package = known(folder, name)
        place = folder / name
        with noted(Change(package, removed=tuple(sorted(package.files)))):
            if place.is_symlink():
                place.rename(_removed(place))
            else:
                _move_aside(place, folder / f".{name}@{new_ulid(now)}")
            sync_folder(folder)
        _clear(place)
        return package


def roll_back(folder: Path, name: str, now: Micros, noted: Noted = nullcontext) -> Change:
    """Put back the version before, or a package that was removed; once more undoes that. Raises NotFound, Refused."""
    with _alone(folder):
        place = folder / name
        before = installed(folder, name)
        older, there = version_before(folder, name)
        if before is None:
            change = _change(older, None)
            with noted(change):
                _removed(place).rename(place)
                sync_folder(folder)
            return change
        fresh = folder / f".{name}@{new_ulid(now)}"
        try:
            shutil.copytree(there, fresh)
            package = replace(older, previous=_shown(place, fresh))
            note(fresh, package)
            change = _change(package, before)
            _point(place, fresh, noted(change))
        finally:
            _clear(place)
        return change


def version_before(folder: Path, name: str) -> tuple[Package, Path]:
    """What ``roll_back`` would put back, and where it lies. Raises NotFound."""
    current = installed(folder, name)
    if current is not None:
        place, key = folder / current.previous, "packages.no_previous"
        found = record_at(place) if current.previous else None
    else:
        place, key = _removed(folder / name), "rules.package.unknown"
        found = record_at(place) if is_name(name) else None
    if found is None:
        raise failure(NotFound, key, name=name[:100])
    return found, place.resolve()


def removed(folder: Path) -> list[str]:
    """Packages that were taken away and can be put back."""
    ends = "@removed"
    found = (path.name[1 : -len(ends)] for path in folder.glob(f".*{ends}"))
    return sorted(name for name in found if not (folder / name).exists())
