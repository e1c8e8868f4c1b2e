"""Rule packages of others (SigmaHQ's releases) in the data folder: installed whole, checked, replaced, removed.

``<folder>/<name>/`` holds the rule files as they came, and ``package.json``: where from, when, and the checksum of
each file. A package is put together in a hidden folder beside its place, ``.<name>@<ULID>``, and its place is a link
to that: the link is replaced in one step, so that a reader sees the old or the new, whatever is killed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from core.clock import Micros, iso
from core.durable import make_folder, sync_folder
from core.errors import BadConfig, BadInput, NotFound, Place, cause, failure, reason
from core.event import new_ulid
from core.words import LANGUAGES
from detections.rule import OWN_PACKAGE, Filter, RuleError, error_of
from detections.rule_files import RuleFile, rule_files
from detections.sigma_reader import read_file

PROVENANCE = "package.json"
MAX_LICENCE = 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")
_CHECKSUM = re.compile(r"[0-9a-fA-F]{64}")
_RESERVED = frozenset({OWN_PACKAGE, "local"})


@dataclass(frozen=True, slots=True)
class Package:
    """What is known of an installed package; ``files`` maps names to SHA-256."""

    name: str
    origin: str
    installed_at: str
    rules: int
    errors: tuple[RuleError, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    """Of the zip or file; of a folder, of what ``sha256sum`` prints of its rule files, sorted by name."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an installation changed, by names of files."""

    package: Package
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def package_name(path: Path) -> str:
    """A name for a package from the name of its folder or zip."""
    name = re.sub(r"[^a-z0-9._-]+", "-", path.resolve().stem.lower()).strip("-._")
    return name or "rules"


def install(path: Path, folder: Path, now: Micros, name: str | None = None, sha256: str | None = None) -> Change:
    """Install or replace a package from a folder or release zip. Files that cannot be used are kept out and listed
    in ``errors``. Raises BadConfig when there is nothing to install, the name will not do, or the checksum (Package,
    ``sha256``) is not the one that was asked for; then nothing has changed."""
    if sha256 is not None and not _CHECKSUM.fullmatch(sha256):
        raise failure(BadConfig, "rules.package.no_checksum", value=sha256[:80])
    name = name or package_name(path)
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise failure(BadConfig, "rules.package.bad_name", name=name[:80])
    before = installed(folder, name)
    make_folder(folder)
    fresh = folder / f".{name}@{new_ulid(now)}"
    try:
        package = _copy(path, fresh, name, now)
        if sha256 is not None and sha256.lower() != package.sha256:
            place = Place(str(path))
            raise failure(BadConfig, "rules.package.checksum", place=place, found=package.sha256, wanted=sha256.lower())
        (fresh / PROVENANCE).write_bytes(msgspec.json.format(msgspec.json.encode(package)))
        _point(folder / name, fresh)
    finally:
        _clear(folder / name)
    old = before.files if before else {}
    return Change(
        package,
        tuple(sorted(package.files.keys() - old.keys())),
        tuple(sorted(each for each, sum_ in package.files.items() if old.get(each, sum_) != sum_)),
        tuple(sorted(old.keys() - package.files.keys())),
    )


def _copy(path: Path, fresh: Path, name: str, now: Micros) -> Package:
    errors: list[RuleError] = []
    files: dict[str, str] = {}
    sums: list[str] = []
    count = 0
    for found in rule_files(path):
        if isinstance(found, BadInput):
            errors.append(error_of(found))
            continue
        own_sum = hashlib.sha256(found.data).hexdigest()
        sums.append(f"{own_sum}  {found.name}\n")
        rules, wrong = read_file(found.data, found.name)
        errors.extend(error_of(each) for each in wrong)
        if not rules:
            continue
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
        if licence.is_file() and licence.stat().st_size <= MAX_LICENCE:
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


def _point(place: Path, fresh: Path) -> None:
    os.sync()  # thousands of files: all at once, before they bear the name
    link = place.with_name(f".{place.name}@link")
    link.unlink(missing_ok=True)
    link.symlink_to(fresh.name)
    if place.is_dir() and not place.is_symlink():  # a folder put there by hand
        place.rename(place.with_name(f".{place.name}@before"))
    link.rename(place)
    sync_folder(place.parent)


def _clear(place: Path) -> None:
    """Take away what stands behind a package's place and is not shown by it: old, or cut off half-way."""
    shown = place.readlink().name if place.is_symlink() else ""
    for path in place.parent.glob(f".{place.name}@*"):
        if path.is_symlink():
            path.unlink(missing_ok=True)
        elif path.name != shown:
            shutil.rmtree(path, ignore_errors=True)


def installed(folder: Path, name: str) -> Package | None:
    """What is known of a package; None when it is not installed."""
    path = folder / name / PROVENANCE
    if not _NAME.fullmatch(name) or not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Package)
    except msgspec.MsgspecError as error:
        raise failure(BadConfig, "rules.package.record", place=Place(str(path)), reason=reason(error)) from error


def packages(folder: Path) -> list[Package]:
    """All installed packages, by name."""
    if not folder.is_dir():
        return []
    found = (installed(folder, path.name) for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [package for package in found if package is not None]


def kept_out(folder: Path) -> list[RuleError]:
    """What could not be used when the packages were installed and is not among their files, under its place then."""
    found: list[RuleError] = []
    for package in packages(folder):
        for error in package.errors:
            if not any(kept == error.file or kept.endswith(f"/{error.file}") for kept in package.files):
                found.append(replace(error, file=f"{package.origin}/{error.file}"))
    return found


def altered(folder: Path) -> list[RuleError]:
    """What somebody did to the files of installed packages: each that is not as it was installed."""
    return [
        error_of(failure(BadInput, f"rules.package.{how}", place=Place(f"{package.name}/{name}")))
        for package in packages(folder)
        for name, how in verify(folder, package.name).items()
    ]


def verify(folder: Path, name: str) -> dict[str, str]:
    """Files that are not as they were installed, by name: ``changed``, ``gone`` or ``added``. Raises NotFound."""
    package = _known(folder, name)
    base = folder / name
    present = {
        str(path.relative_to(base)): _sum_of(path)
        for path in base.rglob("*")
        if path.is_file() and path.suffix.lower() in (".yml", ".yaml")
    }
    return {
        each: "added" if each not in package.files else "changed" if each in present else "gone"
        for each in sorted(present.keys() | package.files.keys())
        if present.get(each) != package.files.get(each)
    }


def _sum_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""  # whoever loads it says why it cannot be read


def update(folder: Path, name: str, now: Micros, path: Path | None = None, sha256: str | None = None) -> Change:
    """Install a package again from ``path``, or from where it came from. Raises NotFound."""
    package = _known(folder, name)
    return install(path or Path(package.origin), folder, now, name, sha256)


def remove(folder: Path, name: str) -> Package:
    """Take a package away. Raises NotFound."""
    package = _known(folder, name)
    place = folder / name
    if place.is_symlink():
        place.unlink()
    else:  # a folder put there by hand
        place.rename(place.with_name(f".{name}@before"))
    sync_folder(folder)
    _clear(place)
    return package


def _known(folder: Path, name: str) -> Package:
    package = installed(folder, name)
    if package is None:
        raise failure(NotFound, "rules.package.unknown", name=name[:100])
    return package
