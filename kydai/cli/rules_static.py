"""``kydai rules coverage --static``: whether the fields of each rule are mapped to what our parsers fill."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from core.words import number, say
from detections.ruleset import RuleSet
from detections.static_coverage import Standing, Static, static_coverage
from kydai.cli.alerts import level_text
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.rules_why import rule_named
from kydai.context import Context


def show_static(context: Context, found: RuleSet, rule: str | None, *, only_count: bool) -> None:
    """Print the standing of each rule, of those that are mapped only their number."""
    chosen = static_coverage(found.rules)
    if rule is not None:
        wanted = rule_named(found, rule).id
        chosen = [each for each in chosen if each.rule == wanted]
    counts = Counter(each.standing for each in chosen)
    if only_count:
        context.output.one({each.value: counts[each] for each in Standing}, number(len(chosen), LANG))
    elif context.output.as_json:
        context.output.lines(asdict(each) for each in chosen)
    else:
        shown = [each for each in chosen if rule is not None or each.standing is not Standing.MAPPED]
        heads = ("level", "rule", "coverage", "reason")
        rows = [
            (
                level_text(found.every[each.rule].level, LANG),
                found.every[each.rule].text("title", LANG),
                say(f"static.standing.{each.standing}", LANG),
                safe(_why(each)),
            )
            for each in shown
        ]
        context.output.table([say(f"cli.column.{head}", LANG) for head in heads], rows, wrap=(1, 3))
        context.output.tell(say("static.count", LANG, **{each.value: counts[each] for each in Standing}))


def _why(found: Static) -> str:
    if found.standing is Standing.MAPPED:
        return ""
    why = say(f"static.why.{found.standing}", LANG, source=found.source, names=", ".join(found.missing))
    return f"{why}\n{found.remedy[LANG]}"
