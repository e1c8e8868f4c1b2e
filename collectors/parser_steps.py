"""Steps of packs after the patterns: a regular expression, key=value, CSV, JSON; and times."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectors.parser_contract import Record
from collectors.parser_derive import AS
from collectors.parser_patterns import is_typed, regex_function
from collectors.parser_time import Read, reader
from collectors.parser_values import converter, flatten, picker, put, to_text, unmapped
from collectors.parser_when import Action, Out, only


def _target(spec: Any) -> tuple[str, Callable[[Out, str, Any], None]]:
    """``map`` entries: ``native: ecs.field``, or ``native: {to: ecs.field, as: conversion}``."""
    if isinstance(spec, str):
        return spec, put
    only(spec, {"to", "as", "table"}, "map")
    name = spec["to"]
    if "table" in spec:
        table = {str(k).lower(): v for k, v in spec["table"].items()}

        def by_table(out: Out, field_: str, value: Any) -> None:
            put(out, field_, table.get(str(value).lower(), value))

        return name, by_table
    return name, AS[spec["as"]]


class _Prefixed(dict[str, str]):
    """Native name → product name, made once; names are the sender's, so the memory is bounded."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        super().__init__()

    def __missing__(self, native: str) -> str:
        name = self.prefix + native[:200]
        if len(self) < 5_000:
            self[native] = name
        return name


MAX_PAIRS = 1_000


Setter = Callable[[Out, str, Any], None]


@dataclass(frozen=True, slots=True)
class Shape:
    """Native names in one order: which values are taken as they are, which are converted, which have targets."""

    plain: tuple[str, ...]
    pick: Callable[[Sequence[Any]], tuple[Any, ...]]
    typed: tuple[tuple[int, str, Callable[[Any], Any]], ...]
    targets: tuple[tuple[int, str, Setter], ...]


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where native names go: to a field of the map, or under the product's prefix when they have none."""

    targets: Mapping[str, tuple[tuple[str, Setter], ...]]
    product: _Prefixed
    empty: frozenset[str]
    shapes: dict[tuple[str, ...], Shape] = field(default_factory=dict)

    def put(self, out: Out, pairs: Iterable[tuple[str, Any]]) -> None:
        """Put native values into the fields. The second that would go where one is already keeps its own name."""
        empty = self.empty
        kept = [pair for pair in pairs if pair[1] not in empty]
        if not kept:
            return
        if len(kept) > MAX_PAIRS:
            unmapped(out, f"{len(kept) - MAX_PAIRS} more fields")
            del kept[MAX_PAIRS:]
        names, values = zip(*kept, strict=True)
        shape = self.shapes.get(names)
        if shape is None:
            shape = self._shape(names)
            if len(self.shapes) < 2_000:
                self.shapes[names] = shape
        if out.keys().isdisjoint(shape.plain):
            out.update(zip(shape.plain, shape.pick(values), strict=True))
        else:
            for name, value in zip(shape.plain, shape.pick(values), strict=True):
                if name in out:
                    unmapped(out, f"{name}={to_text(value)}")
                else:
                    out[name] = value
        for i, name, convert in shape.typed:
            converted = convert(values[i])
            if converted is not None:
                out[name] = converted
            else:
                put(out, name, values[i])
        for i, name, setter in shape.targets:
            setter(out, name, values[i])

    def list_field(self, native: str) -> str:
        found = self.targets.get(native, ())
        return found[0][0] if len(found) == 1 and found[0][1] is put else self.product[native]

    def _shape(self, names: tuple[str, ...]) -> Shape:
        plain: dict[str, int] = {}
        typed: list[tuple[int, str, Callable[[Any], Any]]] = []
        targets: list[tuple[int, str, Setter]] = []
        taken: set[str] = set()
        for i, native in enumerate(names):
            found = self.targets.get(native, ())
            if not found or any(name in taken for name, _ in found):
                name = self.product[native]
                if name in plain:
                    targets.append((i, name, _again))
                else:
                    plain[name] = i
                continue
            for name, setter in found:
                taken.add(name)
                if setter is not put:
                    targets.append((i, name, setter))
                elif is_typed(name):
                    typed.append((i, name, converter(name)))
                else:
                    plain[name] = i
        return Shape(tuple(plain), picker(tuple(plain.values())), tuple(typed), tuple(targets))


def _again(out: Out, name: str, value: Any) -> None:
    """A name that stands twice in one raw."""
    unmapped(out, f"{name}={to_text(value)}")


def mapped(mapping: Mapping[str, Any], prefix: str, empty: frozenset[str]) -> Mapped:
    targets = {
        native: tuple(_target(one) for one in (spec if isinstance(spec, list) else [spec]))
        for native, spec in mapping.items()
    }
    return Mapped(targets, _Prefixed(prefix), empty | {""})


def step(spec: Mapping[str, Any], on: str, mapping: Mapping[str, Any], prefix: str, empty: frozenset[str]) -> Action:
    only(spec, {"regex", "kv", "csv", "json", "on", "optional", "time", "when"}, "steps")
    where = spec.get("on", on)
    optional = bool(spec.get("optional"))
    step: Callable[[str, Out], bool]
    if "regex" in spec:
        step = regex_function(spec["regex"].strip(), empty)
    elif "kv" in spec:
        step = _kv(spec["kv"] or {}, mapped(mapping, prefix, empty))
    elif "csv" in spec:
        step = _csv(spec["csv"], mapped(mapping, prefix, empty))
    else:
        return _json(mapped(mapping, prefix, empty), optional)
    takes = where not in ("message", "text")

    def apply(out: Out, record: Record) -> bool:
        if where == "message":
            subject: Any = out.get("message", record.message)
        elif where == "text":
            subject = record.text
        else:
            subject = out.get(where)
        if not isinstance(subject, str):
            return optional
        done = step(subject, out)
        if done and takes and where.startswith("_"):
            del out[where]
        return done or optional

    return apply


def _kv(spec: Mapping[str, Any], mapped: Mapped) -> Callable[[str, Out], bool]:
    """``key=value`` and ``key="quoted value"``, apart by spaces or by ``separator``."""
    only(spec, {"separator", "at_least"}, "kv")
    separator = spec.get("separator", " ")
    at_least = spec.get("at_least", 2)
    stop = r"\s" if separator == " " else re.escape(separator.strip())
    # possessive, so that nothing is tried twice
    find = re.compile(
        r'([A-Za-z_][\w.:/-]{0,127}+)=(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^' + stop + r"]*+))", re.ASCII | re.DOTALL
    ).findall  # fmt: skip
    strip = separator != " "

    def apply(subject: str, out: Out) -> bool:
        found = find(subject)
        if len(found) < at_least:
            return False
        pairs = [(name, quoted or bare) for name, quoted, bare in found]
        if strip:
            pairs = [(name, value.strip()) for name, value in pairs]
        if "\\" in subject:
            pairs = [(name, value.replace('\\"', '"').replace("\\\\", "\\")) for name, value in pairs]
        mapped.put(out, pairs)
        return True

    return apply


def _csv(spec: Mapping[str, Any], mapped: Mapped) -> Callable[[str, Out], bool]:
    """Columns by position; more columns than named are kept by their number, fewer are fine down to ``at_least``."""
    only(spec, {"columns", "delimiter", "at_least"}, "csv")
    columns: list[str] = spec["columns"]
    delimiter = spec.get("delimiter", ",")
    at_least = spec.get("at_least", len(columns))

    def apply(subject: str, out: Out) -> bool:
        try:
            rows = list(csv.reader(io.StringIO(subject, newline=""), delimiter=delimiter))
        except csv.Error:
            return False
        row = rows[0] if len(rows) == 1 else []
        if len(row) < at_least:
            return False
        names = [*columns, *(f"column{n}" for n in range(len(columns) + 1, len(row) + 1))]
        mapped.put(out, [(name, value) for name, value in zip(names, row, strict=False) if name])
        return True

    return apply


def _json(mapped: Mapped, optional: bool) -> Action:
    def apply(out: Out, record: Record) -> bool:
        if record.document is None:
            return optional
        flat = flatten(record.document)
        put(out, "kydai.unmapped", flat.pop("kydai.unmapped", []))
        lists = [name for name, value in flat.items() if isinstance(value, list)]
        for name in lists:
            put(out, mapped.list_field(name), flat.pop(name))
        mapped.put(out, [(name, to_text(value)) for name, value in flat.items()])
        return True

    return apply


def time_step(spec: Mapping[str, Any]) -> Action:
    """Read ``from`` (a field, or two joined by a space) as ``@timestamp`` and remove it. Unreadable stays put."""
    only(spec, {"from", "format", "keep"}, "time")
    names = spec["from"] if isinstance(spec["from"], list) else [spec["from"]]
    forms = spec["format"] if isinstance(spec["format"], list) else [spec["format"]]
    reads: list[Read] = [reader(form) for form in forms]
    keep = bool(spec.get("keep"))

    def apply(out: Out, record: Record) -> bool:
        if "@timestamp" in out:
            return True
        parts = [out.get(name) for name in names]
        if parts[0] is None:
            return True
        text = " ".join(str(part) for part in parts if part is not None)
        for read in reads:
            found = read(text, record.zone, record.created_at)
            if found is not None:
                out["@timestamp"] = found[0]
                if not keep:
                    for name in names:
                        out.pop(name, None)
                break
        return True

    return apply
