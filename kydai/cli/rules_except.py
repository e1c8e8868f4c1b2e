"""``kydai rules except`` and ``kydai rules exceptions``: hits of a rule that make no alert, until a day."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.undo import undo_exception, undo_mode, undo_text
from core.clock import iso
from core.db.models import Alert, Audit, ExceptionState, RuleException
from core.errors import NotFound, Refused, failure
from core.event import parse_event_id
from core.times import read_time
from core.words import both, moment, number, say
from detections import exception_book, local_rules
from detections.consequence import Consequence, consequence, readers_of, told
from detections.exception_offer import MAX_VALUE, Asked, asked, chosen
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.cli.rules_why import rule_named, rules_of
from kydai.context import Context
from kydai.detector import load_rules
from kydai.people import cli_actor

exceptions = typer.Typer(help=say("exceptions.help", LANG), invoke_without_command=True)

MAX_NUMBER = 2**63 - 1
"""The greatest that a row can have."""
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_NUMBER, help=say("exceptions.number", LANG))]
AlertId = Annotated[int, typer.Argument(metavar="ALERT", min=1, max=MAX_NUMBER, help=say("exceptions.alert", LANG))]
Fields = Annotated[list[str] | None, typer.Option("--field", metavar="NAME", help=say("exceptions.fields", LANG))]
RuleName = Annotated[str | None, typer.Option("--rule", help=say("exceptions.rule", LANG))]
Reason = Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))]
Owner = Annotated[str | None, typer.Option("--owner", help=say("exceptions.owner", LANG))]
Until = Annotated[str, typer.Option("--until", metavar="DAY", help=say("exceptions.until", LANG))]
States = Annotated[list[ExceptionState] | None, typer.Option("--state", help=say("exceptions.state", LANG))]

_UNDONE_BY = {
    "rules.install": "packages.undone_by",
    "rules.rollback": "packages.undone_by",
    "rules.remove": "packages.can_go_back",
}
"""Action of a journal's entry → what undoes it."""


def except_alert(
    ctx: typer.Context,
    alert: AlertId,
    fields: Fields = None,
    rule: RuleName = None,
    reason: Reason = "",
    owner: Owner = None,
    until: Until = "now+90d",
) -> None:
    """Show what an exception would take; with a reason, make it."""
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        row = session.get(Alert, alert)
        ruleset = load_rules(context.settings, session)
    if row is None:
        raise failure(NotFound, "cli.alerts.unknown", id=str(alert))
    wanted = None if rule is None else rule_named(ruleset, rule).id
    events = context.store.get([parse_event_id(str(each)) for each in row.event_ids]).events
    found = asked(ruleset, row, events, wanted)
    conditions = chosen(found, fields)
    now = context.clock.now()
    readers = readers_of(ruleset.patterns, found.rule.id)
    with context.database.read() as session:
        seen = consequence(session, context.store, found.rule, conditions, readers, now)
    if not reason:
        _offer(context, found, conditions, seen)
        return
    actor, expires_at = cli_actor(), read_time(until, now, context.settings.zone, is_end=True)
    with context.database.write() as session:
        made, entry = exception_book.create(
            session, actor, found.rule, row, conditions, seen,
            reason=reason, owner=owner or actor.name, expires_at=expires_at, now=now,
        )  # fmt: skip
        document = exception_document(made)
    _told(context, document, say("exceptions.made", LANG, number=str(document["id"])))
    context.output.tell(told(seen, LANG))
    if document["state"] == ExceptionState.PENDING:
        context.output.tell(say("exceptions.waits", LANG, number=str(document["id"])))
    context.output.tell(say("exceptions.undo_with", LANG, entry=str(entry)))


def _offer(context: Context, found: Asked, conditions: dict[str, list[str]], seen: Consequence) -> None:
    out = context.output
    if out.as_json:
        offers = [{"field": o.field, "values": list(o.values), "chosen": o.field in conditions} for o in found.offers]
        counted = {name: getattr(seen, name) for name in ("alerts", "removed", "smaller", "unknown", "correlated")}
        facts = {"hits": seen.hits, "taken": seen.taken, "hidden": seen.hidden, "complete": seen.is_complete}
        out.one(
            {
                "rule": found.rule.id,
                "events": found.events,
                "fields": offers,
                "too_long": list(found.too_long),
                **counted,
                **facts,
            }
        )
        return
    title = found.rule.text("title", LANG)
    out.one(None, safe(say("exceptions.offered", LANG, title=title, count=found.events)))
    rows = [("✓" if o.field in conditions else "", o.field, " | ".join(o.values)) for o in found.offers]
    heads = [say(f"cli.column.{c}", LANG) for c in ("field", "value")]
    out.table(["", *heads], rows, wrap=(2,))
    if found.too_long:
        out.tell(say("exceptions.left_out", LANG, limit=MAX_VALUE, fields=", ".join(found.too_long)))
    out.one(None, told(seen, LANG))
    out.tell(say("exceptions.how", LANG))


@exceptions.callback()
def _begin(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_exceptions(ctx)


@exceptions.command("list", help=say("exceptions.list", LANG))
def list_exceptions(ctx: typer.Context, rule: RuleName = None, states: States = None) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        wanted = None if rule is None else rule_named(load_rules(context.settings, session), rule).id
        rows = exception_book.listed(session, wanted, states or ())
    if context.output.as_json:
        context.output.lines(map(exception_document, rows))
        return
    if not rows:
        context.output.tell(say("exceptions.no_rows", LANG))
        return
    zone = context.settings.zone
    shown = [
        (
            str(row.id),
            say(f"exceptions.state.{row.state}", LANG),
            row.rule_title.get(LANG, row.rule_id),
            conditions_text(row.conditions),
            number(row.taken, LANG),
            moment(row.expires_at, LANG, zone, seconds=False),
            row.owner,
        )
        for row in rows
    ]
    heads = ("number", "status", "rule", "condition", "taken", "until", "owner")
    context.output.table([say(f"exceptions.column.{c}", LANG) for c in heads], shown, right=(0, 4), wrap=(2, 3))


def conditions_text(conditions: dict[str, Any]) -> str:
    """``host.name = web01 · user.name = a | b``."""
    return " · ".join(f"{name} = {' | '.join(values)}" for name, values in conditions.items())


def exception_document(row: RuleException) -> dict[str, Any]:
    """An exception as JSON."""
    names = (
        "id", "rule_id", "rule_title", "conditions", "reason", "owner", "state", "alert_id", "created_by", "decided_by",
        "decision_reason", "consequence", "taken", "text",
    )  # fmt: skip
    times = ("created_at", "expires_at", "decided_at", "last_taken_at")
    at = {name: getattr(row, name) for name in times}
    return {n: getattr(row, n) for n in names} | {n: None if v is None else iso(v) for n, v in at.items()}


@exceptions.command("show", help=say("exceptions.show", LANG))
def show(ctx: typer.Context, number_: Number) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        row = exception_book.find(session, number_)
    document = exception_document(row)
    if context.output.as_json:
        context.output.one(document)
        return
    zone = context.settings.zone
    facts = {
        "status": say(f"exceptions.state.{row.state}", LANG),
        "rule": f"{row.rule_title.get(LANG, '')} ({row.rule_id})",
        "condition": conditions_text(row.conditions),
        "reason": row.reason,
        "owner": row.owner,
        "until": moment(row.expires_at, LANG, zone),
        "created": f"{row.created_by}, {moment(row.created_at, LANG, zone)}",
        "decided": f"{row.decided_by}, {moment(row.decided_at, LANG, zone)}" if row.decided_at else "–",
        "taken": number(row.taken, LANG),
        "last": moment(row.last_taken_at, LANG, zone) if row.last_taken_at else "–",
    }
    for name, value in facts.items():
        context.output.one(None, safe(f"{say(f'exceptions.column.{name}', LANG)}: {value}"))
    context.output.one(None, told(Consequence(**row.consequence), LANG))
    context.output.one(None, "\n".join(safe(line) for line in row.text.splitlines()))


@exceptions.command("refuse", help=say("exceptions.refuse", LANG))
def refuse(ctx: typer.Context, number_: Number, reason: Reason = "") -> None:
    _decide(ctx.obj, number_, reason, exception_book.refuse)


@exceptions.command("remove", help=say("exceptions.remove", LANG))
def remove(ctx: typer.Context, number_: Number, reason: Reason = "") -> None:
    _decide(ctx.obj, number_, reason, exception_book.remove)


def undo(
    ctx: typer.Context,
    entries: Annotated[
        list[int], typer.Argument(metavar="ENTRY...", min=1, max=MAX_NUMBER, help=say("exceptions.entry", LANG))
    ],
) -> None:
    """All of them or none."""
    context: Context = ctx.obj
    context.need_data()
    actor, now, folder, ruleset = cli_actor(), context.clock.now(), context.settings.rules_folder, rules_of(context)
    with local_rules.changing(context.database, folder, now) as session:
        for number_ in sorted(entries, reverse=True):
            entry = session.get(Audit, number_)
            if entry is None:
                raise failure(NotFound, "exceptions.no_entry", entry=str(number_))
            if entry.object.startswith("exception:"):
                undo_exception(session, actor, number_, now=now)
            elif entry.action in local_rules.ACTIONS:
                undo_text(session, actor, folder, ruleset, number_, now=now)
            elif entry.action != "rule.mode":
                raise _undone_elsewhere(entry)
            else:
                undo_mode(session, actor, number_, now=now)
    for number_ in entries:
        context.output.one({"undone": number_}, say("exceptions.undone", LANG, entry=str(number_)))


def _undone_elsewhere(entry: Audit) -> Refused:
    said = both("exceptions.undone_elsewhere", entry=entry.seq, action=entry.action)
    way = _UNDONE_BY.get(entry.action)
    name = entry.object.partition(":")[2]
    return Refused(said["en"], remedy=both(way, name=name) if way else None, said=said)


def _decide(context: Context, number_: int, reason: str, how: exception_book.Decide) -> None:
    context.need_data()
    with context.database.write() as session:
        row, entry = how(session, cli_actor(), number_, reason=reason, now=context.clock.now())
        document = exception_document(row)
    _told(context, document, say(f"exceptions.did.{document['state']}", LANG, number=str(number_)))
    context.output.tell(say("exceptions.undo_with", LANG, entry=str(entry)))


def _told(context: Context, document: dict[str, Any], text: str) -> None:
    state = say(f"exceptions.state.{document['state']}", LANG)
    context.output.one(document, f"{text} ({state})")
