"""``kydai sources``: who sends, whether the balances hold, and the inventory."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from api import house
from core.clock import DAY, SECOND, iso
from core.errors import NotFound, failure
from core.lag import WAITS
from core.ledger import Balance, read_balances
from core.listed import LISTED, OTHERS
from core.said import KERNEL, REFUSED, Statement, lost_text, read_said, sum_of
from core.sources import SourceState, SourceView, views
from core.times import read_span
from core.words import duration, moment, number, say
from kydai.cli.main import FAILED, INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.sources_adopt import adopt
from kydai.cli.sources_config import config
from kydai.cli.sources_inventory import import_inventory, remove, set_source, template, undo
from kydai.cli.sources_planned import maintain
from kydai.context import Context

sources = typer.Typer(no_args_is_help=True, help=say("cli.sources.help", LANG))
STATE_STYLE = {
    SourceState.SENDING: ("●", "green"),
    SourceState.SILENT: ("▲", "dark_orange"),
    SourceState.NEVER: ("◆", "red"),
    SourceState.UNDECLARED: ("○", "blue"),
}
SHOWN_SKEW = 60 * SECOND

From = Annotated[str | None, typer.Option("--from", help=say("cli.search.from", LANG), metavar="T")]
To = Annotated[str | None, typer.Option("--to", help=say("cli.search.to", LANG), metavar="T")]


def register(app: typer.Typer) -> None:
    app.add_typer(sources, name="sources")


def state_text(view: SourceView, lang: str) -> str:
    """``đang gửi · sai múi giờ``, ``mất tín hiệu 50 phút``."""
    text = say(f"common.source_state.{view.state}", lang)
    if view.silent_for is not None:
        text += f" {duration(view.silent_for, lang)}"
    if view.wrong_zone_minutes is not None:
        text += f" · {say('cli.sources.wrong_zone', lang)}"
    elif view.offset is not None and abs(view.offset) >= SHOWN_SKEW:
        text += f" · {say('cli.sources.skew', lang)}"
    if view.missing_datasets:
        text += f" · {say('cli.sources.missing_datasets', lang)}"
    if view.maintenance is not None:
        text += f" · {say('planned.state', lang, end=moment(view.maintenance.end_at, lang))}"
    return text


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
def list_sources(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    with context.database.read() as session:
        found, seen = views(session, context.clock.now()), house.look(session, context.clock.now())
    if context.output.as_json:
        context.output.lines(_document(v) for v in found)
        return
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


def _document(view: SourceView) -> dict[str, Any]:
    document = asdict(view)
    if view.maintenance is not None:
        document["maintenance"]["end_at"] = iso(view.maintenance.end_at)
    document["last_at"] = iso(view.last_at) if view.last_at is not None else None
    for name in ("silent_for", "limit", "usual_gap", "offset"):
        document[f"{name}_seconds"] = None if document[name] is None else document[name] / SECOND
        del document[name]
    return document


@sources.command("ledger", help=say("cli.sources.ledger", LANG))
def ledger(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Option("--source", help=say("cli.sources.ledger_source", LANG))] = None,
    start: From = None,
    end: To = None,
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


@sources.command("check", help=say("cli.sources.check", LANG))
def check(ctx: typer.Context, name: str) -> int:
    context: Context = ctx.obj
    context.need_data()
    now = context.clock.now()
    with context.database.read() as session:
        view = next((v for v in views(session, now) if v.name == name), None)
        balance = read_balances(session, now - DAY).get(name)
    if view is None:
        raise failure(NotFound, "cli.sources.unknown", name=name)
    problems = list(_problems(view, balance))
    if context.output.as_json:
        context.output.one(_document(view) | {"problems": problems})
    else:
        context.output.one(None, f"{view.name}: {state_text(view, LANG)}")
        for problem in problems:
            context.output.one(None, f"  – {problem}")
        if not problems:
            context.output.one(None, f"  {say('cli.sources.good', LANG, datasets=', '.join(view.datasets))}")
    return INCOMPLETE if problems else 0


def _problems(view: SourceView, balance: Balance | None) -> list[str]:
    found = []
    if view.state is SourceState.NEVER:
        found.append(say("cli.sources.problem_never", LANG))
    if view.state is SourceState.SILENT and view.last_at is not None:
        found.append(say("cli.sources.problem_silent", LANG, since=moment(view.last_at, LANG)))
    if view.state is SourceState.UNDECLARED:
        found.append(say("cli.sources.problem_undeclared", LANG))
    if view.wrong_zone_minutes is not None:
        hours = number(view.wrong_zone_minutes / 60, LANG)
        found.append(say("cli.sources.problem_zone", LANG, hours=hours, name=view.name))
    elif view.offset is not None and abs(view.offset) >= SHOWN_SKEW:
        found.append(say("cli.sources.problem_skew", LANG, offset=duration(view.offset, LANG)))
    if balance is not None and balance.raws["unparsed"]:
        received, unparsed = balance.raws["received"], balance.raws["unparsed"]
        found.append(say("cli.sources.problem_unparsed", LANG, count=unparsed, received=received))
    if balance is not None and (refused := balance.refused):
        reasons = ", ".join(sorted(refused))
        found.append(say("cli.sources.problem_refused", LANG, count=refused.total(), reasons=reasons))
    if view.missing_datasets:
        found.append(say("cli.sources.problem_missing", LANG, datasets=", ".join(view.missing_datasets)))
    return found


for _verb, _command, _help in (
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
