"""``kydai rules hunt``: rules over the events that are stored, portion by portion."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any

import msgspec
import orjson
import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from core import audit
from core.clock import Micros, iso, to_micros
from core.errors import BadInput, KydaiError, Refused, failure
from core.event import new_ulid
from core.store.telling import Counting, TellCount
from core.times import read_past
from core.words import moment, number, say
from detections.exception_offer import not_alone
from detections.hunting import Hunter
from detections.rule import Correlation, Rule
from detections.ruleset import RuleSet
from kydai.cli.alerts import level_text
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import placing, safe
from kydai.cli.rules_why import rule_named, rules_of
from kydai.cli.search import From, OutFile, To, confess
from kydai.context import Context
from kydai.hunts import Asked, Found, HuntFile, all_hunts, hunt_file, make, rules_print
from kydai.people import cli_actor

DEFAULT_FROM = "now-7d"
SHOWN = 100
"""Hits in a table; a file gets all."""
NAMED = 20
"""Rules that the journal's entry names."""

RuleIds = Annotated[list[str] | None, typer.Argument(metavar="[RULE...]", help=say("hunts.rules", LANG))]
Package = Annotated[str | None, typer.Option("--package", help=say("hunts.package", LANG))]
Resume = Annotated[str | None, typer.Option("--resume", metavar="ID", help=say("hunts.resume", LANG))]


def hunt(
    ctx: typer.Context,
    ids: RuleIds = None,
    package: Package = None,
    start: From = None,
    end: To = None,
    resume: Resume = None,
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    folder = context.settings.hunts_folder
    if resume is not None:
        if ids or package or start or end:
            raise failure(BadInput, "hunts.resume_alone")
        found = hunt_file(folder, resume)
    elif not ids and not package:
        return _list(context)
    else:
        found = _begin(context, ids or [], package, start or DEFAULT_FROM, end)
    ruleset = rules_of(context)
    if not found.is_done:
        _go_on(context, found, ruleset)
    return _show(context, found, ruleset, output)


def _begin(context: Context, ids: Sequence[str], package: str | None, start: str, end: str | None) -> HuntFile:
    now, zone = context.clock.now(), context.settings.zone
    first, last = read_past(start, end, now, zone)
    ruleset = rules_of(context)
    rules = usable(context, ruleset, chosen(ruleset, ids, package))
    actor = cli_actor()
    title = rules[0].title if len(rules) == 1 else (package or "")
    asked = Asked(
        new_ulid(now).lower(), tuple(r.id for r in rules), title, first, last, rules_print(rules), now, actor.name
    )
    with context.database.write() as session:  # the entry is committed before the answer
        facts = {"rules": list(asked.rules[:NAMED]), "count": len(rules), "from": iso(first), "to": iso(last)}
        audit.record(session, actor, "rules.hunt", f"hunt:{asked.id}", now=now, after=facts)
    return make(context.settings.hunts_folder, asked)


def chosen(
    ruleset: RuleSet, ids: Sequence[str], package: str | None, refused: str = "hunts.correlation"
) -> list[Rule | Correlation]:
    """The rules that a command line names. Raises NotFound, or BadInput (``refused``: its words) for a correlation."""
    found: dict[str, Rule | Correlation] = {}
    for each in ids:
        known = rule_named(ruleset, each)
        if isinstance(known, Correlation):
            raise not_alone(ruleset, known, refused)
        found[known.id] = known
    if package is not None:
        of_it = {r.id: r for r in ruleset.every.values() if r.package == package}
        if not of_it:
            packages = ", ".join(sorted({r.package for r in ruleset.every.values()}))
            raise failure(BadInput, "rules.package.none_of_it", name=package[:100], names=packages)
        found |= of_it
    return list(found.values())


def usable(context: Context, ruleset: RuleSet, wanted: Collection[Rule | Correlation]) -> list[Rule]:
    """Those that can match an event by themselves; what is left out is told. Raises BadInput when none is left."""
    rules = [r for r in wanted if isinstance(r, Rule) and r.id not in ruleset.blind]
    if correlations := sum(isinstance(r, Correlation) for r in wanted):
        context.output.tell(say("hunts.correlations", LANG, count=correlations))
    if blind := [r for r in wanted if r.id in ruleset.blind]:
        shown = "; ".join(f"{r.title}: {ruleset.blind[r.id][LANG]}" for r in blind[:3])
        context.output.tell(safe(say("hunts.blind", LANG, count=len(blind), shown=shown)))
    if not rules:
        raise failure(BadInput, "hunts.no_rule")
    return rules


def _go_on(context: Context, found: HuntFile, ruleset: RuleSet) -> None:
    rules = [ruleset.by_id[each] for each in found.asked.rules if each in ruleset.by_id]
    if rules_print(rules) != found.asked.rules_print:
        raise failure(Refused, "hunts.changed", id=found.asked.id)
    try:
        with telling(context, "hunts.progress") as tell:
            found.go_on(context.store, Hunter(rules, context.clock), tell)
    except (KeyboardInterrupt, KydaiError):
        until = _moment(context, found.progress.next)
        context.output.tell(say("hunts.stopped", LANG, until=until, id=found.asked.id))
        raise


@contextmanager
def telling(context: Context, words: str) -> Iterator[TellCount]:
    """Say on a terminal how far it is, in these words."""
    console = context.output.err
    if not console.is_terminal:
        yield lambda now: None
        return
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("")

        def tell(now: Counting) -> None:
            bar.update(task, description=say(words, LANG, percent=now.percent, hits=now.found))

        tell(Counting(0, 1, 0))
        yield tell


def _show(context: Context, found: HuntFile, ruleset: RuleSet, output: Any) -> int:
    out, progress, asked = context.output, found.progress, found.asked
    if output is not None:
        with placing(output) as file:
            file.writelines(orjson.dumps(_document(hit), option=orjson.OPT_APPEND_NEWLINE) for hit in found.hits())
        out.tell(say("hunts.written", LANG, count=progress.hits, file=output))
    elif out.as_json:
        out.lines(map(_document, found.hits()))
    elif progress.hits:
        heads = [say(f"hunts.hit.{c}", LANG) for c in ("time", "level", "rule", "host", "user", "event")]
        out.table(heads, [_row(context, hit, ruleset) for hit in islice(found.hits(), SHOWN)], wrap=(2,))
        out.cut(SHOWN, progress.hits)
    span = [_moment(context, at) for at in (asked.start, asked.end)]
    told = {"rules": len(asked.rules), "read": progress.read, "hits": progress.hits, "id": asked.id}
    out.tell(say("hunts.done", LANG, start=span[0], end=span[1], **told))
    for kind, faults in (("extra", progress.extra), ("lacking", progress.lacking)):
        for rule, count in faults.most_common():
            out.tell(safe(say(f"hunts.{kind}", LANG, rule=_title(ruleset, rule), count=count)))
    for rule, why in progress.suspended.items():
        out.tell(safe(say("hunts.suspended", LANG, rule=_title(ruleset, rule), why=why)))
    status = confess(context, progress.truth) if progress.missing else 0
    return status if progress.truth.complete and progress.truth.exact else INCOMPLETE


def _document(hit: Found) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(hit)
    document.pop("type")
    return document


def _row(context: Context, hit: Found, ruleset: RuleSet) -> tuple[object, ...]:
    rule = ruleset.by_id.get(hit.rule)
    level = level_text(rule.level, LANG) if rule else ""
    return _moment(context, to_micros(hit.time)), level, _title(ruleset, hit.rule), hit.host, hit.user, hit.event


def _title(ruleset: RuleSet, rule_id: str) -> str:
    rule = ruleset.by_id.get(rule_id)
    return rule.text("title", LANG) if rule else rule_id


def _moment(context: Context, at: Micros) -> str:
    return moment(at, LANG, context.settings.zone)


def _list(context: Context) -> int:
    """The hunts that are kept; 3 when files of some cannot be read."""
    found, broken = all_hunts(context.settings.hunts_folder)
    out = context.output
    if out.as_json:
        out.lines(_summary(each) for each in found)
    elif found:
        _table(context, found)
    elif not broken:
        out.tell(say("hunts.none", LANG))
    for error in broken:
        out.tell(safe(error.told(LANG)))
    return INCOMPLETE if broken else 0


def _table(context: Context, found: Sequence[HuntFile]) -> None:
    rows = [
        (
            each.asked.id,
            _moment(context, each.asked.at),
            each.asked.title or say("hunts.count", LANG, count=len(each.asked.rules)),
            "{}/{}".format(*each.hours),
            number(each.progress.hits, LANG),
        )
        for each in found
    ]
    heads = [say(f"hunts.column.{c}", LANG) for c in ("id", "at", "rules", "hours", "hits")]
    context.output.table(heads, rows, right=(3, 4), wrap=(2,))
    context.output.tell(say("hunts.how", LANG))


def _summary(found: HuntFile) -> dict[str, Any]:
    asked, progress = found.asked, found.progress
    done, hours = found.hours
    return {
        "id": asked.id,
        "at": iso(asked.at),
        "by": asked.by,
        "rules": list(asked.rules),
        "from": iso(asked.start),
        "to": iso(asked.end),
        "hours_done": done,
        "hours": hours,
        "read": progress.read,
        "hits": progress.hits,
        "exact": progress.truth.exact,
        "complete": progress.truth.complete and found.is_done,
    }
