"""How amounts, holds and what goes are told by the verbs of ``kydai store``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from core import storage
from core.checks import Verified
from core.clock import Micros, iso
from core.errors import recalled
from core.reindexing import Run
from core.storage import Frozen, Storage
from core.store.contract import Part
from core.store.outlook import Amount, by_classes
from core.store.reindex import ReindexStage
from core.words import moment, say, size
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.context import Context


def look(context: Context) -> Storage:
    """How the store stands now."""
    settings = context.settings
    reserve = settings.spool.reserve_mb << 20
    return storage.look(context.database, context.store, settings.store.policy, reserve, context.clock.now())


def minute(context: Context, at: Micros) -> str:
    """A time to the minute."""
    return moment(at, LANG, context.settings.zone, seconds=False)


def iso_or_none(at: Micros | None) -> str | None:
    return None if at is None else iso(at)


def amount_document(found: Amount) -> dict[str, Any]:
    return {
        "parts": found.parts, "events": found.rows, "bytes": found.bytes,
        "first": iso_or_none(found.first), "last": iso_or_none(found.last),
    }  # fmt: skip


def amount_words(found: Amount) -> dict[str, Any]:
    """The values of a sentence about an amount."""
    return {"events": found.rows, "parts": found.parts, "size": size(found.bytes, LANG)}


def hold_document(found: Frozen) -> dict[str, Any]:
    hold, lifting = found.placed.hold, found.placed.lifting
    return {
        "name": hold.name, "from": iso_or_none(hold.span.start), "to": iso_or_none(hold.span.end),
        "reason": hold.reason, "placed_at": iso(hold.placed_at), "placed_by": found.placed.placed_by,
        "keeps": amount_document(found.amount),
        "lifting": None
        if lifting is None
        else {
            "at": iso(lifting.at), "asked_at": iso(lifting.asked_at), "asked_by": lifting.asked_by,
            "reason": lifting.reason,
        },
    }  # fmt: skip


def hold_told(context: Context, found: Frozen) -> str:
    """A hold, what it keeps, and whether it is about to be lifted."""
    hold, lifting = found.placed.hold, found.placed.lifting
    span = [minute(context, at) if at is not None else "…" for at in (hold.span.start, hold.span.end)]
    line = say(
        "cli.store.frozen",
        LANG,
        name=safe(hold.name),
        span=" → ".join(span),
        reason=safe(hold.reason) or "–",
        **amount_words(found.amount),
    )
    if lifting is None:
        return line
    words = {"at": minute(context, lifting.at), "who": safe(lifting.asked_by), "reason": safe(lifting.reason)}
    return f"{line} {say('cli.store.lifting', LANG, quoted=safe(shlex.quote(hold.name)), **words)}"


def verified_document(found: Verified) -> dict[str, Any]:
    return {
        "at": iso(found.at), "by": found.by, "parts": found.parts, "found": found.found, "open": found.open,
        "unread": found.unread, "from": iso_or_none(found.start), "to": iso_or_none(found.end),
    }  # fmt: skip


def verified_told(context: Context, found: Verified | None) -> str:
    """What the last check found; of one that did not compare everything nothing is called whole."""
    if found is None:
        return say("cli.store.never_verified", LANG)
    key = "unread" if found.unread else "open" if found.open else "nothing_found" if found.is_partial else "whole"
    words = {"at": minute(context, found.at), "who": safe(found.by) or "–", "parts": found.parts}
    line = say(f"cli.store.verified_{key}", LANG, open=found.open, unread=found.unread, **words)
    if not found.is_partial:
        return line
    span = " → ".join("…" if at is None else minute(context, at) for at in (found.start, found.end))
    return f"{line} {say('cli.store.verified_span', LANG, span=span)}"


def reindexing_document(run: Run, now: Micros) -> dict[str, Any]:
    state = {"part": None, "stage": None, "done": 0, "total": 0, "left": 0} if run.state is None else asdict(run.state)
    error = recalled(run.error)[LANG] if run.error else None
    return state | {"began": iso(run.began), "is_alive": run.is_alive(now), "error": error}


def reindexing_told(run: Run, now: Micros) -> str:
    """How far it is with what an older version wrote, and whether somebody is at it."""
    state = run.state
    line = ""
    if state is not None:
        words = {"part": safe(state.part), "done": state.done, "total": state.total, "left": state.left}
        line = say("cli.store.reindexing", LANG, **words) + " "
    if run.error:
        return line + say("cli.store.reindex_failed", LANG, why=safe(recalled(run.error)[LANG]))
    is_closed = state is not None and state.stage is not ReindexStage.COPYING
    if is_closed:
        line += say("cli.store.reindex_closing", LANG) + " "
    if run.is_alive(now):
        return line + say("cli.store.reindex_alive_closing" if is_closed else "cli.store.reindex_alive", LANG)
    return line + say("cli.store.reindex_rests", LANG)


def show_going(context: Context, parts: Sequence[Part], document: dict[str, Any]) -> None:
    """What goes, by class."""
    found = by_classes(parts, context.clock.now())
    if context.output.as_json:
        goes = [{"classes": list(classes)} | amount_document(each) for classes, each in found.items()]
        context.output.one(document | {"goes": goes})
        return
    if not found:
        context.output.one(None, say("cli.store.nothing_goes", LANG))
    for classes, each in found.items():
        assert each.first is not None and each.last is not None
        span = f"{minute(context, each.first)} → {minute(context, each.last)}"
        context.output.one(None, say("cli.store.goes", LANG, name=", ".join(classes), span=span, **amount_words(each)))
