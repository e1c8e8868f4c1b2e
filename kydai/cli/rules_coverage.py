"""``kydai rules coverage``: whether each rule can fire here, on which hosts, and what to switch on."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from core.errors import BadInput, failure
from core.words import number, say
from detections.coverage import Coverage, State
from detections.rule import LEVELS
from detections.ruleset import RuleSet
from kydai.cli.alerts import level_text
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.rules_static import show_static
from kydai.cli.rules_why import rule_named
from kydai.context import Context
from kydai.covering import coverage_of
from kydai.detector import load_rules
from kydai.seen import seen_of

_WORST = (State.BLIND, State.PARTLY_BLIND, State.UNPROVEN, State.LIVE, State.NOT_HERE, State.DISABLED)


def show_coverage(
    ctx: typer.Context,
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help=say("cli.rules.coverage_rule", LANG))] = None,
    state: Annotated[list[State] | None, typer.Option("--state", help=say("cli.rules.coverage_state", LANG))] = None,
    count: Annotated[bool, typer.Option("--count", help=say("cli.rules.coverage_only_count", LANG))] = False,
    static: Annotated[bool, typer.Option("--static", help=say("static.help", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    if static and state:
        raise failure(BadInput, "static.not_with")
    with context.database.read() as session:
        now = context.clock.now()
        found = load_rules(context.settings, session)
        if static:
            show_static(context, found, rule, only_count=count)
            return
        seen = seen_of(session, now)
        states = coverage_of(found, session, now)
    if rule is not None:
        wanted = rule_named(found, rule).id
        states = [c for c in states if c.rule == wanted]
    hidden = set() if state or rule is not None or context.output.as_json else {State.NOT_HERE}
    chosen = [c for c in states if (c.state in state if state else c.state not in hidden)]
    other = {"other_events": seen.other}
    if count:
        context.output.one({"count": len(chosen)} | other, number(len(chosen), LANG))
    elif context.output.as_json:
        context.output.lines(asdict(c) | other for c in chosen)
    else:
        _show(context, found, chosen)
        if hidden:
            context.output.tell(say("kinds.coverage_left", LANG, state=State.NOT_HERE.value))
        counts = Counter(c.state for c in states)
        context.output.tell(say("cli.rules.coverage_count", LANG, **{s.value: counts[s] for s in State}))
    if seen.other:
        context.output.tell(say("cli.rules.coverage_other", LANG, count=seen.other))


def _show(context: Context, found: RuleSet, chosen: list[Coverage]) -> None:
    """What is worst first, and of that what one remedy mends for most rules, which stands with the first of them."""
    shared = Counter(map(_remedy, chosen))

    def place(each: Coverage) -> tuple[int, bool, int, str, int]:
        remedy, level = _remedy(each), found.every[each.rule].level
        return _WORST.index(each.state), not remedy[1], -shared[remedy], remedy[1], -LEVELS.index(level)

    rows, told = [], set()
    for c in sorted(chosen, key=place):
        rule, remedy = found.every[c.rule], _remedy(c)
        lines = (_why(c), "" if remedy in told else remedy[1])
        why = safe("\n".join(filter(None, lines)))
        rows.append((level_text(rule.level, LANG), rule.text("title", LANG), state_text(c), why))
        told.add(remedy)
    if not rows:
        return
    heads = ("level", "rule", "coverage", "reason")
    context.output.table([say(f"cli.column.{c}", LANG) for c in heads], rows, wrap=(1, 3))


def _remedy(found: Coverage) -> tuple[State, str]:
    return found.state, found.remedy.get(LANG, "")


def _why(found: Coverage) -> str:
    """The reason without the state, which stands beside it."""
    reason = found.reason.get(LANG, "")
    head, _, why = reason.partition(": ")
    return why if head.startswith(say(f"common.coverage.{found.state}", LANG)) else reason


def state_text(found: Coverage) -> str:
    """``partly blind 3/5``: on so many it cannot fire. ``live 3/5``: so many sent what it needs, others were quiet."""
    if found.state is State.DISABLED:
        return say("common.mode.disabled", LANG)
    shown = say(f"common.coverage.{found.state}", LANG)
    if found.state is State.PARTLY_BLIND:
        return f"{shown} {len(found.blind_hosts)}/{found.hosts}"
    if found.state is State.LIVE and found.seeing_hosts < found.hosts:
        return f"{shown} {found.seeing_hosts}/{found.hosts}"
    return shown
