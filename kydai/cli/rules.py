"""``kydai rules``: what is in force, what it does, and rules over files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from core import audit
from core.db.models import Meta, RuleMode
from core.errors import NotFound
from core.words import say
from detections.match import MatchReport, match_files
from detections.rule import Mode, Rule
from detections.ruleset import RuleSet, RuleSource, load
from kydai.cli.alerts import level_text
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.detector import load_rules
from kydai.people import cli_actor

rules = typer.Typer(no_args_is_help=True, help=say("cli.rules.help", LANG))
RuleIds = Annotated[list[str], typer.Argument(metavar="RULE...", help=say("cli.rules.ids", LANG))]
Reason = Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))]


def register(app: typer.Typer) -> None:
    app.add_typer(rules, name="rules")


def rules_of(context: Context) -> RuleSet:
    """The rule set of the data folder."""
    with context.database.read() as session:
        return load_rules(context.settings, session)


@rules.command("list", help=say("cli.rules.list", LANG))
def list_rules(
    ctx: typer.Context,
    mode: Annotated[Mode | None, typer.Option("--mode", help=say("cli.rules.mode", LANG))] = None,
    package: Annotated[str | None, typer.Option("--package", help=say("cli.rules.package", LANG))] = None,
    errors: Annotated[bool, typer.Option("--errors", help=say("cli.rules.errors", LANG))] = False,
) -> int:
    context: Context = ctx.obj
    found = rules_of(context)
    if errors:
        _show_errors(context, found)
        return 0
    chosen = [
        r
        for r in found.rules
        if (mode is None or found.mode(r.id) is mode) and (package is None or r.package == package)
    ]
    if context.output.as_json:
        context.output.lines(rule_document(r, found) for r in chosen)
    else:
        heads = ("level", "title", "mode", "package", "file")
        rows = [
            (
                level_text(r.level, LANG),
                r.text("title", LANG),
                say(f"common.mode.{found.mode(r.id)}", LANG),
                r.package,
                r.file.rpartition("/")[2],
            )
            for r in chosen
        ]
        context.output.table([say(f"cli.column.{c}", LANG) for c in heads], rows, wrap=(1,))
        context.output.tell(say("cli.rules.count", LANG, count=len(chosen), errors=len(found.errors)))
    return INCOMPLETE if found.errors else 0


def rule_document(rule: Rule, ruleset: RuleSet) -> dict[str, Any]:
    """A rule as JSON."""
    return {
        "id": rule.id,
        "name": rule.name,
        "title": {lang: rule.text("title", lang) for lang in ("vi", "en")},
        "level": rule.level.value,
        "status": rule.status,
        "mode": ruleset.mode(rule.id).value,
        "package": rule.package,
        "file": rule.file,
        "tags": list(rule.tags),
        "blind": ruleset.blind.get(rule.id),
    }


def _show_errors(context: Context, found: RuleSet) -> None:
    if context.output.as_json:
        context.output.lines({"file": e.file, "line": e.line, "reason": e.reason} for e in found.errors)
    else:
        for error in found.errors:
            context.output.one(None, safe(str(error)))
        context.output.tell(say("cli.rules.error_count", LANG, count=len(found.errors)))


def change_mode(session: Session, actor: audit.Actor, rule_id: str, mode: Mode, reason: str, now: int) -> None:
    """A person's choice of mode, with its journal entry; pipelines take it up within a second."""
    row = session.get(RuleMode, rule_id)
    before = {"mode": row.mode} if row is not None else None
    session.merge(RuleMode(rule_id=rule_id, mode=mode, reason=reason, by=actor.name, at=now))
    audit.record(
        session,
        actor,
        "rule.mode",
        f"rule:{rule_id}",
        now=now,
        before=before,
        after={"mode": mode.value},
        reason=reason,
    )
    session.merge(Meta(key="rules", value=str(now)))


def _set(ctx: typer.Context, ids: list[str], mode: Mode, reason: str) -> None:
    context: Context = ctx.obj
    known = rules_of(context)
    names = {r.name: r.id for r in known.rules if r.name}
    wanted = [names.get(i, i) for i in ids]
    for rule_id in wanted:
        if rule_id not in known.by_id:
            raise NotFound(say("cli.rules.unknown", LANG, id=rule_id[:100]))
    with context.database.write() as session:
        for rule_id in wanted:
            change_mode(session, cli_actor(), rule_id, mode, reason, context.clock.now())
    context.output.tell(say("cli.rules.set", LANG, count=len(wanted), mode=say(f"common.mode.{mode}", LANG)))


@rules.command("enable", help=say("cli.rules.enable", LANG))
def enable(ctx: typer.Context, ids: RuleIds, reason: Reason = "") -> None:
    _set(ctx, ids, Mode.ALERT, reason)


@rules.command("record", help=say("cli.rules.record", LANG))
def record(ctx: typer.Context, ids: RuleIds, reason: Reason = "") -> None:
    _set(ctx, ids, Mode.RECORD, reason)


@rules.command("disable", help=say("cli.rules.disable", LANG))
def disable(ctx: typer.Context, ids: RuleIds, reason: Reason = "") -> None:
    _set(ctx, ids, Mode.DISABLED, reason)


@rules.command("match", help=say("cli.rules.match", LANG))
def match(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    paths: Annotated[list[Path], typer.Option("--rules", metavar="PATH", help=say("cli.rules.paths", LANG))],
) -> int:
    context: Context = ctx.obj
    ruleset = load([RuleSource(p, p.name) for p in paths])
    for error in ruleset.errors:
        context.output.tell(safe(str(error)))
    report = MatchReport()
    context.output.lines(match_files(ruleset, files, report))
    for bad in report.unreadable:
        context.output.tell(safe(str(bad)))
    context.output.tell(say("cli.rules.matched", LANG, records=report.records, hits=report.hits))
    return INCOMPLETE if report.unreadable or ruleset.errors else 0
