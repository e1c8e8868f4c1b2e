"""``kydai rules copy``, ``diff`` and ``reload``: local copies of packages' rules, which updates leave alone."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from core import audit
from core.db.models import Meta
from core.errors import BadInput, Place, failure
from core.words import say
from detections.dependents import refuse_orphans
from detections.drafts import file_of
from detections.local_copies import LocalCopy, copy_of, differences, local_copies
from detections.local_rules import VERSIONS, Written, changing, follow, read_rule, save, take
from detections.local_rules import merged as note_merged
from detections.package_remains import settle as settle_packages
from detections.rule import LOCAL_PACKAGE, Correlation, Rule
from detections.rule_modes import VERSION_KEY
from detections.ruleset import RuleSet
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.rules_why import rule_named, rules_of
from kydai.context import Context
from kydai.detector import rule_path, rule_text
from kydai.people import cli_actor

RuleName = Annotated[str, typer.Argument(metavar="RULE", help=say("copies.rule", LANG))]


def copy(
    ctx: typer.Context,
    rule: RuleName,
    remove: Annotated[bool, typer.Option("--remove", help=say("copies.remove", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    folder = context.settings.rules_folder
    ruleset = rules_of(context)
    found = rule_named(ruleset, rule)
    if remove:
        _take_away(context, ruleset, found)
        return
    if found.package == LOCAL_PACKAGE:
        raise failure(BadInput, "copies.is_local", place=Place(found.file))
    path, file = rule_path(folder, found.package, found.file), file_of(found, folder / LOCAL_PACKAGE)
    packaged = None if path is None else read_rule(path, file)
    if packaged is None:
        raise failure(BadInput, "copies.gone")
    now = context.clock.now()
    with changing(context.database, folder, now) as session:
        entry = save(session, cli_actor(), folder, found.id, packaged, now=now, version=None, made_of=packaged)
    place = folder / LOCAL_PACKAGE / file
    context.output.one({"file": str(place), "entry": entry}, say("copies.made", LANG, file=place))


def _take_away(context: Context, ruleset: RuleSet, rule: Rule | Correlation) -> None:
    folder, now = context.settings.rules_folder, context.clock.now()
    own = read_rule(folder / LOCAL_PACKAGE / copy_of(copies_of(context, ruleset), rule).rule.file, rule.file)
    if own is None:
        raise failure(BadInput, "copies.gone")
    refuse_orphans(rule, ruleset)
    with changing(context.database, folder, now) as session:
        entry = take(session, cli_actor(), folder, rule.id, rule.file, now=now, version=own.version)
    kept = folder / VERSIONS / own.facts["sha256"]
    told = say("copies.removed", LANG, file=kept, entry=str(entry))
    context.output.one({"kept": str(kept), "entry": entry}, told)


def diff(
    ctx: typer.Context,
    rule: RuleName,
    merged: Annotated[bool, typer.Option("--merged", help=say("copies.merged", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    ruleset = rules_of(context)
    found = copy_of(copies_of(context, ruleset), rule_named(ruleset, rule))
    if merged:
        folder, now = context.settings.rules_folder, context.clock.now()
        file, packaged = found.rule.file, Written(found.rule.file, found.packaged or "")
        with changing(context.database, folder, now) as session:
            entry = note_merged(session, cli_actor(), folder, found.rule.id, file, packaged, now=now)
        context.output.tell(say("copies.settled", LANG))
        context.output.tell(say("exceptions.undo_with", LANG, entry=str(entry)))
        return
    package = ruleset.overridden[found.rule.id].package
    own, upstream = _differences(found, package)
    if context.output.as_json:
        context.output.one(
            {
                "rule": found.rule.id,
                "package": package,
                "is_behind": found.is_behind,
                "local": own,
                "upstream": upstream,
            }
        )
        return
    for key, text in (("own", own), ("upstream", upstream)):
        if text:
            context.output.tell(say(f"copies.{key}", LANG, package=package))
            for line in text.splitlines():
                context.output.one(None, safe(line))
    if found.is_behind:
        context.output.tell(say("copies.how_to_settle", LANG, rule=found.rule.id))
    if not own and not upstream:
        context.output.tell(say("copies.same", LANG))


def _differences(found: LocalCopy, package: str) -> tuple[str, str]:
    """From the package's rule to the local one, and from what was copied to the package's."""
    now = found.packaged or ""
    own = differences(now, found.own, package, "local")
    return own, differences(found.made_of or "", now, f"{package} (copied)", package) if found.is_behind else ""


def reload(ctx: typer.Context) -> int:
    """3 when some cannot be used."""
    context: Context = ctx.obj
    folder = context.settings.rules_folder / "packages"
    now = context.clock.now()
    with context.database.write() as session:
        settled = settle_packages(session, cli_actor(), folder, now)
        followed = follow(session, context.settings.rules_folder, now)
    for each in settled:
        context.output.tell(safe(say("packages.settled", LANG, name=each.name)))
    for file in followed:
        context.output.tell(safe(say("local.followed", LANG, file=file)))
    ruleset = rules_of(context)
    _changed(context, "rules.reload", "", {"ruleset": ruleset.hash})
    context.output.tell(say("copies.reloaded", LANG, count=len(ruleset.every), errors=len(ruleset.errors)))
    return INCOMPLETE if ruleset.errors else 0


def copies_of(context: Context, ruleset: RuleSet) -> list[LocalCopy]:
    """The local copies of packages' rules."""
    folder = context.settings.rules_folder
    return local_copies(folder, ruleset, partial(rule_text, folder))


def tell_behind(context: Context, ruleset: RuleSet) -> None:
    """Name the copies whose packaged rule has changed since."""
    for each in copies_of(context, ruleset):
        if each.is_behind:
            title = each.rule.text("title", LANG)
            context.output.tell(safe(say("copies.behind", LANG, title=title, rule=each.rule.id)))


def _changed(context: Context, action: str, rule_id: str, after: dict[str, Any]) -> None:
    now = context.clock.now()
    with context.database.write() as session:
        audit.record(session, cli_actor(), action, f"rule:{rule_id}" if rule_id else "rules", now=now, after=after)
        session.merge(Meta(key=VERSION_KEY, value=str(now)))
