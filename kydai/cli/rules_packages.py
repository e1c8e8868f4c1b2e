"""``kydai rules install``, ``update``, ``remove``, ``rollback`` and ``packages``: packages of rules of others."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from core.clock import to_micros
from core.errors import BadInput, KydaiError, failure
from core.words import moment, say
from detections import package_records, packages
from detections.package_changes import file_counts, noted, taken_ids
from detections.package_remains import INSTALL, REMOVE, ROLLBACK, remains
from detections.rule import Effect, RuleError
from detections.rule_kinds import RuleKind, counted, kind_of
from kydai.cli.main import INCOMPLETE, LANG, WRONG
from kydai.cli.output import safe
from kydai.cli.rules_copies import tell_behind
from kydai.cli.rules_preview import DEFAULT_FROM, preview
from kydai.cli.rules_why import rules_of
from kydai.cli.search import From, To
from kydai.context import Context
from kydai.people import cli_actor

QUESTION_SECONDS = 120.0
"""A question does not keep a person waiting for longer; ``--preview`` alone looks at all."""

Checksum = Annotated[str | None, typer.Option("--sha256", metavar="H", help=say("cli.rules.install_sha256", LANG))]
Version = Annotated[str, typer.Option("--version", metavar="V", help=say("packages.version", LANG))]
OnlyPreview = Annotated[bool, typer.Option("--preview", help=say("packages.preview", LANG))]
Yes = Annotated[bool, typer.Option("--yes", help=say("packages.yes", LANG))]


def install(
    ctx: typer.Context,
    path: Path,
    name: Annotated[str | None, typer.Option("--name", help=say("cli.rules.install_name", LANG))] = None,
    sha256: Checksum = None,
    version: Version = "",
    only_preview: OnlyPreview = False,
    yes: Yes = False,
    start: From = None,
    end: To = None,
) -> int:
    """0 installed; 3 something of it cannot be used, or the preview is not whole."""
    context: Context = ctx.obj
    asked = _Asked(only_preview, yes, start, end)
    return _put(context, path, name or packages.package_name(path), sha256, version, asked)


def update(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]")] = None,
    sha256: Checksum = None,
    version: Version = "",
    only_preview: OnlyPreview = False,
    yes: Yes = False,
    start: From = None,
    end: To = None,
) -> int:
    """Of all packages without a name: what is wrong with one keeps none of the others. Status as ``install``."""
    context: Context = ctx.obj
    asked = _Asked(only_preview, yes, start, end)
    folder = _folder(context)
    if name is not None:
        known = package_records.known(folder, name)
        return _put(context, path or Path(known.origin), name, sha256, version, asked)
    if sha256 is not None or version:
        raise failure(BadInput, "packages.all_alone")
    statuses = [0]
    for each in package_records.packages(folder):
        try:
            statuses.append(_put(context, Path(each.origin), each.name, None, "", asked))
        except KydaiError as error:
            context.output.tell(safe(f"{each.name}: {error.told(LANG)}"))
            statuses.append(WRONG)
    if len(statuses) == 1:
        context.output.tell(say("packages.none", LANG))
    return WRONG if WRONG in statuses else max(statuses)


class _Asked:
    """Whether to show what changes, over which time, and whether to ask before it is done."""

    def __init__(self, only_preview: bool, yes: bool, start: str | None, end: str | None) -> None:
        if (start or end) and not only_preview:
            raise failure(BadInput, "packages.times")
        self.only_preview = only_preview
        self.times = start or DEFAULT_FROM, end
        self.seconds = None if only_preview else QUESTION_SECONDS
        self.yes = yes

    def is_question(self, context: Context) -> bool:
        """A person sits there and did not say yes beforehand."""
        return not (self.yes or self.only_preview or context.output.as_json) and sys.stdin.isatty()


def _put(context: Context, path: Path, name: str, sha256: str | None, version: str, asked: _Asked) -> int:
    before = rules_of(context)
    taken = taken_ids(before, name)
    options: dict[str, Any] = {"sha256": sha256, "version": version, "by": cli_actor().name, "taken": taken}
    with packages.staged(path, _folder(context), context.clock.now(), name, **options) as ready:
        is_question = asked.is_question(context)
        if asked.only_preview or is_question:
            status = preview(context, before, ready.change.package, ready.folder, *asked.times, seconds=asked.seconds)
            if asked.only_preview:
                return status
            if not typer.confirm(say("packages.question", LANG, name=name), err=True):
                context.output.tell(say("packages.kept", LANG))
                return 0
        change = ready.put(_noted(context, INSTALL))
    return _told(context, change)


def remove(
    ctx: typer.Context,
    name: str,
    only_preview: Annotated[bool, typer.Option("--preview", help=say("packages.preview_removal", LANG))] = False,
    yes: Annotated[bool, typer.Option("--yes", help=say("packages.yes_removal", LANG))] = False,
    start: From = None,
    end: To = None,
) -> int:
    """0 removed; 3 the preview is not whole."""
    context: Context = ctx.obj
    asked = _Asked(only_preview, yes, start, end)
    package = package_records.known(_folder(context), name)
    is_question = asked.is_question(context)
    if asked.only_preview or is_question:
        status = preview(context, rules_of(context), package, None, *asked.times, seconds=asked.seconds)
        if asked.only_preview:
            return status
        if not typer.confirm(say("packages.removal", LANG, name=name), err=True):
            context.output.tell(say("packages.kept", LANG))
            return 0
    gone = packages.remove(_folder(context), name, context.clock.now(), _noted(context, REMOVE))
    context.output.tell(say("cli.rules.removed", LANG, name=name, count=gone.rules))
    context.output.tell(say("packages.can_go_back", LANG, name=name))
    return 0


def rollback(ctx: typer.Context, name: str) -> int:
    """Status as ``install``."""
    context: Context = ctx.obj
    change = packages.roll_back(_folder(context), name, context.clock.now(), _noted(context, ROLLBACK))
    return _told(context, change)


def list_packages(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    found = package_records.packages(_folder(context))
    for error in package_records.damaged(_folder(context)):
        context.output.tell(safe(error.told(LANG)))
    with context.database.read() as session:
        left = remains(session, _folder(context))
    for each in left:
        context.output.tell(safe(say(f"packages.left.{each.how}", LANG, name=each.name)))
    if context.output.as_json:
        context.output.lines(_document(each) for each in found)
        return
    if not found:
        context.output.tell(say("packages.none", LANG))
        return
    heads = ("name", "rules", "version", "at", "by", "origin", "sha256")
    rows = [
        (
            each.name,
            each.rules,
            each.version,
            _at(each, context.settings.zone),
            each.by,
            each.origin,
            each.sha256,
        )
        for each in found
    ]
    context.output.table([say(f"packages.column.{c}", LANG) for c in heads], rows, right=(1,), wrap=(5, 6))
    tell_behind(context, rules_of(context))


def _at(package: package_records.Package, zone: str) -> str:
    try:
        return moment(to_micros(package.installed_at), LANG, zone)
    except (ValueError, OverflowError):  # written by hand
        return package.installed_at


def _document(package: package_records.Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "rules": package.rules,
        "version": package.version,
        "installed_at": package.installed_at,
        "by": package.by,
        "origin": package.origin,
        "sha256": package.sha256,
        "errors": len(package.errors),
        "can_go_back": bool(package.previous),
    }


def _folder(context: Context) -> Path:
    return context.settings.rules_folder / "packages"


def _noted(context: Context, action: str) -> packages.Noted:
    return noted(context.database, context.clock, cli_actor(), action)


def _told(context: Context, change: packages.Change) -> int:
    package = change.package
    found = rules_of(context)
    loaded = [r for r in found.every.values() if r.package == package.name]
    effects = Counter(found.effect(r.id).value for r in loaded)
    unusable = found.patterns.unusable
    errors = [*package.errors, *(unusable[r.id] for r in loaded if r.id in unusable)]
    filters = {(each.file, each.line) for each in found.filters if each.package == package.name}
    errors += [each for each in found.errors if (each.file, each.line) in filters]
    numbers = file_counts(change) | {
        "errors": len(errors),
        "correlations": sum(kind_of(r) is RuleKind.CORRELATION for r in loaded),
    }
    if context.output.as_json:
        document = _document(package) | numbers | {"modes": dict(effects)}
        context.output.one(document | {"error_list": [error_document(each) for each in errors]})
    else:
        for error in errors:
            context.output.one(None, safe(error.told(LANG)))
        told = {effect.value: effects[effect.value] for effect in Effect} | numbers
        context.output.one(
            None, say("cli.rules.installed", LANG, name=package.name, rules=counted(loaded, LANG), **told)
        )
        context.output.one(None, say("cli.rules.sha256", LANG, sha256=package.sha256))
        tell_behind(context, found)
        if package.previous:
            context.output.tell(say("packages.can_go_back", LANG, name=package.name))
    return INCOMPLETE if errors else 0


def error_document(error: RuleError) -> dict[str, Any]:
    """A rule's error as JSON."""
    return {"file": error.file, "line": error.line, "column": error.column, "reason": error.reason}
