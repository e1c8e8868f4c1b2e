"""``kydai store``: how much is kept, whether it is whole, and holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TextColumn

from core import audit, checks, engines, keeping, reindexing, restored, storage, tombstones
from core.clock import iso
from core.errors import BadInput, failure
from core.faults import Problem
from core.heads import FILE as HEADS
from core.heads import Head, heads_of
from core.keys import Keys
from core.proving import Prover
from core.steady import not_behind, steady_now
from core.storage import KeptClass, Storage, left_words
from core.store.contract import Copied, Finding, Span, Told
from core.times import read_span
from core.words import number, say, size
from kydai import sealed
from kydai.checking import under_way
from kydai.cli import store_hold, store_move
from kydai.cli.main import FAILED, INCOMPLETE, LANG
from kydai.cli.output import safe
from kydai.cli.store_told import (
    amount_document,
    hold_document,
    hold_told,
    iso_or_none,
    look,
    minute,
    reindexing_document,
    reindexing_told,
    show_going,
    verified_document,
    verified_told,
)
from kydai.context import Context
from kydai.people import cli_actor

store = typer.Typer(no_args_is_help=True, help=say("cli.store.help", LANG))


def register(app: typer.Typer) -> None:
    app.add_typer(store, name="store")


@store.command("stats", help=say("cli.store.stats", LANG))
def stats(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    found = look(context)
    if context.output.as_json:
        context.output.one(_document(found))
        return
    span = "–"
    if found.stats.oldest is not None and found.stats.newest is not None:
        span = f"{minute(context, found.stats.oldest)} → {minute(context, found.stats.newest)}"
    each = number(found.stats.bytes / max(1, found.stats.events + found.stats.flows), LANG, 0)
    text = say(
        "cli.store.told",
        LANG,
        events=found.stats.events,
        flows=found.stats.flows,
        segments=found.stats.segments,
        size=size(found.stats.bytes, LANG),
        each=each,
        span=span,
    )
    context.output.one(None, text)
    if found.stats.closed:
        context.output.one(None, say("cli.store.closed", LANG, names=", ".join(found.stats.closed)))
    context.output.one(None, _disk(found))
    _show_classes(context, found)
    for frozen in found.holds:
        context.output.one(None, hold_told(context, frozen))
    context.output.one(None, verified_told(context, found.verified))
    if found.reindexing is not None:
        context.output.one(None, reindexing_told(found.reindexing, found.at))


def _document(found: Storage) -> dict[str, Any]:
    stats = asdict(found.stats) | {"oldest": iso_or_none(found.stats.oldest), "newest": iso_or_none(found.stats.newest)}
    return stats | {
        "engine": found.engine,
        "free": found.room.free,
        "total": found.room.total,
        "reserve": found.reserve,
        "bytes_per_day": found.forecast.per_day,
        "days_left": found.forecast.days,
        "classes": [_class(each) for each in found.classes],
        "mixed": amount_document(found.mixed),
        "holds": [hold_document(each) for each in found.holds],
        "verified": None if found.verified is None else verified_document(found.verified),
        "reindexing": None if found.reindexing is None else reindexing_document(found.reindexing, found.at),
    }


def _class(found: KeptClass) -> dict[str, Any]:
    kept, waiting = found.kept, found.kept.waiting
    return {
        "class": kept.name,
        "settings_months": kept.wished,
        "months": kept.months,
        "since": iso_or_none(kept.since),
        "oldest": iso_or_none(found.oldest),
        "events": found.amount.rows,
        "bytes": found.amount.bytes,
        "waiting": None
        if waiting is None
        else asdict(waiting) | {"at": iso_or_none(waiting.at), "asked_at": iso_or_none(waiting.asked_at)},
    }


def _disk(found: Storage) -> str:
    free, total, reserve = (size(n, LANG) for n in (found.room.free, found.room.total, found.reserve))
    room = say("cli.store.room", LANG, free=free, total=total, reserve=reserve)
    return f"{room} {left_words(found.forecast, LANG)}"


def _show_classes(context: Context, found: Storage) -> None:
    heads = [say(f"cli.column.{name}", LANG) for name in ("class", "configured", "kept", "oldest", "made", "size")]
    rows = []
    for each in found.classes:
        oldest = "–" if each.oldest is None else minute(context, each.oldest)
        wished, months = (say("cli.store.months", LANG, count=n) for n in (each.kept.wished, each.kept.months))
        amounts = (number(each.amount.rows, LANG), size(each.amount.bytes, LANG))
        rows.append((each.kept.name, wished, months, oldest, *amounts))
    context.output.table(heads, rows, right=(4, 5))
    if found.mixed.parts:
        context.output.one(None, say("cli.store.mixed", LANG, events=found.mixed.rows, parts=found.mixed.parts))
    for each in found.classes:
        waiting = each.kept.waiting
        if waiting is not None:
            words = {"name": each.kept.name, "months": waiting.months, "at": minute(context, waiting.at)}
            by = {"who": safe(waiting.asked_by), "reason": safe(waiting.reason)}
            context.output.one(None, say("cli.store.waits", LANG, **words, **by))
        elif each.kept.may_shorten:
            words = {"name": each.kept.name, "wished": each.kept.wished, "months": each.kept.months}
            context.output.one(None, say("cli.store.unconfirmed", LANG, **words))


@store.command("verify", help=say("cli.store.verify", LANG))
def verify(
    ctx: typer.Context,
    mend: Annotated[bool, typer.Option("--mend", help=say("cli.store.mend", LANG))] = False,
    start: Annotated[str | None, typer.Option("--from", help=say("integrity.cli.from", LANG), metavar="T")] = None,
    end: Annotated[str | None, typer.Option("--to", help=say("integrity.cli.to", LANG), metavar="T")] = None,
    heads: Annotated[
        Path | None, typer.Option("--heads", help=say("integrity.cli.heads", LANG), metavar="FILE")
    ] = None,
) -> int:
    context: Context = ctx.obj
    context.need_data()
    span = Span(*read_span(start, end, context.clock.now(), context.settings.zone))
    kept = heads_of(context.settings.integrity_folder / HEADS) + ([] if heads is None else _heads(heads))
    check = sealed.prover(context)
    with under_way(context, cli_actor().name, check, is_partial=span != Span()):
        found = context.store.verify(mend=mend)
        with context.database.read() as session:
            findings = reindexing.besides(session, found, context.clock.now())
        parts = context.store.stats().segments
        out = context.output
        if out.as_json:
            out.lines(asdict(f) for f in findings)
        else:
            for f in findings:
                out.one(None, _told(f))
            if not findings:
                out.one(None, say("cli.store.whole", LANG, segments=parts))
        unread = 0
        for fault in check.run(span, kept):
            out.one(sealed.document(fault), safe(sealed.told(fault, LANG, context.settings.zone)))
            unread += fault.problem is Problem.MISSING
            if fault.is_wrong:
                findings.append(Finding(fault.place, fault.problem))
        with context.database.write() as session:
            checks.note(
                session, cli_actor(), findings, parts, context.clock.now(), unread=unread, span=span
            )  # fmt: skip
    if not out.as_json:
        out.one(None, _proven(context, check))
    if any(not f.mended for f in findings):
        return FAILED
    return INCOMPLETE if unread else 0


def _heads(path: Path) -> list[Head]:
    """The heads that somebody kept elsewhere. Raises BadInput when there are none."""
    found = heads_of(path)
    if not found:
        raise failure(BadInput, "integrity.error.no_heads", file=path)
    return found


def _proven(context: Context, check: Prover) -> str:
    if check.sealed_to is None:
        return say("integrity.none", LANG)
    return say(
        "integrity.proven",
        LANG,
        roots=check.roots,
        events=check.events,
        trees=check.trees,
        late=check.late,
        tombstones=check.tombstones,
        until=minute(context, check.sealed_to),
        seq=check.head[0],
        head=check.head[1],
    )


def _told(finding: Finding) -> str:
    parts = [f"{finding.segment}: {say(f'cli.store.problem.{finding.problem}', LANG)}"]
    if finding.set_aside:
        parts.append(say("cli.store.set_aside", LANG))
    if finding.mended:
        parts.append(say("cli.store.mended", LANG))
    return " · ".join(parts)


Place = Annotated[str, typer.Argument(metavar="PLACE", help=say("cli.store.place", LANG))]


@store.command("snapshot", help=say("cli.store.snapshot", LANG))
def snapshot(ctx: typer.Context, place: Place) -> None:
    context: Context = ctx.obj
    context.need_data()
    _copy(context, "snapshot", place, context.store.snapshot)


@store.command("restore", help=say("cli.store.restore", LANG))
def restore(ctx: typer.Context, place: Place) -> None:
    context: Context = ctx.obj
    store = context.store_to_fill()
    _copy(context, "restore", place, store.restore)
    tombstones.restate(context.database, store)
    with context.database.write() as session:
        restored.filled(session)


def _copy(context: Context, action: str, place: str, copy: Callable[[str, Told], Copied]) -> None:
    """Run one of the two with its progress, and write it down."""
    with Progress(TextColumn("{task.description}"), console=context.output.err, transient=True) as bar:
        task = bar.add_task("")
        copied = copy(place, lambda done, all_: bar.update(
            task, description=say("cli.store.copying", LANG, done=done, all=all_)
        ))  # fmt: skip
    after = asdict(copied) | {"place": place}
    with context.database.write() as session:
        audit.record(session, cli_actor(), f"store.{action}", "store", now=context.clock.now(), after=after)
    words = {"rows": copied.rows, "parts": copied.parts, "size": size(copied.bytes, LANG), "place": safe(place)}
    context.output.one(after, say(f"cli.store.{action}_done", LANG, **words))


@store.command("compact", help=say("cli.store.compact", LANG))
def compact(ctx: typer.Context) -> None:
    context: Context = ctx.obj
    context.need_data()
    files = context.store.compact()
    context.output.one({"files": files}, say("cli.store.compacted", LANG, files=files))


@store.command("retain", help=say("cli.store.retain", LANG))
def retain(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("cli.store.dry_run", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    house = (context.database, context.store, context.settings.store.policy)
    now = context.clock.now()
    if dry_run:
        show_going(context, storage.overdue(*house, now), {})
        return
    with context.database.read() as session:
        if engines.under_way(session) is not None:
            context.output.tell(say("cli.store.move_retain", LANG))
    with context.database.write() as session:
        now = steady_now(session, context.clock)
    try:
        gone = storage.retain(*house, cli_actor(), now, Keys(context.settings.keys_folder))
    finally:  # what went is signed, whatever stayed
        sealed.publish_heads(context)
    context.output.one({"deleted": gone}, say("cli.store.retained", LANG, count=len(gone)))


@store.command("policy", help=say("cli.store.policy", LANG))
def policy(
    ctx: typer.Context,
    class_: Annotated[str | None, typer.Argument(metavar="CLASS")] = None,
    months: Annotated[int | None, typer.Option("--months", min=1, help=say("cli.store.to_months", LANG))] = None,
    reason: Annotated[str, typer.Option("--reason", help=say("cli.reason", LANG))] = "",
    confirm: Annotated[str, typer.Option("--confirm", metavar="CLASS", help=say("cli.store.confirm", LANG))] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help=say("cli.store.cancel", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    database, wish, now = context.database, context.settings.store.policy, context.clock.now()
    if class_ is None or (months is None and not cancel):
        if months is not None or reason or confirm or cancel:
            raise failure(BadInput, "cli.store.policy_usage")
        found = look(context)
        if context.output.as_json:
            context.output.lines(_class(each) for each in found.classes if class_ in (None, each.kept.name))
        else:
            chosen = [each for each in found.classes if class_ in (None, each.kept.name)]
            _show_classes(context, replace(found, classes=chosen))
        return
    if cancel:
        with database.write() as session:
            keeping.cancel(session, cli_actor(), class_, reason=reason, now=now)
        context.output.tell(say("cli.store.cancelled", LANG, name=safe(class_)))
        if context.output.as_json:
            context.output.lines(_class(each) for each in look(context).classes if each.kept.name == class_)
        return
    assert months is not None
    going = storage.would_go(database, context.store, wish, class_, months, now)
    with database.read() as session:
        effective = not_behind(session, now) + keeping.DELAY
    document = {"class": class_, "months": months, "effective_at": iso(effective), "waits": bool(confirm)}
    words = {"name": class_, "months": months, "at": minute(context, effective)}
    if not confirm:
        show_going(context, going, document)
        context.output.tell(say("cli.store.how_to_confirm", LANG, **words))
        return
    with database.write() as session:
        keeping.shorten(session, cli_actor(), class_, months, reason=reason, confirmed=confirm, wish=wish, now=now)
    show_going(context, going, document)
    context.output.tell(say("cli.store.will_shorten", LANG, **words))


store.command("hold", help=say("cli.store.hold", LANG))(store_hold.hold)
store.command("move", help=say("cli.store.move", LANG))(store_move.move)
