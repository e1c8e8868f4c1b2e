"""What stands of the installed packages of rules: the record of each, and whether its files are as they came."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from core.errors import BadConfig, NotFound, Place, cause, failure, reason
from detections.rule import RuleError, error_of

PROVENANCE = "package.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")


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
    version: str = ""
    """As who installed it named it."""
    by: str = ""
    previous: str = ""
    """The folder of the version that it replaced, which is kept; empty when there was none."""


def is_name(name: str) -> bool:
    """Whether a package can be called so."""
    return _NAME.fullmatch(name) is not None


def note(fresh: Path, package: Package) -> None:
    """Write the record into the package's folder."""
    (fresh / PROVENANCE).write_bytes(msgspec.json.format(msgspec.json.encode(package)))


def readable(place: Path) -> Package | None:
    """The record, if it can be read: who lists the packages says where it cannot."""
    try:
        return record_at(place)
    except BadConfig:
        return None


def installed(folder: Path, name: str) -> Package | None:
    """What is known of a package; None when it is not installed."""
    return record_at(folder / name) if is_name(name) else None


def record_at(place: Path) -> Package | None:
    """The record in a package's folder; None when there is none. Raises BadConfig when it cannot be read."""
    path = place / PROVENANCE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Package)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise failure(BadConfig, "rules.package.record", place=Place(str(path)), reason=cause(error)) from error
    except msgspec.MsgspecError as error:
        raise failure(BadConfig, "rules.package.record", place=Place(str(path)), reason=reason(error)) from error


def packages(folder: Path) -> list[Package]:
    """All installed packages whose record can be read, by name."""
    return [found for found in _recorded(folder) if isinstance(found, Package)]


def damaged(folder: Path) -> list[RuleError]:
    """Why the record of a package cannot be read: its rules go on."""
    return [found for found in _recorded(folder) if isinstance(found, RuleError)]


def _recorded(folder: Path) -> Iterator[Package | RuleError]:
    """The record of each package, or why it cannot be read."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        try:
            if not path.name.startswith(".") and (package := installed(folder, path.name)) is not None:
                yield package
        except BadConfig as error:
            yield error_of(error)


def verify(folder: Path, name: str) -> dict[str, str]:
    """Files that are not as they were installed, by name: ``changed``, ``gone`` or ``added``. Raises NotFound."""
    package = known(folder, name)
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


def known(folder: Path, name: str) -> Package:
    """An installed package. Raises NotFound."""
    package = installed(folder, name)
    if package is None:
        raise failure(NotFound, "rules.package.unknown", name=name[:100])
    return package
