"""Rule files in folders and release zips, read with bounds."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath

from core.errors import BadConfig, BadInput, Place, cause, failure
from detections.strict_yaml import MAX_BYTES

MAX_FILES = 50_000
MAX_TOTAL = 512 * 1024 * 1024
_USUAL = 64 * 1024
"""Bytes that nearly every file has less of: to be given room for the largest takes four times as long as to read it."""

_FOLDERS = frozenset(
    {
        "rules",
        "rules-emerging-threats",
        "rules-threat-hunting",
        "rules-compliance",
        "rules-placeholder",
        "rules-dfir",
    }
)
_SKIPPED = frozenset({"deprecated", "unsupported", "tests", "regression_data", ".git", ".github"})


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file: its name below what was asked for, which of Sigma's folders it is in, its bytes."""

    name: str
    folder: str
    data: bytes


class Unread(BadInput):
    """A file that could not be read or lies outside of its zip: of what was asked for something is missing."""


def rule_files(path: Path) -> Iterator[RuleFile | BadInput]:
    """Every ``.yml``/``.yaml`` of a file, a folder or a zip, in the order of names.

    What cannot be read (too large, a name that leaves the zip) comes as BadInput in its place. Raises BadConfig
    when ``path`` itself is not there or is no zip.
    """
    if path.is_dir():
        yield from _from_folder(path)
    elif path.suffix.lower() == ".zip":
        yield from _from_zip(path)
    elif path.is_file():
        yield _read(path, path.name, _folder_of(path.resolve().parts))
    else:
        raise failure(BadConfig, "rules.file.none", place=Place(str(path)))


def _from_folder(root: Path) -> Iterator[RuleFile | BadInput]:
    above = root.resolve().parts
    unread: list[Unread] = []
    found = sorted(_below(str(root), (), unread))
    yield from unread
    if len(found) > MAX_FILES:
        raise failure(BadConfig, "rules.file.many", place=Place(str(root)), count=len(found), limit=MAX_FILES)
    for inside in found:
        name = "/".join(inside)
        yield _read(f"{root}/{name}", name, _folder_of((*above, *inside)))


def _below(folder: str, inside: tuple[str, ...], unread: list[Unread]) -> Iterator[tuple[str, ...]]:
    """The parts of the names of the rule files; texts and not paths, of which thousands take their time. Folders that
    cannot be read are added to ``unread``."""
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        unread.append(failure(Unread, "common.error.read", place=Place("/".join(inside) or folder), why=cause(error)))
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield from _below(entry.path, (*inside, entry.name), unread)
        elif entry.name.lower().endswith((".yml", ".yaml")) and entry.is_file():
            yield (*inside, entry.name)


def _read(path: str | Path, name: str, folder: str) -> RuleFile | BadInput:
    try:
        with FileIO(path) as file:
            data = file.read(_USUAL)
            if len(data) == _USUAL:
                data += file.read(MAX_BYTES + 1 - _USUAL)
    except OSError as error:
        return failure(Unread, "common.error.read", place=Place(name), why=cause(error))
    if len(data) > MAX_BYTES:
        return failure(BadInput, "rules.file.large", place=Place(name), limit=MAX_BYTES)
    return RuleFile(name, folder, data)


def _from_zip(path: Path) -> Iterator[RuleFile | BadInput]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise failure(BadConfig, "rules.file.no_zip", place=Place(str(path)), why=cause(error)) from error
    with archive:
        members = sorted(archive.infolist(), key=lambda member: member.filename)
        if len(members) > MAX_FILES:
            raise failure(BadConfig, "rules.file.many", place=Place(str(path)), count=len(members), limit=MAX_FILES)
        total = 0
        for member in members:
            inside = PurePosixPath(member.filename)
            if member.is_dir() or inside.suffix.lower() not in (".yml", ".yaml"):
                continue
            place = Place(member.filename[:200])
            if inside.is_absolute() or ".." in inside.parts or "\\" in member.filename:
                yield failure(Unread, "rules.file.leaves", place=place)
                continue
            if not _SKIPPED.isdisjoint(inside.parts[:-1]):
                continue
            # the directory's size is the sender's claim, so the read itself is bounded as well
            try:
                with archive.open(member) as file:
                    data = file.read(MAX_BYTES + 1)
            except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
                yield failure(Unread, "common.error.read", place=place, why=cause(error))
                continue
            if len(data) > MAX_BYTES:
                yield failure(BadInput, "rules.file.large", place=place, limit=MAX_BYTES)
                continue
            total += len(data)
            if total > MAX_TOTAL:
                raise failure(BadConfig, "rules.file.total", place=Place(str(path)), limit=MAX_TOTAL)
            yield RuleFile(member.filename, _folder_of(inside.parts), data)


def _folder_of(parts: tuple[str, ...]) -> str:
    for part in reversed(parts):
        if part in _FOLDERS:
            return part
    return "rules"
