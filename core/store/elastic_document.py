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
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.clock import to_micros
from core.ecs import FieldType, is_folded, type_of
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
    WILDCARD,
    WORDS,
    N,
    address_prefix,
    folded,
    held,
    is_aside,
    is_mapped,
    is_ours,
    key_of,
    kv_prefix,
    searched,
    time,
    words,
)

_MAX_ADDRESS = 64  # what to_ip takes for one
_MAX_KEYS = 30_000
_MAX_CACHED = 20_000
_SHORT = 100
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1
_TIME_CHARS = 27
_HEX_DIGITS = "0123456789abcdefABCDEF:"
_address_like = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%|\Z)").match
_known_ip = functools.lru_cache(65_536)(to_ip)
_cached_fold = functools.lru_cache(8_192)(fold)


def _ip(value: str) -> str | None:
    return _known_ip(value) if len(value) <= _MAX_ADDRESS else None


def _folded(value: str) -> str:
    """Names of systems and agencies stand in every event."""
    return _cached_fold(value) if len(value) <= _SHORT else fold(value)


# What is done with a field; plain numbers, as they are asked for each field of each event.
_KEYWORD, _RICH, _UNMAPPED, _TEXT, _IP, _DATE, _TYPED, _ASIDE = range(8)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a field by its name."""

    kind: int
    name: str
    type_: FieldType
    kv: str
    address: str
    beside: str = ""
    """The address field of texts, or the field of microseconds."""
    lower: str = ""
    fold: str = ""
    words: str = ""
    folds: bool = False


def _plan(name: str) -> _Plan:
    type_ = type_of(name)
    kind = _TYPED
    beside = ""
    if is_aside(name):
        kind = _ASIDE
    elif name == "event.id":
        kind = _KEYWORD  # which stands as it is; it is asked by the document's id
    elif not is_mapped(name):
        kind = _UNMAPPED
    elif type_ is FieldType.TEXT:
        kind = _TEXT
    elif type_ is FieldType.IP:
        kind, beside = _IP, held(name)
    elif type_ is FieldType.DATE:
        kind, beside = _DATE, time(name)
    elif type_ is FieldType.KEYWORD:
        kind = _RICH if name in WILDCARD or name in WORDS or is_folded(name) else _KEYWORD
    rich = kind in (_RICH, _TEXT)
    if len(_plans) >= _MAX_CACHED:
        _plans.clear()  # names that nobody repeats
    made = _plans[name] = _Plan(
        kind,
        name,
        type_,
        kv_prefix(name),
        address_prefix(name),
        beside,
        lower=searched(name) if rich and name in WILDCARD else "",
        fold=folded(name) if kind is _RICH and is_folded(name) else "",
        words=words(name) if rich and name in WORDS else "",
        folds=is_folded(name),
    )
    return made


_plans: dict[str, _Plan] = {}
_shapes: dict[tuple[str, ...], _Shape] = {}


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


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of an event by the names of its fields; few lists of them are different."""

    keys: list[str]
    keywords: tuple[_Plan, ...]
    """Fields whose value stands in the document as it is, if it is one short text."""
    others: tuple[_Plan, ...]


def document(event: Event, id_: EventId | None = None) -> dict[str, Any]:
    """What is sent of an event; ``id_`` are the parts of its id, where they are known. Raises BadInput with the reason
    when it cannot be stored; a lone surrogate or a number of more than 64 bits is refused by orjson only when the
    document is written as JSON."""
    doc: dict[str, Any] = dict(event)
    names = tuple(event)
    shape = _shapes.get(names) or _shape(names)
    aside = _Aside()
    kv = aside.kv
    for plan in shape.keywords:
        value = event[plan.name]
        if type(value) is str and len(value) <= MAX_CHARS:
            if value[:1] in _HEX_DIGITS and _address_like(value) and (digits := _ip(value)):
                kv.append(plan.address + digits)
        elif type(value) is not list or not value or not _listed(doc, kv, plan, value):
            _carefully(doc, aside, plan, value)
    for plan in shape.others:
        value = event[plan.name]
        kind = plan.kind
        if type(value) is not str or len(value) > MAX_CHARS:
            if type(value) is int and plan.type_ is FieldType.LONG and _MIN_LONG <= value <= _MAX_LONG:
                continue
            if type(value) is not list or not value or not _listed(doc, kv, plan, value):
                _carefully(doc, aside, plan, value)
        elif kind <= _TEXT:
            low = value.lower() if value.isascii() else lower(value)
            if kind is _UNMAPPED:
                kv.append(plan.kv + low)
            else:
                _rich(doc, aside, plan, value, low)
            if value[:1] in _HEX_DIGITS and _address_like(value) and (digits := _ip(value)):
                kv.append(plan.address + digits)
        elif kind is _IP and value.find("%") < 0 and _ip(value):
            doc[plan.beside] = value
        elif kind is _DATE and (at := micros(value)) is not None:
            doc[plan.beside] = at
        else:
            _carefully(doc, aside, plan, value)
    if TIMESTAMP not in doc:
        moment = instant(event.get("@timestamp"))
        if moment is None:
            raise BadInput("no readable @timestamp")
        doc[TIMESTAMP] = moment
    doc[SEGMENT], doc[RECORD], doc[N] = id_ or event_id(event)
    _finish(doc, aside, event, shape)
    return doc


def _shape(names: tuple[str, ...]) -> _Shape:
    plans = [_plans.get(name) or _plan(name) for name in names]
    keywords = tuple(plan for plan in plans if plan.kind is _KEYWORD)
    if len(_shapes) >= _MAX_CACHED // 10:
        _shapes.clear()
    made = _shapes[names] = _Shape(_keys_of(names), keywords, tuple(p for p in plans if p.kind is not _KEYWORD))
    return made


def _listed(doc: dict[str, Any], kv: list[str], plan: _Plan, members: list[Any]) -> bool:
    """Whether a list was one of short texts of a keyword, or of addresses, and is taken."""
    if plan.kind is _KEYWORD:
        for member in members:
            if type(member) is not str or len(member) > MAX_CHARS:
                return False
            if member[:1] in _HEX_DIGITS and _address_like(member) and (digits := _ip(member)):
                kv.append(plan.address + digits)
    elif plan.kind is _IP:
        for member in members:
            if type(member) is not str or member.find("%") >= 0 or not _ip(member):
                return False
        doc[plan.beside] = members
    else:
        return False
    return True


def _rich(doc: dict[str, Any], aside: _Aside, plan: _Plan, value: str, low: str) -> None:
    if plan.lower:
        doc[plan.lower] = low
    if not plan.folds:
        if plan.words:
            doc[plan.words] = low
        return
    plain = value.isascii()
    found = low if plain else _folded(value)
    if not plain:
        aside.folded.append([plan.name, found])
    if plan.fold:
        doc[plan.fold] = found[:MAX_CHARS]
    if plan.words:
        doc[plan.words] = found


def _carefully(doc: dict[str, Any], aside: _Aside, plan: _Plan, value: Value) -> None:
    """A value that is not one short text or number of the field's type; what the document has of it is made anew."""
    name, type_ = plan.name, plan.type_
    del doc[name]
    members = [member for member in (value if isinstance(value, list) else [value]) if member is not None]
    for member in members:
        if isinstance(member, float) and not math.isfinite(member):
            raise BadInput(f"the number of {name[:80]!r} is none")
        if isinstance(member, str) and (digits := _ip(member)) and plan.kind is not _IP:
            aside.kv.append(plan.address + digits)
    if not members:
        aside.absent.append(name)
        if plan.kind is _ASIDE:
            aside.whole[name] = value
        else:
            doc[name] = value
        return
    texts = [cut(text) for member in members if (text := _text(plan, member)) is not None]
    if plan.kind in (_UNMAPPED, _ASIDE):
        aside.kv += [plan.kv + lower(text) for text in texts]
        if plan.kind is _ASIDE:
            aside.whole[name] = value
            aside.texts.append([name, *texts])
        else:
            doc[name] = value
            if texts != _shown(members):
                aside.texts.append([name, *texts])
        return
    indexed: list[Any] = texts
    if plan.kind is _IP:
        indexed = [m.partition("%")[0] for m in members if isinstance(m, str) and _ip(m)]
        doc[plan.beside] = texts
    elif plan.kind is _DATE:
        times = {text: at for text in texts if (at := micros(text)) is not None}
        indexed = [text for text in texts if text in times]
        if times:
            doc[plan.beside] = [times[text] for text in indexed]
    elif plan.kind is _TYPED:
        indexed = [held for member in members if (held := coerce(type_, member)) is not None]
        if type_ is FieldType.DOUBLE:
            indexed = [0.0 if number == 0 else number for number in indexed]
    if plan.kind in (_DATE, _TYPED):
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
    if plan.kind in (_RICH, _TEXT):
        _rich_list(doc, aside, plan, texts)


def _rich_list(doc: dict[str, Any], aside: _Aside, plan: _Plan, texts: list[str]) -> None:
    if plan.lower:
        doc[plan.lower] = [lower(text) for text in texts]
    made = [fold(text) if plan.folds else lower(text) for text in texts]
    if plan.folds and not all(text.isascii() for text in texts):
        aside.folded.append([plan.name, *made])
    if plan.fold:
        doc[plan.fold] = [text[:MAX_CHARS] for text in made]
    if plan.words:
        doc[plan.words] = made


def _text(plan: _Plan, member: Scalar) -> str | None:
    """The text by which patterns see a member."""
    if plan.kind in (_DATE, _TYPED):
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
    return _micros(text) if len(text) == _TIME_CHARS else None


@functools.lru_cache(8_192)
def _micros(text: str) -> int | None:
    if text[10] != "T" or text[19] != "." or text[4] != "-" or text[7] != "-" or text[-1] != "Z":
        return None
    try:
        return to_micros(text)
    except ValueError:
        return None


def _finish(doc: dict[str, Any], aside: _Aside, event: Event, shape: _Shape) -> None:
    doc[KEYS] = _keys_of(name for name in event if name not in aside.absent) if aside.absent else shape.keys
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


def _keys_of(names: Iterable[str]) -> list[str]:
    """The names as JSON lists that are short enough to be terms."""
    lists: list[str] = []
    now: list[str] = []
    size = 0
    for name in map(key_of, names):
        if size + len(name.encode()) + 1 > _MAX_KEYS:
            lists.append(f"[{','.join(now)}]")
            now, size = [], 0
        now.append(name)
        size += len(name.encode()) + 1
    lists.append(f"[{','.join(now)}]")
    return lists


def event_of(source: Mapping[str, Any]) -> Event:
    """The event of a document's ``_source``, types included."""
    event: Event = {name: value for name, value in source.items() if not is_ours(name)}
    if WHOLE in source:
        event |= orjson.loads(source[WHOLE])
    return event
