"""What of installed packages is not as it should be: files that cannot be used, and files that somebody changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.errors import BadInput, Place, failure
from detections.package_records import damaged, packages, verify
from detections.rule import RuleError, error_of


def kept_out(folder: Path) -> list[RuleError]:
    """What could not be used when the packages were installed and is not among their files, under its place then, and
    the packages whose record is damaged."""
    found = damaged(folder)
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
