"""``kydai rules``: what is in force, what it does, and rules over files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import BadInput, Place, failure
from core.words import say
from detections.lint import Weight, lint
from detections.match import MatchReport, match_files
from detections.rule import Correlation, Effect, Mode, Rule
from detections.rule_kinds import RuleKind, counted, kind_of
from detections.rule_modes import choose
from detections.ruleset import RuleSet, RuleSource, load
from kydai.cli.alerts import level_text
from kydai.cli.main import INCOMPLETE, LANG, WRONG
from kydai.cli.output import safe
from kydai.cli.rules_backtest import backtest
from kydai.cli.rules_convert import convert_rules
from kydai.cli.rules_copies import copy, diff, reload
from kydai.cli.rules_coverage import show_coverage
from kydai.cli.rules_except import except_alert, exceptions, undo
from kydai.cli.rules_hunt import hunt
from kydai.cli.rules_packages import error_document, install, list_packages, remove, rollback, update
from kydai.cli.rules_samples import new, try_rules
from kydai.cli.rules_why import explain_rule, rule_named, rules_of
from kydai.context import Context
from kydai.detector import rule_sources
from kydai.people import cli_actor

rules = typer.Typer(no_args_is_help=True, help=say("cli.rules.help", LANG))
RuleIds = Annotated[list[str], typer.Argument(metavar="RULE...", help=say("cli.rules.ids", LANG))]
Reason = Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))]


def register(app: typer.Typer) -> None:
    app.add_typer(rules, name="rules")


@rules.command("list", help=say("cli.rules.list", LANG))
def list_rules(
    ctx: typer.Context,
    mode: Annotated[Effect | None, typer.Option("--mode", help=say("cli.rules.mode", LANG))] = None,
    kind: Annotated[RuleKind | None, typer.Option("--kind", help=say("kinds.option", LANG))] = None,
    package: Annotated[str | None, typer.Option("--package", help=say("cli.rules.package", LANG))] = None,
    errors: Annotated[bool, typer.Option("--errors", help=say("cli.rules.errors", LANG))] = False,
) -> int:
    context: Context = ctx.obj
    found = rules_of(context)
    if errors:
        _show_errors(context, found)
        return 0
    names = {r.package for r in found.every.values()}
    if package is not None and package not in names:
        raise failure(BadInput, "rules.package.none_of_it", name=package[:100], names=", ".join(sorted(names)))
    chosen = [
        r
        for r in found.every.values()
        if (mode is None or found.effect(r.id) is mode)
        and (kind is None or kind_of(r) is kind)
        and (package is None or r.package == package)
    ]
    if context.output.as_json:
        context.output.lines(rule_document(r, found) for r in chosen)
    else:
        heads = ("level", "rule", "kind", "mode", "package", "file")
        rows = [
            (
                level_text(r.level, LANG),
                r.text("title", LANG),
                say(f"common.kind.{kind_of(r)}", LANG),
                say(f"common.mode.{found.effect(r.id)}", LANG),
                r.package,
                r.file.rpartition("/")[2],
            )
            for r in chosen
        ]
        context.output.table([say(f"cli.column.{c}", LANG) for c in heads], rows, wrap=(1,))
        context.output.tell(say("cli.rules.count", LANG, rules=counted(chosen, LANG), errors=len(found.errors)))
    return INCOMPLETE if found.errors else 0


def rule_document(rule: Rule | Correlation, ruleset: RuleSet) -> dict[str, Any]:
    """A rule or correlation as JSON."""
    document = {} if isinstance(rule, Rule) else rule.document
    return {
        "id": rule.id,
        "kind": kind_of(rule).value,
        "name": rule.name if isinstance(rule, Rule) else str(document.get("name") or ""),
        "title": {lang: rule.text("title", lang) for lang in ("vi", "en")},
        "level": rule.level.value,
        "status": rule.status,
        "mode": ruleset.mode(rule.id).value,
        "effect": ruleset.effect(rule.id).value,
        "package": rule.package,
        "file": rule.file,
        "tags": list(rule.tags if isinstance(rule, Rule) else document.get("tags") or ()),
        "blind": ruleset.blind.get(rule.id),
    }


def _show_errors(context: Context, found: RuleSet) -> None:
    if context.output.as_json:
        context.output.lines(map(error_document, found.errors))
    else:
        for error in found.errors:
            context.output.one(None, safe(error.told(LANG)))
        context.output.tell(say("cli.rules.error_count", LANG, count=len(found.errors)))


def _set(ctx: typer.Context, ids: list[str], mode: Mode, reason: str) -> None:
    context: Context = ctx.obj
    known = rules_of(context)
    wanted = list(dict.fromkeys(rule_named(known, each).id for each in ids))
    with context.database.write() as session:
        now = context.clock.now()
        entries = {rule_id: choose(session, cli_actor(), rule_id, mode, reason, now=now) for rule_id in wanted}
    changed = [str(entry) for entry in entries.values() if entry is not None]
    after = replace(known, modes={**known.modes, **dict.fromkeys(wanted, mode)})
    for rule_id in wanted:
        if rule_id not in ids:
            context.output.tell(safe(f"{rule_id}: {known.every[rule_id].text('title', LANG)}"))
    effects = Counter((after.effect(rule_id), entry is None) for rule_id, entry in entries.items())
    for (effect, is_same), count in effects.items():
        said = "kinds.set_before" if is_same else "cli.rules.set"
        context.output.tell(say(said, LANG, count=count, mode=say(f"common.mode.{effect}", LANG)))
    if any(effect is Effect.CORRELATION for effect, _ in effects):
        context.output.tell(say("common.only_correlation", LANG))
    if changed:
        context.output.tell(say("exceptions.undo_with", LANG, entry=" ".join(changed)))


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
    settings = context.settings
    sources = [RuleSource(p, p.name) for p in paths]
    ruleset = load(sources, placeholders=settings.site.values, cache=settings.cache_folder)
    for error in ruleset.errors:
        context.output.tell(safe(error.told(LANG)))
    report = MatchReport()
    context.output.lines(match_files(ruleset, files, report))
    for bad in report.unreadable:
        context.output.tell(safe(bad.told(LANG)))
    context.output.tell(say("cli.rules.matched", LANG, records=report.records, hits=report.hits))
    return INCOMPLETE if report.unreadable or ruleset.errors else 0


@rules.command("lint", help=say("cli.rules.lint", LANG))
def lint_rules(
    ctx: typer.Context,
    path: Path,
    shared: Annotated[bool, typer.Option("--sigmahq", help=say("convert.sigmahq", LANG))] = False,
) -> int:
    context: Context = ctx.obj
    settings = context.settings
    loaded, findings = lint(
        path,
        in_force=lambda: load(rule_sources(settings.rules_folder), cache=settings.cache_folder),
        placeholders=settings.site.values,
    )
    own = len(findings)
    if shared:
        from detections.sigma_checks import sigma_findings

        findings += sigma_findings(path)
    if context.output.as_json:
        context.output.lines(
            {
                "weight": f.weight,
                "file": f.file,
                "line": f.line,
                "column": f.column,
                "code": f.code,
                "text": f.said["en"],
            }
            for f in findings
        )
    else:
        for number, f in enumerate(findings):
            place = Place(f.file, f.line, f.column)
            weight = say(f"rules.lint.{f.weight}", LANG)
            check = f" [{f.code}]" * (number >= own)  # others switch theirs off by name
            context.output.one(None, safe(f"{place}: {weight}: {f.said[LANG]}{check}"))
        context.output.tell(
            say("cli.rules.linted", LANG, rules=counted(loaded.every.values(), LANG), findings=len(findings))
        )
    return WRONG if any(f.weight is Weight.ERROR for f in findings) else 0


rules.command("install", help=say("cli.rules.install", LANG))(install)
rules.command("update", help=say("cli.rules.update", LANG))(update)
rules.command("remove", help=say("cli.rules.remove", LANG))(remove)
rules.command("rollback", help=say("packages.rollback", LANG))(rollback)
rules.command("packages", help=say("packages.list", LANG))(list_packages)
rules.command("copy", help=say("copies.copy", LANG))(copy)
rules.command("diff", help=say("copies.diff", LANG))(diff)
rules.command("reload", help=say("copies.reload", LANG))(reload)
rules.command("convert", help=say("convert.help", LANG))(convert_rules)
rules.command("coverage", help=say("cli.rules.coverage", LANG))(show_coverage)
rules.command("explain", help=say("why.help", LANG))(explain_rule)
rules.command("test", help=say("samples.help", LANG))(try_rules)
rules.command("new", help=say("samples.new.help", LANG))(new)
rules.command("backtest", help=say("hunts.backtest.help", LANG))(backtest)
rules.command("hunt", help=say("hunts.help", LANG))(hunt)
rules.command("except", help=say("exceptions.except", LANG))(except_alert)
rules.command("undo", help=say("exceptions.undo", LANG))(undo)
rules.add_typer(exceptions, name="exceptions")
