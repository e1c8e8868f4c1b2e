"""``kydai sources check``: what is wrong with a source, and what its next event says."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from sqlalchemy import func, select

from core import arrival
from core.arrival import Arrival, Finding
from core.clock import DAY, MINUTE, SECOND
from core.db.models import Heartbeat
from core.errors import NotFound, failure
from core.ledger import Balance, read_balances
from core.sources import SourceState, SourceView, views
from core.words import duration, moment, number, say
from kydai.cli.main import INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.sources_shown import SHOWN_SKEW, document, state_text
from kydai.context import Context

WAIT_SECONDS = 60
_UNTOLD = ("event.original", "message", "kydai.original_b64")


def check(
    ctx: typer.Context,
    name: str,
    wait: Annotated[int, typer.Option("--wait", min=0, max=3600, help=say("arrival.wait", LANG))] = WAIT_SECONDS,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    view, balance = _of(context, name)
    found = _await(context, view.name, wait)
    if found.finding is not Finding.NOTHING:
        view, balance = _of(context, view.name)
    problems = list(_problems(view, balance))
    if context.output.as_json:
        context.output.one(document(view) | {"problems": problems, "arrival": _told(found)})
    else:
        context.output.one(None, f"{view.name}: {state_text(view, LANG)}")
        for problem in problems:
            context.output.one(None, f"  – {problem}")
        if not problems and found.event is None:
            context.output.one(None, f"  {say('cli.sources.good', LANG, datasets=', '.join(view.datasets))}")
        _show(context, found, wait)
    return INCOMPLETE if problems or found.finding not in (Finding.GOOD, Finding.NOTHING) else 0


def _of(context: Context, name: str) -> tuple[SourceView, Balance | None]:
    """A source by its name or, undeclared, by its address. Raises NotFound."""
    now = context.clock.now()
    with context.database.read() as session:
        found = views(session, now)
        view = next((v for v in found if v.name == name), None)
        view = view or next((v for v in found if v.name.partition(":")[2] == name), None)
        if view is None:
            raise failure(NotFound, "cli.sources.unknown", name=name)
        return view, read_balances(session, now - DAY).get(view.name)


def _await(context: Context, name: str, seconds: int) -> Arrival:
    """What the next event says; nothing when none comes, or when nothing runs here that would take it."""
    if not seconds or not _runs(context):
        return Arrival(Finding.NOTHING)
    context.output.tell(say("arrival.waiting", LANG, name=safe(name), seconds=seconds))

    def count() -> int:
        with context.database.read() as session:
            return arrival.heard_count(session, name)

    came = arrival.wait_for_next(count, seconds * SECOND, context.clock.now, time.sleep)
    if not came:
        return Arrival(Finding.NOTHING)
    return arrival.look(context.store, name, _of(context, name)[0].last_at)


def _runs(context: Context) -> bool:
    with context.database.read() as session:
        newest = session.scalar(select(func.max(Heartbeat.at)))
    return newest is not None and context.clock.now() - newest < MINUTE


def _fields(found: Arrival) -> dict[str, Any]:
    event = found.event or {}
    return {name: value for name, value in sorted(event.items()) if name not in _UNTOLD}


def _told(found: Arrival) -> dict[str, Any]:
    return {"finding": found.finding, "lacking": found.lacking, "fields": _fields(found)}


def _show(context: Context, found: Arrival, wait: int) -> None:
    if found.event is None:
        if wait:
            key = "arrival.nothing" if _runs(context) else "arrival.not_running"
            context.output.tell(say(key, LANG, seconds=wait))
        return
    values = {
        "dataset": found.event.get("event.dataset"),
        "hours": number(found.zone_minutes / 60, LANG),
        "lacking": ", ".join(found.lacking),
        "line": str(found.event.get("event.original") or found.event.get("message") or "")[:200],
    }
    context.output.one(
        None, f"  {say(f'arrival.{found.finding}', LANG, **{k: safe(str(v)) for k, v in values.items()})}"
    )
    for name, value in _fields(found).items():
        context.output.one(None, f"    {name}: {safe(str(value))[:200]}")


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
