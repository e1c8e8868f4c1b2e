"""``kydai store move``: all events to another engine, beside the running system."""

from __future__ import annotations

from dataclasses import asdict
from time import sleep
from typing import Annotated

import typer

from core import engines
from core.clock import SECOND, Clock, iso
from core.durable import make_folder
from core.engines import Move, Stage
from core.errors import BadInput, Refused, failure
from core.moving import Moved, Mover
from core.store.segments_files import try_lock
from core.words import duration, moment, number, say
from kydai.cli.main import LANG
from kydai.cli.output import Output, safe
from kydai.context import Context, open_engine
from kydai.people import cli_actor

TELL_EVERY = 10.0


def move(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Argument(metavar="FROM")] = None,
    target: Annotated[str | None, typer.Argument(metavar="TO")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help=say("cli.store.move_cancel", LANG))] = False,
) -> None:
    context: Context = ctx.obj
    context.need_data()
    if cancel and source is None:
        _give_up(context)
    elif cancel or (source is None) != (target is None):
        raise failure(BadInput, "cli.store.move_usage")
    elif source is None or target is None:
        _show(context)
    else:
        _move(context, source, target)


def _move(context: Context, source: str, target: str) -> None:
    settings, out = context.settings, context.output
    if not {source, target} <= set(engines.ENGINES):
        raise failure(BadInput, "store.move.engines", engines=", ".join(engines.ENGINES))
    make_folder(settings.data)
    lock = try_lock(settings.data / "moving.lock")
    if lock is None:
        raise failure(Refused, "store.move.busy")
    opened = []
    try:
        for name in (source, target):
            opened.append(open_engine(name, settings, context.clock))
        teller = _Teller(out, context.clock)
        mover = Mover(
            context.database, opened[0], opened[1], context.clock, cli_actor(), tell=teller, wait=sleep
        )  # fmt: skip
        out.tell(say("cli.store.move_begins", LANG, source=source, target=target))
        done = mover.run()
    finally:
        for store in opened:
            store.close()
        lock.release()
    _tell_end(out, done, source, target)


def _tell_end(out: Output, done: Moved, source: str, target: str) -> None:
    took, paused = (duration(round(each * SECOND), LANG) for each in (done.seconds, done.paused))
    words = {"events": done.events, "trees": done.trees, "target": target}
    out.one(
        {"from": source, "to": target} | asdict(done), say("cli.store.moved", LANG, took=took, paused=paused, **words)
    )
    out.tell(say("cli.store.move_next", LANG, target=target))
    out.tell(say("cli.store.move_left", LANG, source=source))


class _Teller:
    """A line of progress now and then, and at each new stage."""

    def __init__(self, out: Output, clock: Clock) -> None:
        self._out, self._clock = out, clock
        self._told_at = -TELL_EVERY
        self._stage: Stage | None = None

    def __call__(self, move: Move) -> None:
        now = self._clock.monotonic()
        if move.stage is self._stage and now - self._told_at < TELL_EVERY:
            return
        self._told_at, self._stage = now, move.stage
        self._out.tell(_told(move))


def _told(move: Move) -> str:
    """How far a move is, as a line."""
    if move.stage is Stage.CLOSING:
        return say("cli.store.move_closing", LANG)
    done = move.copied if move.stage is Stage.COPYING else move.proven
    seconds = (move.events - done) / move.per_second if move.per_second else None
    left = "…" if seconds is None else duration(round(seconds * SECOND), LANG)
    words = {"done": done, "events": move.events, "rate": number(round(move.per_second), LANG), "left": left}
    return say(f"cli.store.move_{move.stage}", LANG, **words)


def _show(context: Context) -> None:
    now, out = context.clock.now(), context.output
    with context.database.read() as session:
        found = engines.under_way(session)
    if found is None:
        out.one({"move": None}, say("store.move.none", LANG))
        return
    if out.as_json:
        out.one({"move": asdict(found) | {"began_at": iso(found.began_at), "seen_at": iso(found.seen_at)}})
        return
    words = {"source": found.source, "target": found.target}
    alive = say(f"cli.store.move_{'alive' if found.is_alive(now) else 'rests'}", LANG, **words)
    at = moment(found.began_at, LANG, context.settings.zone, seconds=False)
    told = _told(found).rstrip(".")
    out.one(None, say("cli.store.move_state", LANG, at=at, who=safe(found.by), told=told, alive=alive, **words))


def _give_up(context: Context) -> None:
    with context.database.write() as session:
        move = engines.give_up(session, cli_actor(), context.clock.now())
    context.output.tell(say("cli.store.move_given_up", LANG, source=move.source, target=move.target))
    if context.output.as_json:
        context.output.one({"from": move.source, "to": move.target, "given_up": True})
