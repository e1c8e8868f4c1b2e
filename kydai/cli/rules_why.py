"""``kydai rules explain``: why a rule matches an event, or what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from core.clock import iso
from core.errors import BadInput, NotFound, Place, failure
from core.event import parse_event_id
from core.store.finding import only
from core.words import LANGUAGES, moment, say
from detections.binding import Record
from detections.correlation import Hit
from detections.correlation_rules import resolve
from detections.explain import explain, lookup
from detections.match import Matcher
from detections.record_files import records
from detections.rule import Correlation, Effect, Rule
from detections.ruleset import RuleSet
from detections.shapes import shaped, time_of
from detections.spelling import hinted, near
from detections.why_correlation import found_of, missing
from detections.why_not import Cause, Miss, asked_text, filters_of, why_not
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.detector import load_rules

_NAMED = 10
"""Of several rules that may be meant, so many are named."""
_ASKED = 3
"""Of a list of values that a field may have, so many are shown."""


def explain_rule(
    ctx: typer.Context,
    rule: Annotated[str, typer.Option("--rule", metavar="RULE", help=say("why.option.rule", LANG))],
    event: Annotated[str, typer.Option("--event", metavar="FILE|ID", help=say("why.option.event", LANG))],
) -> int:
    context: Context = ctx.obj
    ruleset = rules_of(context)
    found = rule_named(ruleset, rule)
    unreadable: list[BadInput] = []
    events = _events(context, event, unreadable)
    if isinstance(found, Correlation):
        _correlation(context, ruleset, found, events)
    else:
        told = _Told(context, ruleset, found)
        for name, record in events:
            told.take(name, record)
        told.end()
    for error in unreadable:
        context.output.tell(safe(error.told(LANG)))
    return INCOMPLETE if unreadable else 0


def rules_of(context: Context) -> RuleSet:
    """The rule set of the data folder."""
    with context.database.read() as session:
        return load_rules(context.settings, session)


def rule_named(ruleset: RuleSet, text: str) -> Rule | Correlation:
    """A rule by its id, name, file, title in either language, or a part of one that no other has. Raises NotFound with
    the nearest names, or BadInput when several are meant."""
    if text in ruleset.every:
        return ruleset.every[text]
    low = text.casefold()
    names = {each.id: _names(each) for each in ruleset.every.values()}
    found = (
        [rule for rule, own in names.items() if any(low == name.casefold() for name in own)]
        or [each.id for each in ruleset.every.values() if _is_of(each.file, text)]
        or [rule for rule, own in names.items() if any(low in name.casefold() for name in own[2:])]
    )
    if len(found) > 1 or not low:
        named = sorted(found)[:_NAMED]
        lines = {lang: "".join(map(partial(_line, ruleset, lang), named)) for lang in LANGUAGES}
        raise failure(BadInput, "why.several", title=text[:100], count=len(found), rules=lines)
    if not found:
        known = {name for own in names.values() for name in own[1:] if name}
        raise hinted(failure(NotFound, "cli.rules.unknown", id=text[:100]), near(text, known))
    return ruleset.every[found[0]]


def _line(ruleset: RuleSet, lang: str, rule_id: str) -> str:
    return safe(f"\n  {rule_id}  {ruleset.every[rule_id].text('title', lang)}")


def _is_of(file: str, text: str) -> bool:
    """Whether a path as it was typed is that of a rule's file, be it longer or shorter than it is kept."""
    if not text.endswith((".yml", ".yaml")):
        return False
    kept, typed = f"/{file}", "/" + text.removeprefix("./").lstrip("/")
    return kept.endswith(typed) or typed.endswith(kept)


def _names(rule: Rule | Correlation) -> tuple[str, ...]:
    name = rule.name if isinstance(rule, Rule) else str(rule.document.get("name") or "")
    return (rule.id, name, rule.title, rule.text("title", "vi"), rule.text("title", "en"))


def _events(context: Context, text: str, unreadable: list[BadInput]) -> Iterator[tuple[str, Record]]:
    """(event id or number in the file, flat event)."""
    try:
        event_id = parse_event_id(text)
    except BadInput:
        path = Path(text)
        if not path.exists():
            raise failure(BadInput, "why.no_event", place=Place(text[:100])) from None
        for number, record in enumerate(records(path)):
            if isinstance(record, BadInput):
                unreadable.append(record)
            else:
                yield str(number), shaped(record)[1]
        return
    context.need_data()
    yield text, only(context.store.get([event_id]), text)


def _correlation(
    context: Context, ruleset: RuleSet, correlation: Correlation, events: Iterator[tuple[str, Record]]
) -> None:
    """Where a correlation fires over events, or the parts that it lacks."""
    patterns = resolve(ruleset.rules, ruleset.correlations)
    if (unusable := patterns.unusable.get(correlation.id)) is not None:
        raise failure(BadInput, "why.unusable", why={lang: unusable.told(lang) for lang in LANGUAGES})
    pattern = patterns.by_id[correlation.id]
    matcher = Matcher(ruleset, context.clock)
    hits: list[Hit] = []
    count = without_time = 0
    for name, event in events:
        count += 1
        ((flat, rules),) = matcher.judge([event])
        at = time_of(flat)
        without_time += at is None
        if at is not None and rules:
            hits.append(Hit(flat, rules, at, name))

    def value(event: Record, rule: str, name: str) -> Any:
        return lookup(ruleset.by_id[rule], event, name) if rule in ruleset.by_id else event.get(name)

    found = found_of(pattern, patterns, hits, value)
    lacks = [] if found else list(missing(pattern, patterns, hits, ruleset.every, value))
    out, title = context.output, correlation.text("title", LANG)
    if out.as_json:
        fired = [{"group": list(each.group), "time": iso(each.time), "events": list(each.ids)} for each in found]
        out.one({"rule": correlation.id, "events": count, "matched": fired, "missing": lacks})
    elif found:
        out.tell(say("why.corr.fires", LANG, title=title))
        rows = [(", ".join(each.group), moment(each.time, LANG), ", ".join(each.ids)) for each in found]
        out.table([say(f"why.corr.{c}", LANG) for c in ("group", "time", "events")], rows, wrap=(2,))
    else:
        out.tell(say("why.corr.silent", LANG, title=title, count=count))
        for text in lacks:
            out.one(None, safe(text[LANG]))
    if without_time:
        out.tell(say("why.corr.no_time", LANG, count=without_time))


class _Told:
    """Says of each event, as JSON, why it matches or not; to a person of the first that does, else of the nearest."""

    def __init__(self, context: Context, ruleset: RuleSet, rule: Rule) -> None:
        self.output = context.output
        self.ruleset = ruleset
        self.rule = rule
        self.title = rule.text("title", LANG)
        self.count = self.matched = 0
        self.first: tuple[str, Record] | None = None
        self.nearest: tuple[str, Miss] | None = None

    def take(self, name: str, event: Record) -> None:
        self.count += 1
        miss = why_not(self.rule, event)
        self.matched += miss is None
        if self.output.as_json:
            self.output.lines([self._document(name, event, miss)])
        elif miss is None:
            self.first = self.first or (name, event)
        elif self.nearest is None or _far(miss) < _far(self.nearest[1]):
            self.nearest = (name, miss)

    def _document(self, name: str, event: Record, miss: Miss | None) -> dict[str, Any]:
        effect = "blind" if self.rule.id in self.ruleset.blind else self.ruleset.effect(self.rule.id).value
        told: dict[str, Any] = {"rule": self.rule.id, "event": name, "effect": effect, "matched": []}
        if miss is not None:
            return told | {"missed": miss.document()}
        return told | {"matched": explain(self.rule, event), "filters": filters_of(self.rule)}

    def end(self) -> None:
        if self.output.as_json:
            return
        if self.count != 1:
            self.output.tell(say("why.counted", LANG, count=self.count, matched=self.matched))
        if self.first is not None:
            self._show_match(*self.first)
        elif self.nearest is not None:
            self._show_miss(*self.nearest)
        if self.rule.id in self.ruleset.blind:
            self.output.tell(say("why.blind", LANG, why=self.ruleset.blind[self.rule.id]))
        elif (effect := self.ruleset.effect(self.rule.id)) is not Effect.ALERT:
            self.output.tell(say("why.effect", LANG, mode=say(f"common.mode.{effect}", LANG)))

    def _show_match(self, name: str, event: Record) -> None:
        self.output.tell(say("why.matches", LANG, title=self.title, event=name))
        rows = [
            (reason["selection"], reason["field"], _value(reason["value"]), self._place(reason["line"]))
            for reason in explain(self.rule, event)
        ]
        self.output.table(
            [say(f"why.column.{c}", LANG) for c in ("selection", "field", "has", "line")], rows, wrap=(2,)
        )
        if filters := filters_of(self.rule):
            self.output.tell(say("why.filters", LANG, names=", ".join(filters)))

    def _show_miss(self, name: str, miss: Miss) -> None:
        if not miss.causes:
            self._show_source(name, miss)
            return
        self.output.tell(say("why.misses", LANG, title=self.title, event=name))
        rows = [
            (
                (cause.selection or say("why.source", LANG)) + " *" * cause.is_choice,
                cause.field or say("why.any_text", LANG),
                ", ".join(map(_value, cause.has)) or _value(None),
                _asked(cause),
                self._place(cause.line),
            )
            for cause in miss.causes
        ]
        heads = [say(f"why.column.{c}", LANG) for c in ("selection", "field", "has", "asked", "line")]
        self.output.table(heads, rows, wrap=(2, 3))
        if any(cause.is_choice for cause in miss.causes):
            self.output.tell(say("why.choice", LANG))

    def _show_source(self, name: str, miss: Miss) -> None:
        self.output.tell(say("why.other_source", LANG, title=self.title, event=name))
        seen = ", ".join(f"{field}: {value}" for field, value in miss.event.items())
        rows = [(say("why.wanted", LANG), wanted) for wanted in miss.wanted or (say("why.no_source", LANG),)]
        self.output.table(("", ""), [*rows, (say("why.seen", LANG), seen or say("why.says_nothing", LANG))], wrap=(1,))

    def _place(self, line: int | None) -> str:
        return str(Place(self.rule.file, line)) if line else ""


def _far(miss: Miss) -> tuple[bool, int]:
    return not miss.causes, len(miss.causes)


def _value(value: str | None) -> str:
    return say("why.missing", LANG) if value is None else safe(value) or "“”"


def _asked(cause: Cause) -> str:
    shown = [asked_text(each)[LANG] for each in cause.asked[:_ASKED]]
    if len(cause.asked) > _ASKED:
        shown.append(say("why.more", LANG, count=len(cause.asked) - _ASKED))
    told = safe("; ".join(shown))
    return say("why.excluded", LANG, asked=told) if cause.is_excluded else told
