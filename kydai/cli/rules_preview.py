"""What becomes of the rules in force before a package is put in its place: shown, and counted over the past."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.clock import hour_of, iso
from core.store.contract import Span
from core.times import read_past
from core.words import moment, number, say
from detections.coverage import State
from detections.package_outlook import House, Outlook, outlook
from detections.package_preview import Kind
from detections.package_records import Package
from detections.rule import Correlation, Rule
from detections.ruleset import RuleSet
from kydai.cli.alerts import level_text
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.rules_hunt import telling
from kydai.cli.search import confess
from kydai.context import Context
from kydai.covering import coverage_of
from kydai.detector import load_rules

DEFAULT_FROM = "now-7d"
SHOWN = 30
"""Rows of a table for people; ``--json`` has all."""


def preview(
    context: Context,
    before: RuleSet,
    package: Package,
    folder: Path | None,
    start: str,
    end: str | None,
    *,
    seconds: float | None = None,
) -> int:
    """Show what would change with a folder in the place of a package (None: with nothing); 3 when the alerts could not
    be counted whole. Nothing is changed. ``seconds`` bound the look into the past."""
    now = context.clock.now()
    first, last = read_past(start, end, now, context.settings.zone)
    with context.database.read() as session:
        after = load_rules(context.settings, session, {package.name: folder})
    house = House(context.database, context.store, context.clock, coverage_of)
    with telling(context, "hunts.backtest.progress") as tell:
        shown = outlook(house, before, after, Span(hour_of(first), last), tell, seconds)
    if shown.truth is not None:
        confess(context, shown.truth)
    if context.output.as_json:
        context.output.one(_document(shown, package.name))
    else:
        _show(context, shown, package, is_removal=folder is None)
    return 0 if shown.is_whole else INCOMPLETE


# --- for people --------------------------------------------------------------------------------------------


def _show(context: Context, shown: Outlook, package: Package, *, is_removal: bool) -> None:
    out, found = context.output, shown.found
    kinds = Counter(kind for each in found.changed for kind in each.kinds)
    counts = {kind.value: kinds[kind] for kind in Kind}
    lists = {"added": len(found.added), "removed": len(found.removed), "changed": len(found.changed)}
    out.one(None, say("packages.sum", LANG, name=package.name, **lists, **counts))
    if shown.held:
        out.one(None, say("packages.held", LANG, count=len(shown.held)))
    for rule in shown.held[:SHOWN]:
        out.one(None, safe(f"  {rule.text('title', LANG)}"))
    if found.is_nothing:
        return
    rows = list(_rows(shown))
    heads = [say(f"packages.column.{c}", LANG) for c in ("change", "level", "rule", "what", "more", "fewer")]
    out.table(heads, rows[:SHOWN], right=(4, 5), wrap=(2, 3))
    if len(rows) > SHOWN:
        out.tell(say("packages.cut", LANG, shown=SHOWN, count=len(rows)))
    if shown.states:
        out.one(None, say("packages.new_here", LANG, **{state.value: shown.states[state.value] for state in State}))
    if shown.blind:
        out.one(None, say("packages.blind", LANG, count=len(shown.blind)))
    for each in shown.blind[:SHOWN]:
        title = shown.after.every[each.rule].text("title", LANG)
        out.one(None, safe(f"  {title}: {each.reason.get(LANG, '')}"))
    _show_alerts(context, shown)
    out.tell(
        say("packages.again", LANG, command=_command(package, Span(shown.asked, shown.end), is_removal=is_removal))
    )


def _show_alerts(context: Context, shown: Outlook) -> None:
    out, zone = context.output, context.settings.zone
    ends = {"start": moment(shown.start, LANG, zone), "end": moment(shown.end, LANG, zone)}
    told = {"more": number(shown.more, LANG), "fewer": number(shown.fewer, LANG)}
    out.one(None, say("packages.alerts", LANG, **ends, **told))
    if shown.is_shortened:
        out.tell(say("packages.shortened", LANG, start=moment(shown.asked, LANG, zone)))
    if shown.shortened:
        since = moment(max(each.since for each in shown.shortened), LANG, zone)
        out.tell(say("packages.correlated_since", LANG, count=len(shown.shortened), start=since))
    if shown.uncounted:
        out.one(None, say("packages.uncounted", LANG, count=len(shown.uncounted)))
    for each in shown.doubtful:
        out.tell(safe(say("hunts.backtest.doubt", LANG, rule=shown.after.every[each].text("title", LANG))))
    for cut in (each for each in shown.alerts.values() if each.is_cut):
        out.tell(safe(say("packages.at_least", LANG, rule=cut.rule.text("title", LANG), count=cut.more)))


def _rows(shown: Outlook) -> Iterable[tuple[object, ...]]:
    """Those that change most alerts first, then by weight."""
    every: list[tuple[str, Rule | Correlation, str]] = []
    for how, rules in (("added", shown.found.added), ("removed", shown.found.removed)):
        every += [(how, each, "") for each in rules]
    for changed in shown.found.changed:
        what = ", ".join(say(f"packages.kind.{kind}", LANG) for kind in changed.kinds)
        every.append(("changed", changed.after, what))
    every += [("carried", each, "") for each in shown.carried]
    for how, rule, what in sorted(every, key=lambda row: shown.weight(row[1])):
        alerts = shown.alerts.get(rule.id)
        counts = (number(alerts.more, LANG), number(alerts.fewer, LANG)) if alerts else ("", "")
        title = rule.text("title", LANG)
        yield say(f"packages.{how}", LANG), level_text(rule.level, LANG), title, what, *counts


def _command(package: Package, span: Span, *, is_removal: bool) -> str:
    """The same again, over the same time."""
    assert span.start is not None
    assert span.end is not None
    put = ["install", package.origin, "--name", package.name, "--sha256", package.sha256]
    what = ["remove", package.name] if is_removal else put
    return shlex.join(["kydai", "rules", *what, "--preview", "--from", iso(span.start), "--to", iso(span.end)])


# --- for programs ------------------------------------------------------------------------------------------


def _document(shown: Outlook, name: str) -> dict[str, Any]:
    changed = [_row(shown, each.after) | {"kinds": [k.value for k in each.kinds]} for each in shown.found.changed]
    return {
        "name": name,
        "added": [_row(shown, each) for each in shown.found.added],
        "removed": [_row(shown, each) for each in shown.found.removed],
        "changed": changed,
        "under_local_copies": [_row(shown, each) for each in shown.held],
        "new_rules": dict(shown.states),
        "gone_blind": [{"rule": each.rule, "state": each.state.value, "reason": each.reason} for each in shown.blind],
        "from": iso(shown.start),
        "to": iso(shown.end),
        "alerts_more": shown.more,
        "alerts_fewer": shown.fewer,
        "carried": [_row(shown, each) for each in shown.carried],
        "correlations_counted_since": {each.rule.id: iso(each.since) for each in shown.shortened},
        "correlations_not_counted": [each.id for each in shown.uncounted],
        "doubtful": shown.doubtful,
        "asked_from": iso(shown.asked),
        "complete": shown.is_whole,
    }


def _row(shown: Outlook, rule: Rule | Correlation) -> dict[str, Any]:
    alerts = shown.alerts.get(rule.id)
    counts = {"more": alerts.more, "fewer": alerts.fewer, "is_cut": alerts.is_cut} if alerts else {}
    return {"id": rule.id, "title": rule.title, "level": rule.level.value} | counts
