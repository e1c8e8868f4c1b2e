"""``kydai sources``: who sends, whether the balances hold, and the inventory."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from api import house
from core.errors import NotFound, failure
from core.lag import WAITS
from core.ledger import Balance, read_balances
from core.listed import LISTED, OTHERS
from core.said import KERNEL, REFUSED, Statement, lost_text, read_said, sum_of
from core.sources import SourceState, views
from core.times import read_span
from core.words import duration, moment, number, say
from kydai.cli.main import FAILED, LANG
from kydai.cli.output import safe
from kydai.cli.output_extract import OutFile
from kydai.cli.sources_adopt import adopt
from kydai.cli.sources_check import check
from kydai.cli.sources_config import config
from kydai.cli.sources_file import write_balances, write_sources
from kydai.cli.sources_inventory import import_inventory, remove, set_source, template, undo
from kydai.cli.sources_planned import maintain
from kydai.cli.sources_shown import SHOWN_SKEW, document, state_text
from kydai.context import Context

sources = typer.Typer(no_args_is_help=True, help=say("cli.sources.help", LANG))
STATE_STYLE = {
    SourceState.SENDING: ("●", "green"),
    SourceState.SILENT: ("▲", "dark_orange"),
    SourceState.NEVER: ("◆", "red"),
    SourceState.UNDECLARED: ("○", "blue"),
}

From = Annotated[str | None, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG), metavar="T")]


def register(app: typer.Typer) -> None:
    app.add_typer(sources, name="sources")


def lag_line(seen: house.House, lang: str) -> str:
    """What waits for longer than a minute: raws not judged, hits not correlated, due work."""
    if seen.lag is None:
        return say("common.lag.unknown", lang)
    late = {name: duration(age, lang) for name, age in seen.lags.items() if age > house.LAG_LIMIT}
    if not late:
        return say("common.lag.none", lang)
    keys = {name: name if name in WAITS else "spool" for name in late}
    parts = [say(f"common.lag.{keys[name]}", lang, spool=name, lag=age) for name, age in late.items()]
    return say("common.lag.late", lang, parts="; ".join(parts))


@sources.command("list", help=say("cli.sources.list", LANG))
def list_sources(ctx: typer.Context, output: OutFile = None) -> int:
    context: Context = ctx.obj
    context.need_data()
    if output is not None:
        return write_sources(context, output)
    with context.database.read() as session:
        found, seen = views(session, context.clock.now()), house.look(session, context.clock.now())
    if context.output.as_json:
        context.output.lines(document(v) for v in found)
        return 0
    rows = []
    for view in found:
        mark, style = STATE_STYLE[view.state]
        rows.append(
            (
                view.name,
                view.product or "–",
                Text(f"{mark} {state_text(view, LANG)}", style=style),
                moment(view.last_at, LANG, context.settings.zone) if view.last_at else "–",
                duration(view.offset, LANG) if view.offset is not None and abs(view.offset) >= SHOWN_SKEW else "–",
                view.system or "–",
            )
        )
    heads = [say(f"cli.column.{c}", LANG) for c in ("source", "product", "state", "last", "offset", "system")]
    context.output.table(heads, rows, wrap=(2, 5))
    if not any(v.is_declared for v in found):
        context.output.tell(say("common.no_inventory", LANG))
    context.output.tell(safe(lag_line(seen, LANG)))
    return 0


@sources.command("ledger", help=say("cli.sources.ledger", LANG))
def ledger(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Option("--source", help=say("cli.sources.ledger_source", LANG))] = None,
    start: From = None,
    end: To = None,
    output: OutFile = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    span = read_span(start, end, now, context.settings.zone)
    with context.database.read() as session:
        found, said = read_balances(session, *span), read_said(session, *span)
        receivers = read_said(session, *span, receivers=True)
        if source is not None and source not in found and all(v.name != source for v in views(session, now)):
            raise failure(NotFound, "cli.sources.unknown", name=source)
    if output is not None:
        return write_balances(context, output, source, start, end)
    if source is not None:
        found = {source: found.get(source, Balance(source))}
    if context.output.as_json:
        context.output.lines(
            _balance_document(b) | _said_document(said.get(b.source, Statement()), receivers) for b in found.values()
        )
    else:
        _show_balances(context, list(found.values()), said)
        _show_receivers(context, receivers)
    return 0 if all(b.holds for b in found.values()) else FAILED


def _said_document(said: Statement, receivers: dict[str, Statement]) -> dict[str, object]:
    streams = [
        {"stream": stream, "unit": unit, "is_doubtful": numbered.is_doubtful} | asdict(numbered)
        for (stream, unit), numbered in sorted(said.streams.items())
    ]
    return {
        "said": {
            "is_known": said.is_known,
            "checked": said.checked,
            "lost": dict(said.lost),
            "is_doubtful": said.is_doubtful,
            "streams": streams,
        },
        "receivers": [
            {
                "receiver": name,
                "taken": s.checked,
                "kernel_drops": s.lost_in(KERNEL),
                "refused": s.lost_in(REFUSED),
            }
            for name, s in receivers.items()
        ],
    }


def _balance_document(balance: Balance) -> dict[str, object]:
    return {
        "source": balance.source,
        "raws": dict(balance.raws),
        "events": dict(balance.events),
        "reasons": [{"balance": b, "bucket": k, "reason": r, "count": n} for (b, k, r), n in balance.reasons.items()],
        "holds": balance.holds,
    }


def _show_balances(context: Context, balances: list[Balance], said: dict[str, Statement]) -> None:
    raws = ("received", "parsed", "unparsed", "ignored", "duplicates", "waiting")
    events = ("made", "stored", "rejected")
    rows = []
    for b in sorted(balances, key=lambda b: b.source):
        verdict = say("cli.ledger.holds", LANG)
        if not b.holds:
            verdict = say("cli.ledger.off", LANG, count=b.raws_off_by or b.events_off_by)
        counts = [number(b.raws[k], LANG) for k in raws] + [number(b.events[k], LANG) for k in events]
        lost = lost_text(said.get(b.source, Statement()), LANG)
        rows.append((b.source, *counts, Text(verdict, style="green" if b.holds else "bold red"), lost))
    heads = [say(f"cli.column.{c}", LANG) for c in ("source", *raws, *events, "balance", "lost")]
    context.output.table(heads, rows, right=range(1, 10), wrap=(11,))
    for line in balance_lines(balances, LANG):
        context.output.tell(line)
    if any(b.source == OTHERS for b in balances):
        context.output.tell(say("cli.ledger.others", LANG, name=OTHERS, limit=LISTED))
    known = {b.source: said[b.source] for b in balances if b.source in said and said[b.source].is_known}
    lost, unknown = lost_text(sum_of(known.values()), LANG), len(balances) - len(known)
    if known:
        context.output.tell(say("cli.ledger.lost", LANG, lost=lost))
    if unknown:
        context.output.tell(say("cli.ledger.lost_unknown", LANG, unknown=unknown, all=len(balances)))
    if doubtful := [name for name, statement in known.items() if statement.is_doubtful]:
        context.output.tell(say("cli.ledger.doubtful", LANG, names=", ".join(map(safe, doubtful))))


def _show_receivers(context: Context, receivers: dict[str, Statement]) -> None:
    for name, statement in sorted(receivers.items()):
        counts = {"lost": statement.lost_in(KERNEL), "taken": statement.checked}
        context.output.tell(say("cli.ledger.kernel", LANG, name=safe(name), **counts))
        if refused := statement.lost_in(REFUSED):
            context.output.tell(say("cli.ledger.refused", LANG, name=safe(name), count=refused))


def balance_lines(balances: list[Balance], lang: str) -> list[str]:
    """The two balances summed over sources, as sentences."""
    total = Balance("")
    for b in balances:
        total.raws.update(b.raws)
        total.events.update(b.events)
    lines = []
    for key, counts, off in (
        ("summary", total.raws, total.raws_off_by),
        ("events", total.events, total.events_off_by),
    ):
        verdict = say("cli.ledger.holds", lang) if not off else say("cli.ledger.off", lang, count=off)
        names = ("received", "parsed", "unparsed", "ignored", "duplicates", "waiting", "made", "stored", "rejected")
        lines.append(say(f"cli.ledger.{key}", lang, verdict=verdict, **{n: counts[n] for n in names}))
    return lines


for _verb, _command, _help in (
    ("check", check, "cli.sources.check"),
    ("template", template, "cli.sources.template"),
    ("import", import_inventory, "cli.sources.import"),
    ("set", set_source, "sources.set"),
    ("remove", remove, "sources.remove"),
    ("undo", undo, "sources.undo"),
    ("maintain", maintain, "planned.help"),
    ("adopt", adopt, "adoption.help"),
    ("config", config, "source_config.help"),
):
    sources.command(_verb, help=say(_help, LANG))(_command)
