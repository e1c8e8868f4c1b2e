"""Sealing and proving the hours of a data folder, and what a check found, for people and programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core.clock import iso
from core.db.models import IntegrityRoot, Meta
from core.faults import Fault, Problem
from core.heads import FILE as HEADS
from core.heads import Head, heads_of, publish
from core.keys import Keys
from core.proving import Prover
from core.sealing import HEAD, Sealed, Sealer, read_head
from core.store.contract import Finding, Span
from core.tombstones import head_of
from core.words import moment, say
from kydai.context import Context

SECONDS = 600.0
"""A round of sealing takes about so long at most; the next goes on."""


def seal(context: Context) -> Sealed:
    """Seal what is committed, and put the heads where they are kept."""
    settings = context.settings
    keys = Keys(settings.keys_folder)
    sealer = Sealer(context.database, context.store, keys, context.clock, settings.integrity_folder)
    done = sealer.seal(seconds=SECONDS)
    publish_heads(context)
    return done


def publish_heads(context: Context) -> None:
    """Put the heads of roots and tombstones where they are kept."""
    with context.database.read() as session:
        written = session.get(Meta, HEAD)
        seq, hash_ = read_head(written.value) if written is not None else (0, "")
        row = session.get(IntegrityRoot, seq)
        stone = head_of(session)
    heads = ([] if row is None else [Head(seq, hash_, row.at)]) + ([] if stone is None else [stone])
    for head in heads:
        publish(head, context.settings.integrity_folder)


def prover(context: Context) -> Prover:
    """A check of the folder."""
    return Prover(context.database, context.store, Keys(context.settings.keys_folder), context.clock)


def wrong(context: Context, check: Prover) -> tuple[list[Finding], int]:
    """What is wrong with the sealed hours, all of them, and in how many places the events could not be read."""
    kept = heads_of(context.settings.integrity_folder / HEADS)
    findings, unread = list[Finding](), 0
    for fault in check.run(Span(), kept):
        unread += fault.problem is Problem.MISSING
        if fault.is_wrong:
            findings.append(Finding(fault.place, fault.problem))
    return findings, unread


def document(fault: Fault) -> dict[str, Any]:
    """A fault for programs."""
    found = asdict(fault) | {"hour": iso(fault.hour) if fault.number or fault.class_ else None}
    return {"problem": found.pop("problem"), "class": found.pop("class_"), "is_wrong": fault.is_wrong, **found}


def told(fault: Fault, lang: str, zone: str) -> str:
    """A fault as a line for people."""
    said = {"first": fault.first, "last": fault.last, "count": fault.count, "detail": fault.detail}
    if fault.of == "tombstone":
        place = say("integrity.place_tombstone", lang, seq=fault.seq or "–")
        return f"{place}: {say(f'integrity.tombstone.{fault.problem}', lang, **said)}"
    hour = moment(fault.hour, lang, zone)
    if fault.number:
        place = say("integrity.place", lang, seq=fault.seq, hour=hour, kept=fault.class_, number=fault.number)
    elif fault.seq:
        place = say("integrity.place_seq", lang, seq=fault.seq)
    else:
        place = say("integrity.place_hour", lang, hour=hour, kept=fault.class_)
    return f"{place}: {say(f'integrity.problem.{fault.problem}', lang, **said)}"
