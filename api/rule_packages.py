"""Packages of rules as the console sees them: where each came from, its local copies, what a change would do."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy.orm import Session

from api.deps import Services
from api.rule_drafts import folder_of
from api.rules import title
from api.shapes import Shape, Time, Truth, Words
from core.clock import hour_of
from core.db.models import Level
from core.errors import BadConfig, BadInput, Place, Unavailable, failure
from core.store.contract import Span
from core.store.telling import TellCount
from core.words import LANGUAGES, both
from detections import package_records, packages
from detections.local_copies import LocalCopy, differences, local_copies
from detections.package_outlook import House, Outlook, outlook
from detections.package_records import Package
from detections.package_remains import remains
from detections.rule import Correlation, Rule
from detections.ruleset import RuleSet

PREVIEW_SECONDS = 600.0
"""What is looked at of the past in so long is told; the rest is left out, and that is said."""
SHOWN = 200
"""Rules of a preview."""
NAMED = 30
_ODD = re.compile(r"[^\w .-]")

Change = Literal["added", "removed", "changed", "carried"]


class PackageRow(Shape):
    """An installed package."""

    name: str
    rules: int
    version: str
    installed_at: str
    by: str
    origin: str
    sha256: str
    errors: list[str]
    """What of it cannot be used, in the caller's language; 30 at most."""
    error_count: int
    can_go_back: bool


class CopyRow(Shape):
    """A local rule that stands in the place of a package's."""

    id: str
    title: Words
    package: str
    is_behind: bool
    """Whether the package has changed the rule since it was copied."""


class PackageList(Shape):
    packages: list[PackageRow]
    removed: list[str]
    """Packages that can be brought back."""
    copies: list[CopyRow]
    problems: list[Words]
    """Damaged records, and changes that were cut off."""


class CopyDifference(Shape):
    """What a copy differs in, and what the package changed since it was made; as ``diff -u`` tells it."""

    own: str
    upstream: str
    is_behind: bool
    entry: int | None = None
    """Of the journal, behind a note that somebody looked: undoes it within ten minutes."""


class PreviewRow(Shape):
    """A rule that comes, goes or changes, or a correlation that has other alerts as rules that it reads do (carried);
    the counts are None where they cannot be told."""

    id: str
    title: Words
    level: Level
    change: Change
    kinds: list[Words]
    more: int | None
    fewer: int | None
    is_cut: bool
    """Whether there would be more than ``more``."""


class BlindRow(Shape):
    """A rule that would see less here than before."""

    title: Words
    reason: Words


class PreviewOf(Shape):
    """What would become of the rules in force, and of their alerts between ``start`` and ``end``."""

    name: str
    rules: int
    sha256: str
    added: int
    removed: int
    changed: int
    rows: list[PreviewRow]
    """The 200 that change most alerts, then by level."""
    held: int
    """Rules that change while a local copy goes on to stand in their place."""
    states: dict[str, int]
    """Of the new rules, by what they can do here."""
    blind: list[BlindRow]
    blind_count: int
    asked: Time
    """Since when it should have been looked at; ``start`` is later where time ran out."""
    start: Time
    end: Time
    more: int
    fewer: int
    uncounted: int
    """Rules whose alerts cannot be told, as what was before that time decides on them."""
    correlated_late: int
    """Correlations whose alerts are counted since a later time than ``start``, of all since ``correlated_since``."""
    correlated_since: Time
    doubtful: list[Words]
    errors: list[str]
    """What of the package cannot be used; 30 at most."""
    error_count: int
    is_whole: bool
    truth: Truth | None


class Done(Shape):
    """A change of packages; rolling back undoes it, or removing where there was nothing before."""

    name: str
    rules: int
    undo: Literal["rollback", "remove"]


def packages_folder(svc: Services) -> Path:
    """Raises Unavailable where this process changes none."""
    return folder_of(svc) / "packages"


def listed(session: Session, svc: Services, ruleset: RuleSet, lang: str) -> PackageList:
    """All packages, local copies, and what is not as it should be."""
    folder = packages_folder(svc)
    problems = [Words(**{each: error.told(each) for each in LANGUAGES}) for error in package_records.damaged(folder)]
    problems += [Words(**both(f"packages.left.{each.how}", name=each.name)) for each in remains(session, folder)]
    return PackageList(
        packages=[_row(each, lang) for each in package_records.packages(folder)],
        removed=packages.removed(folder),
        copies=[
            CopyRow(id=each.rule.id, title=title(each.rule), package=_package(ruleset, each), is_behind=each.is_behind)
            for each in local_copies(folder_of(svc), ruleset, svc.rule_text)
        ],
        problems=problems,
    )


def _row(package: Package, lang: str) -> PackageRow:
    errors = [each.told(lang) for each in package.errors[:NAMED]]
    facts = {name: getattr(package, name) for name in ("name", "rules", "version", "installed_at", "by", "origin")}
    return PackageRow(
        **facts,
        sha256=package.sha256,
        errors=errors,
        error_count=len(package.errors),
        can_go_back=bool(package.previous),
    )


def _package(ruleset: RuleSet, copy: LocalCopy) -> str:
    return ruleset.overridden[copy.rule.id].package


def difference_of(ruleset: RuleSet, copy: LocalCopy) -> CopyDifference:
    """From the package's rule to the copy, and from what was copied to the package's."""
    package, now = _package(ruleset, copy), copy.packaged or ""
    upstream = differences(copy.made_of or "", now, f"{package} (copied)", package) if copy.is_behind else ""
    return CopyDifference(own=differences(now, copy.own, package, "local"), upstream=upstream, is_behind=copy.is_behind)


@contextmanager
def uploaded(data: bytes, file: str) -> Iterator[Path]:
    """A package that was sent, as a file that goes again. Raises BadInput when it is none, or no package."""
    suffix = Path(file).suffix.lower()
    if suffix not in (".zip", ".yml", ".yaml") or not data:
        raise failure(BadInput, "packages.upload")
    with tempfile.TemporaryDirectory(prefix="kydai-package-") as folder:
        path = Path(folder) / f"{_ODD.sub('_', Path(file).stem)[:60]}{suffix}"
        path.write_bytes(data)
        try:
            yield path
        except BadConfig as error:  # what a command stops at is a caller's input here, and our folder is not its place
            place = error.place if error.place and folder not in error.place.file else Place(file)
            raise BadInput(error.message, place=place, remedy=error.remedy, said=error.said) from error


def previewed(
    svc: Services, before: RuleSet, package: Package, folder: Path | None, span: Span, tell: TellCount, lang: str
) -> PreviewOf:
    """What a folder in the place of a package (None: nothing) would change."""
    if svc.rules_instead is None or svc.coverage_of is None:
        raise failure(Unavailable, "api.no_rules")
    after = svc.rules_instead({package.name: folder})
    house = House(svc.database, svc.store, svc.clock, svc.coverage_of)
    whole_hours = Span(hour_of(span.start or 0), span.end)
    return _shown(outlook(house, before, after, whole_hours, tell, PREVIEW_SECONDS), package, lang)


def _shown(found: Outlook, package: Package, lang: str) -> PreviewOf:
    return PreviewOf(
        name=package.name,
        rules=package.rules,
        sha256=package.sha256,
        added=len(found.found.added),
        removed=len(found.found.removed),
        changed=len(found.found.changed),
        rows=list(_rows(found))[:SHOWN],
        held=len(found.held),
        states=dict(found.states),
        blind=[
            BlindRow(title=title(found.after.every[each.rule]), reason=Words(**each.reason))
            for each in found.blind[:NAMED]
        ],
        blind_count=len(found.blind),
        asked=found.asked,
        start=found.start,
        end=found.end,
        more=found.more,
        fewer=found.fewer,
        uncounted=len(found.uncounted),
        correlated_late=len(found.shortened),
        correlated_since=max((each.since for each in found.shortened), default=found.start),
        doubtful=[title(found.after.every[each]) for each in found.doubtful],
        errors=[each.told(lang) for each in package.errors[:NAMED]],
        error_count=len(package.errors),
        is_whole=found.is_whole,
        truth=None if found.truth is None else Truth.of(found.truth),
    )


def _rows(found: Outlook) -> Iterator[PreviewRow]:
    every: list[tuple[Change, Rule | Correlation, list[Words]]] = []
    every += [("added", each, []) for each in found.found.added]
    every += [("removed", each, []) for each in found.found.removed]
    for changed in found.found.changed:
        every.append(("changed", changed.after, [Words(**both(f"packages.kind.{kind}")) for kind in changed.kinds]))
    every += [("carried", each, []) for each in found.carried]
    for change, rule, kinds in sorted(every, key=lambda row: found.weight(row[1])):
        alerts = found.alerts.get(rule.id)
        yield PreviewRow(
            id=rule.id,
            title=title(rule),
            level=Level(rule.level.value),
            change=change,
            kinds=kinds,
            more=alerts.more if alerts else None,
            fewer=alerts.fewer if alerts else None,
            is_cut=bool(alerts and alerts.is_cut),
        )
