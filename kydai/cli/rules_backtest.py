"""``kydai rules backtest``: what a rule would have done over the past, before it is enabled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from api.joining import Joining, joining
from core import audit
from core.clock import from_micros, iso
from core.store.contract import Span
from core.times import read_past
from core.words import moment, number, say
from detections import exception_book
from detections.alerting import MAX_ROWS_PER_HOUR
from detections.backtest import Backtest
from detections.backtesting import Cost, backtested
from detections.excepted import Excepted
from detections.rule import Rule
from detections.ruleset import RuleSource, load
from enrichment.observables import read_house
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.rules_hunt import chosen, telling, usable
from kydai.cli.rules_why import rules_of
from kydai.cli.search import From, To, confess
from kydai.context import Context
from kydai.detector import rule_sources
from kydai.people import cli_actor

DEFAULT_FROM = "now-30d"
TOP = 5
BAR = 40

RuleOrFile = Annotated[str, typer.Argument(metavar="RULE|FILE", help=say("hunts.rule_or_file", LANG))]


def backtest(ctx: typer.Context, rule: RuleOrFile, start: From = None, end: To = None) -> int:
    context: Context = ctx.obj
    context.need_data()
    now, zone = context.clock.now(), context.settings.zone
    span = Span(*read_past(start or DEFAULT_FROM, end, now, zone))
    rules = _rules(context, rule)
    with context.database.write() as session:  # the entry is committed before the answer
        facts = {"rules": [r.id for r in rules][:TOP], "from": iso(span.start or 0), "to": iso(span.end or 0)}
        audit.record(session, cli_actor(), "rules.backtest", rule[:200], now=now, after=facts)
        excepted = Excepted(exception_book.in_force(session))
    with telling(context, "hunts.backtest.progress") as tell:
        past = backtested(context.store, context.clock, rules, excepted, span, zone, tell)
    for each in past.tests.values():
        with context.database.read() as session:
            joined = joining(session, each.drafts, read_house(session, context.settings.site.shared), now)
        _show(context, each, span, past.costs[each.rule.id], joined)
    status = confess(context, past.truth)
    for found in past.faults:
        context.output.tell(safe(say("hunts.backtest.doubt", LANG, rule=past.tests[found].rule.text("title", LANG))))
    return INCOMPLETE if past.faults else status


def _rules(context: Context, rule: str) -> list[Rule]:
    """A rule in force, or those of a file, to which the filters in force apply. Raises NotFound, BadInput."""
    if not Path(rule).is_file():
        ruleset = rules_of(context)
        return usable(context, ruleset, chosen(ruleset, [rule], None, "hunts.backtest.correlation"))
    settings = context.settings
    tried = RuleSource(Path(rule), "")
    values = settings.site.values
    for error in load([tried], placeholders=values).errors:
        context.output.tell(safe(error.told(LANG)))
    # of two rules of one id the first counts
    loaded = load([tried, *rule_sources(settings.rules_folder)], placeholders=values, cache=settings.cache_folder)
    return usable(context, loaded, [r for r in loaded.every.values() if r.package == ""])


def _show(context: Context, test: Backtest, span: Span, cost: Cost, joined: Joining) -> None:
    out, rule = context.output, test.rule
    days = {day: test.days[day] for day in _days(span, test.zone)}
    if out.as_json:
        out.one(_document(test, span, days, cost) | _joins(joined))
        return
    assert span.start is not None
    assert span.end is not None
    ends = {"start": moment(span.start, LANG, test.zone), "end": moment(span.end, LANG, test.zone)}
    told = {"hits": test.hits, "alerts": test.alerts, "busiest": test.busiest}
    out.one(None, safe(say("hunts.backtest.sum", LANG, title=rule.text("title", LANG), **ends, **told)))
    if test.taken:
        out.one(None, say("hunts.backtest.taken", LANG, count=test.taken))
    if cost.micros is not None:
        shown = number(cost.micros, LANG)
        out.one(None, say("hunts.backtest.cost", LANG, micros=shown, count=cost.events))
    if test.would_stop:
        out.one(None, say("hunts.backtest.would_stop", LANG, count=MAX_ROWS_PER_HOUR))
    if not test.hits:
        return
    most = max(days.values())
    heads = [say(f"hunts.backtest.{c}", LANG) for c in ("day", "hits")]
    out.table([*heads, ""], [(day, number(n, LANG), "█" * -(-n * BAR // most)) for day, n in days.items()], right=(1,))
    heads = [say(f"hunts.backtest.{c}", LANG) for c in ("what", "value", "hits")]
    out.table(heads, [(what, value, number(n, LANG)) for what, value, n in _top(test)], right=(2,), wrap=(1,))
    found = joined.incidents
    told = {"looked": joined.alerts, "alerts": sum(each.alerts for each in found), "incidents": len(found)}
    out.one(None, say("hunts.backtest.joins", LANG, **told))
    if found:
        heads = [say(f"hunts.backtest.{c}", LANG) for c in ("incident", "alerts", "shared")]
        rows = [(e.number, number(e.alerts, LANG), ", ".join([*e.shared][:TOP]), e.title.get(LANG, "")) for e in found]
        out.table([*heads, ""], rows[: 2 * TOP], right=(1,), wrap=(2, 3))
        out.cut(len(rows[: 2 * TOP]), len(rows))


def _joins(joined: Joining) -> dict[str, Any]:
    incidents = [
        {"number": e.number, "title": dict(e.title), "alerts": e.alerts, "shared": list(e.shared)}
        for e in joined.incidents
    ]
    return {"alerts_looked_up": joined.alerts, "incidents": incidents}


def _top(test: Backtest) -> Iterator[tuple[str, str, int]]:
    for what, counts in (("host", test.hosts), ("user", test.users)):
        for value, count in counts.most_common(TOP):
            yield say(f"hunts.hit.{what}", LANG), value, count
    for (name, value), count in test.values.most_common(2 * TOP):
        yield name, value, count


def _days(span: Span, zone: str) -> Iterator[str]:
    assert span.start is not None
    assert span.end is not None
    day, last = from_micros(span.start, zone).date(), from_micros(span.end - 1, zone).date()
    while day <= last:
        yield day.isoformat()
        day += timedelta(days=1)


def _document(test: Backtest, span: Span, days: dict[str, int], cost: Cost) -> dict[str, Any]:
    assert span.start is not None
    assert span.end is not None
    return {
        "rule": test.rule.id,
        "title": test.rule.title,
        "from": iso(span.start),
        "to": iso(span.end),
        "hits": test.hits,
        "taken_by_exceptions": test.taken,
        "days": days,
        "hosts": dict(test.hosts.most_common(TOP)),
        "users": dict(test.users.most_common(TOP)),
        "values": [{"field": f, "value": v, "hits": n} for (f, v), n in test.values.most_common(2 * TOP)],
        "alerts": test.alerts,
        "alerts_in_busiest_hour": test.busiest,
        "would_be_suspended": test.would_stop,
        "cpu_microseconds_an_event": None if cost.micros is None else round(cost.micros, 2),
        "events_measured": cost.events,
    }
