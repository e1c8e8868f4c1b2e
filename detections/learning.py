"""What rules about values never seen before have learnt so far, kept by the worker for people to see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import Micros
from core.db.models import Meta
from core.words import LANGUAGES, Text, moment, say
from detections.coverage import Coverage, State
from detections.first_seen import Learnt, Memories
from detections.hit_blocks import PARTITIONS

_SEVERAL = msgspec.json.Decoder(dict[str, Learnt])


def keep(session: Session, partition: int, memories: Memories, now: Micros) -> None:
    """Write what the rules know in a partition, in the caller's transaction."""
    if memories.patterns:
        session.merge(Meta(key=_key(partition), value=msgspec.json.encode(memories.learnt(now)).decode()))


def learnt(session: Session) -> dict[str, Learnt]:
    """By rule, over all partitions, as of the last checkpoints."""
    found: dict[str, Learnt] = {}
    rows = session.scalars(select(Meta.value).where(Meta.key.in_(map(_key, range(PARTITIONS)))))
    for value in rows:
        for rule, told in _SEVERAL.decode(value).items():
            found[rule] = _added(found[rule], told) if rule in found else told
    return found


def _key(partition: int) -> str:
    return f"first_seen.{partition:02d}"


def _added(one: Learnt, other: Learnt) -> Learnt:
    return Learnt(
        one.groups + other.groups,
        one.learning + other.learning,
        one.values + other.values,
        min((at for at in (one.since, other.since) if at is not None), default=None),
        max((at for at in (one.until, other.until) if at is not None), default=None),
        one.dropped + other.dropped,
        max((each for each in (one.newest, other.newest) if each is not None), default=None),
        one.lost + other.lost,
    )


def told(known: Learnt, now: Micros) -> Text:
    """``learning until 10 December 2026, 09:00 (3 of 12 groups); 420 values are known``."""
    return {lang: "; ".join(_parts(known, now, lang)) for lang in LANGUAGES}


def _parts(known: Learnt, now: Micros, lang: str) -> Iterable[str]:
    if known.since is None:
        yield say("beyond.learnt.nothing", lang)
        return
    if known.until is not None and known.until > now:
        at = moment(known.until, lang, seconds=False)
        yield say("beyond.learnt.until", lang, at=at, learning=known.learning, groups=known.groups)
    else:
        yield say("beyond.learnt.since", lang, at=moment(known.since, lang, seconds=False))
    yield say("beyond.learnt.values", lang, count=known.values)
    if known.dropped:
        yield say("beyond.learnt.dropped", lang, count=known.dropped)
    if known.lost:
        yield say("beyond.learnt.lost", lang, count=known.lost)


def with_more(states: Iterable[Coverage], more: Mapping[str, Text]) -> list[Coverage]:
    """The reasons with what is said beside them by rule, of rules that could tell."""
    silent = (State.DISABLED, State.BLIND, State.NOT_HERE)
    return [
        replace(each, reason=_joined(each.reason, more[each.rule]), tells_more=True)
        if each.rule in more and each.state not in silent
        else each
        for each in states
    ]


def _joined(reason: Mapping[str, str], more: Text) -> Text:
    return {lang: f"{reason[lang]}; {more[lang]}" for lang in LANGUAGES}
