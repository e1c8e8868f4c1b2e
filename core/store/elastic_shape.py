"""What is known of an event by the names of its fields: what is done with each, and how many are done at one stroke.

Few lists of names are different, so it is found out once for each. Texts that need nothing but to be lowered are
joined, lowered and looked at for addresses as one text: a step of Python for each of them would cost the most of all
that is done to store an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import add, itemgetter
from typing import Any

from core.ecs import ARRAYS, FieldType, is_folded, type_of
from core.event import Event
from core.query.fold import MAX_CHARS, lower
from core.store.elastic_fields import (
    WILDCARD,
    WORDS,
    address_prefix,
    folded,
    held,
    is_aside,
    is_mapped,
    key_of,
    kv_prefix,
    searched,
    time,
    words,
)

_MAX_CACHED = 20_000
"""Names that are remembered, and again as many in all shapes together: names are the sender's, and a shape is as large
as they are many."""
_MAX_SHAPE = 200
"""An event of more names is hardly ever followed by one of the same."""
_MAX_KEYS = 30_000
_HEX_DIGITS = b"0123456789abcdefABCDEF"

# What is done with a field; plain numbers, as they are asked for each field of each event.
KEYWORD, RICH, UNMAPPED, TEXT, IP, DATE, TYPED, ASIDE = range(8)


@dataclass(frozen=True, slots=True)
class Plan:
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


class Texts:
    """Fields that hold one short text each, as a rule, and are done together."""

    __slots__ = ("_count", "_lowered", "_picked", "_prefixes", "_targets", "_values", "plans")

    def __init__(self, plans: Iterable[Plan]) -> None:
        # those of KV first, then what is lowered into fields of its own, then what only stands as it is
        ordered = sorted(plans, key=lambda plan: (plan.kind != UNMAPPED, plan.kind == KEYWORD))
        self.plans = tuple(ordered)
        self._count = len(ordered)
        self._lowered = sum(plan.kind != KEYWORD for plan in ordered)
        self._values = _getter([plan.name for plan in ordered])
        self._prefixes = [plan.kv for plan in ordered if plan.kind == UNMAPPED]
        targets = [(i, name) for i, plan in enumerate(ordered) for name in (plan.lower, plan.words) if name]
        self._targets = [name for _, name in targets]
        self._picked = _getter([i for i, _ in targets])

    def write(self, event: Event, doc: dict[str, Any], kv: list[str]) -> list[tuple[Plan, str]] | None:
        """Write what stands beside the texts and in KV; which of the texts may be addresses. None, and nothing is
        written, when one of them is no text, may be longer than is compared or has a NUL of its own."""
        if not self._count:
            return []
        values: Sequence[Any] = self._values(event)
        try:
            text = "\0".join(values)
        except TypeError:
            return None
        if len(text) > MAX_CHARS or text.count("\0") >= self._count:
            return None
        if self._lowered:
            if text.isascii():
                lows = text.lower().split("\0", self._lowered)
            else:  # the few that are not ASCII would make lowering dear for all
                lows = [value.lower() if value.isascii() else lower(value) for value in values[: self._lowered]]
            doc.update(zip(self._targets, self._picked(lows), strict=True))
            kv += map(add, self._prefixes, lows)
        plans = self.plans
        return [(plans[i], values[i]) for i in _maybe_addresses(text)]


def _maybe_addresses(text: str) -> Sequence[int]:
    """Which of joined texts may be addresses: without hexadecimal digits such a one is ``...``, perhaps with a zone,
    or begins with ``::``."""
    bare = b"\0%b\0" % text.encode("utf-8", "surrogatepass").translate(None, _HEX_DIGITS)
    if b"\0...\0" not in bare and b"\0::" not in bare and b"\0...%" not in bare:
        return ()
    parts = bare.split(b"\0")[1:-1]
    return [i for i, part in enumerate(parts) if part[:2] == b"::" or part[:3] == b"..."]


class Shape:
    """What is known of an event by the names of its fields."""

    __slots__ = ("dates", "folds", "ips", "keys", "lists", "longs", "rest", "texts")

    def __init__(self, names: tuple[str, ...]) -> None:
        ways: dict[str, list[Plan]] = {way: [] for way in self.__slots__}
        for name in names:
            plan = _plans.get(name) or _plan(name)
            ways[_way(plan)].append(plan)
        self.keys = keys_of(names)
        self.texts = Texts(ways["texts"])
        self.folds = [(plan.name, plan, plan.fold, plan.words) for plan in ways["folds"]]
        self.lists = [(plan.name, plan) for plan in ways["lists"]]
        self.longs = [(plan.name, plan) for plan in ways["longs"]]
        self.ips = [(plan.name, plan, plan.beside) for plan in ways["ips"]]
        self.dates = [(plan.name, plan, plan.beside) for plan in ways["dates"]]
        self.rest = ways["rest"]


def _way(plan: Plan) -> str:
    """How a field is done that holds what its type wants."""
    if plan.kind == KEYWORD and plan.name in ARRAYS:
        return "lists"
    if plan.folds and plan.kind in (RICH, TEXT):
        return "folds"
    if plan.kind in (KEYWORD, RICH, UNMAPPED, TEXT) and plan.name not in ARRAYS:
        return "texts"
    if plan.kind == TYPED and plan.type_ is FieldType.LONG:
        return "longs"
    return {IP: "ips", DATE: "dates"}.get(plan.kind, "rest")


class _Shapes(dict[tuple[str, ...], Shape]):
    """Shapes by the names, made when they are asked for; all are forgotten when they have too many names together."""

    def __init__(self) -> None:
        super().__init__()
        self._held = 0

    def __missing__(self, names: tuple[str, ...]) -> Shape:
        made = Shape(names)
        if len(names) <= _MAX_SHAPE:
            self._held += len(names)
            if self._held > _MAX_CACHED:
                self.clear()
                self._held = len(names)
            self[names] = made
        return made


def shape_of(names: tuple[str, ...]) -> Shape:
    """The shape of events with these fields, in this order."""
    return _shapes[names]


def _plan(name: str) -> Plan:
    type_ = type_of(name)
    kind = TYPED
    beside = ""
    if is_aside(name):
        kind = ASIDE
    elif name == "event.id":
        kind = KEYWORD  # which stands as it is; it is asked by the document's id
    elif not is_mapped(name):
        kind = UNMAPPED
    elif type_ is FieldType.TEXT:
        kind = TEXT
    elif type_ is FieldType.IP:
        kind, beside = IP, held(name)
    elif type_ is FieldType.DATE:
        kind, beside = DATE, time(name)
    elif type_ is FieldType.KEYWORD:
        kind = RICH if name in WILDCARD or name in WORDS or is_folded(name) else KEYWORD
    rich = kind in (RICH, TEXT)
    if len(_plans) >= _MAX_CACHED:
        _plans.clear()  # names that nobody repeats
    made = _plans[name] = Plan(
        kind,
        name,
        type_,
        kv_prefix(name),
        address_prefix(name),
        beside,
        lower=searched(name) if rich and name in WILDCARD else "",
        fold=folded(name) if kind == RICH and is_folded(name) else "",
        words=words(name) if rich and name in WORDS else "",
        folds=is_folded(name),
    )
    return made


_plans: dict[str, Plan] = {}
_shapes = _Shapes()


def _getter(keys: list[Any]) -> Callable[[Any], Sequence[Any]]:
    """The values of all keys, always as a sequence."""
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda found: [found[key] for key in keys]


def keys_of(names: Iterable[str]) -> list[str]:
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
