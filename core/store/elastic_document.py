"""Events as documents of Elasticsearch and back: everything that decides a comparison is computed here (decision 9).

A document holds each field under its own name, in the form in which the field's type is indexed. Where that is not
the value itself, the value stands in ``kydai.whole``. Beside the fields stand

* ``kydai.index.*``: what is only indexed and left out of ``_source``;
* ``kydai.texts``: lists of a name and the texts of that field, where the document does not show them as they are;
* ``kydai.folded``: the same with the folded texts, of fields that fold and are not ASCII.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import orjson

from core.clock import to_micros
from core.ecs import FieldType
from core.errors import BadInput
from core.event import Event, EventId, Scalar, Value
from core.query.fold import MAX_CHARS, cut, fold, lower
from core.query.values import coerce, to_ip, to_text
from core.store.admission import event_id, instant
from core.store.elastic_fields import (
    FOLDED_TEXTS,
    KEYS,
    KV,
    MISFIT,
    RECORD,
    SEGMENT,
    TEXTS,
    TIMESTAMP,
    WHOLE,
    N,
    is_ours,
)
from core.store.elastic_shape import ASIDE, DATE, IP, RICH, TEXT, TYPED, UNMAPPED, Plan, Shape, keys_of, shape_of

_MAX_ADDRESS = 64  # what to_ip takes for one
_SHORT = 100
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1
_TIME_CHARS = 27
_MINUTE = 60_000_000
_known_ip = functools.lru_cache(65_536)(to_ip)
_cached_fold = functools.lru_cache(8_192)(fold)


def _ip(value: str) -> str | None:
    return _known_ip(value) if len(value) <= _MAX_ADDRESS else None


def _folded(value: str) -> str:
    """Names of systems and agencies stand in every event."""
    return _cached_fold(value) if len(value) <= _SHORT else fold(value)


class _Aside:
    """What stands beside the fields of a document."""

    __slots__ = ("absent", "folded", "kv", "misfits", "texts", "whole")

    def __init__(self) -> None:
        self.kv: list[str] = []
        self.whole: dict[str, Value] = {}
        self.texts: list[list[str]] = []
        self.folded: list[list[str]] = []
        self.misfits: list[str] = []
        self.absent: list[str] = []
        """Fields that have no member but null."""


def document(event: Event, id_: EventId | None = None) -> dict[str, Any]:
    """What is sent of an event; ``id_`` are the parts of its id, where they are known. Raises BadInput with the reason
    when it cannot be stored; a lone surrogate or a number of more than 64 bits is refused by orjson only when the
    document is written as JSON."""
    doc: dict[str, Any] = dict(event)
    shape = shape_of(tuple(event))
    aside = _Aside()
    kv = aside.kv
    maybe = shape.texts.write(event, doc, kv)
    if maybe is None:
        for plan in shape.texts.plans:
            _one(doc, aside, plan, event[plan.name])
    else:
        for plan, found in maybe:
            _note_address(kv, plan, found)
    _fold_texts(doc, aside, event, shape)
    for name, plan, beside in shape.dates:
        value = event[name]
        if type(value) is str and (at := micros(value)) is not None:
            doc[beside] = at
        else:
            _carefully(doc, aside, plan, value)
    for name, plan in shape.longs:
        value = event[name]
        if type(value) is not int or not _MIN_LONG <= value <= _MAX_LONG:
            _carefully(doc, aside, plan, value)
    for name, plan, beside in shape.ips:
        value = event[name]
        for member in value if type(value) is list and value else (value,):
            if type(member) is not str or "%" in member or not _ip(member):
                _carefully(doc, aside, plan, value)
                break
        else:
            doc[beside] = value
    for name, plan in shape.lists:
        value = event[name]
        if type(value) is not list or not value or (text := _joined(value)) is None:
            _one(doc, aside, plan, value)
        elif "." in text or ":" in text:
            for member in value:
                _note_address(kv, plan, member)
    for plan in shape.rest:
        _carefully(doc, aside, plan, event[plan.name])
    if TIMESTAMP not in doc:
        moment = instant(event.get("@timestamp"))
        if moment is None:
            raise BadInput("no readable @timestamp")
        doc[TIMESTAMP] = moment
    doc[SEGMENT], doc[RECORD], doc[N] = id_ or event_id(event)
    _finish(doc, aside, event, shape)
    return doc


def _fold_texts(doc: dict[str, Any], aside: _Aside, event: Event, shape: Shape) -> None:
    """The fields that fold, one by one: folding is remembered, and one that is not ASCII would make it dear for all."""
    for name, plan, fold_in, words_in in shape.folds:
        value = event[name]
        if type(value) is not str or len(value) > MAX_CHARS:
            _carefully(doc, aside, plan, value)
            continue
        if len(value) <= _MAX_ADDRESS and ("." in value or ":" in value):
            _note_address(aside.kv, plan, value)
        if value.isascii():
            found = value.lower()
        else:
            found = _folded(value)
            aside.folded.append([name, found])
        if fold_in:
            doc[fold_in] = found[:MAX_CHARS]
        if words_in:
            doc[words_in] = found
        if plan.lower:
            doc[plan.lower] = lower(value)


def _joined(members: list[Any]) -> str | None:
    """Members as one text; None when one is no text or may be longer than is compared."""
    try:
        text = "\0".join(members)
    except TypeError:
        return None
    return text if len(text) <= MAX_CHARS else None


def _note_address(kv: list[str], plan: Plan, value: Any) -> None:
    if digits := _ip(value):
        kv.append(plan.address + digits)


def _one(doc: dict[str, Any], aside: _Aside, plan: Plan, value: Value) -> None:
    """A field of those that are done together where each of them holds a short text."""
    if type(value) is not str or len(value) > MAX_CHARS:
        _carefully(doc, aside, plan, value)
        return
    low = lower(value)
    for target in (plan.lower, plan.words):
        if target:
            doc[target] = low
    if plan.kind == UNMAPPED:
        aside.kv.append(plan.kv + low)
    _note_address(aside.kv, plan, value)


def _carefully(doc: dict[str, Any], aside: _Aside, plan: Plan, value: Value) -> None:
    """A value that is not one short text or number of the field's type; what the document has of it is made anew."""
    name, type_ = plan.name, plan.type_
    del doc[name]
    members = [member for member in (value if isinstance(value, list) else [value]) if member is not None]
    for member in members:
        if isinstance(member, float) and not math.isfinite(member):
            raise BadInput(f"the number of {name[:80]!r} is none")
        if isinstance(member, str) and (digits := _ip(member)) and plan.kind != IP:
            aside.kv.append(plan.address + digits)
    if not members:
        aside.absent.append(name)
        if plan.kind == ASIDE:
            aside.whole[name] = value
        else:
            doc[name] = value
        return
    texts = [cut(text) for member in members if (text := _text(plan, member)) is not None]
    if plan.kind in (UNMAPPED, ASIDE):
        aside.kv += [plan.kv + lower(text) for text in texts]
        if plan.kind == ASIDE:
            aside.whole[name] = value
            aside.texts.append([name, *texts])
        else:
            doc[name] = value
            if texts != _shown(members):
                aside.texts.append([name, *texts])
        return
    indexed: list[Any] = texts
    if plan.kind == IP:
        indexed = [m.partition("%")[0] for m in members if isinstance(m, str) and _ip(m)]
        doc[plan.beside] = texts
    elif plan.kind == DATE:
        times = {text: at for text in texts if (at := micros(text)) is not None}
        indexed = [text for text in texts if text in times]
        if times:
            doc[plan.beside] = [times[text] for text in indexed]
    elif plan.kind == TYPED:
        indexed = [held for member in members if (held := coerce(type_, member)) is not None]
        if type_ is FieldType.DOUBLE:
            indexed = [0.0 if number == 0 else number for number in indexed]
    if plan.kind in (DATE, TYPED):
        misfits = [m for m in members if coerce(type_, m) is None]
        aside.misfits += [plan.kv + cut(text) for m in misfits if (text := to_text(m)) is not None]
    here: Any = indexed
    if not isinstance(value, list):
        here = indexed[0] if indexed else None
    if here is not None:
        doc[name] = here
    if not _same(here, value):
        aside.whole[name] = value
    if texts != _shown(indexed):
        aside.texts.append([name, *texts])
    if plan.kind in (RICH, TEXT):
        _rich_list(doc, aside, plan, texts)


def _rich_list(doc: dict[str, Any], aside: _Aside, plan: Plan, texts: list[str]) -> None:
    if plan.lower:
        doc[plan.lower] = [lower(text) for text in texts]
    made = [fold(text) if plan.folds else lower(text) for text in texts]
    if plan.folds and not all(text.isascii() for text in texts):
        aside.folded.append([plan.name, *made])
    if plan.fold:
        doc[plan.fold] = [text[:MAX_CHARS] for text in made]
    if plan.words:
        doc[plan.words] = made


def _text(plan: Plan, member: Scalar) -> str | None:
    """The text by which patterns see a member."""
    if plan.kind in (DATE, TYPED):
        return to_text(coerce(plan.type_, member))
    return to_text(member)


def _shown(members: list[Any]) -> list[str] | None:
    """The texts that the scripts of core/query/to_dsl.py read from members; None when they read others."""
    found: list[str] = []
    for member in members:
        if isinstance(member, float) and not (member == 0 or 1e-3 <= abs(member) < 1e7):
            return None  # Java writes it in another way
        text = to_text(member)
        if text is None:
            return None
        found.append(text)
    return found


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same as JSON, types included."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def micros(text: str) -> int | None:
    """A canonical time in microseconds; None for any other text."""
    if len(text) != _TIME_CHARS or text[19] != "." or text[26] != "Z":
        return None
    minute = _minute(text[:17])
    rest = text[17:19] + text[20:26]
    if minute is None or not rest.isascii() or not rest.isdecimal() or (within := int(rest)) >= _MINUTE:
        return None
    return minute + within


@functools.lru_cache(8_192)
def _minute(text: str) -> int | None:
    """The beginning of a minute, of which many times are in a batch."""
    if text[4:17:3] != "--T::":
        return None
    try:
        return to_micros(f"{text}00Z")
    except ValueError:
        return None


def _finish(doc: dict[str, Any], aside: _Aside, event: Event, shape: Shape) -> None:
    doc[KEYS] = keys_of(name for name in event if name not in aside.absent) if aside.absent else shape.keys
    if aside.kv:
        doc[KV] = aside.kv
    if aside.misfits:
        doc[MISFIT] = aside.misfits
    if aside.whole:
        doc[WHOLE] = orjson.dumps(aside.whole).decode()
    if aside.texts:
        doc[TEXTS] = aside.texts
    if aside.folded:
        doc[FOLDED_TEXTS] = aside.folded


def event_of(source: Mapping[str, Any]) -> Event:
    """The event of a document's ``_source``, types included."""
    event: Event = {name: value for name, value in source.items() if not is_ours(name)}
    if WHOLE in source:
        event |= orjson.loads(source[WHOLE])
    return event
