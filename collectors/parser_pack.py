"""The pack language: a parser as data, ``collectors/parsers/<product>.yml``, compiled once to a function.

A pack says how its raws are recognised (``hint``), takes them apart (``patterns``: the first that matches, then
``steps``), brings native names to ECS (``map``), and adds constants by condition (``when``). docs/parsers.md
describes every key. Patterns are regular expressions in which ``%{MACRO:field}`` and ``(?<field>…)`` name
fields, dots and all.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import yaml

from collectors.parser_contract import Hint, Record
from collectors.parser_derive import AS, DERIVE
from collectors.parser_time import Read, reader
from collectors.parser_values import converter, flatten, put, to_text, unmapped
from core.ecs import ARRAYS, FieldType, type_of
from core.errors import BadConfig, Place

MACROS: Mapping[str, str] = {
    "WORD": r"\w+",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r"(?s:.*?)",
    "GREEDY": r"(?s:.*)",
    "INT": r"[+-]?\d{1,19}",
    "NUMBER": r"[+-]?\d{1,19}(?:\.\d{1,19})?",
    "HEX": r"(?:0[xX])?[0-9A-Fa-f]+",
    "IP": r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{0,40}:[0-9A-Fa-f:.]{0,40}(?:%\w{1,16})?)",
    "HOST": r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]*[A-Za-z0-9_])?",
    "USER": r"[^\s,;:\"']+",
    "QUOTED": r"[^\"]*",
    "MAC": r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}",
    "PATH": r"/[^\s\"']*",
}

_FIELD = r"[A-Za-z@_][\w.@-]*"
_MACRO = re.compile(r"%\{([A-Z]+)(?::(" + _FIELD + r"))?\}")
_NAMED = re.compile(r"\(\?<(" + _FIELD + r")>")
_LITERAL = re.compile(r"[A-Za-z0-9 _,/@%&=:;'\"<>~!#-]|\\[.()\[\]{}|*+?^$\\/ -]")

MAX_TEXT = 1 << 16
"""Packs leave longer messages; a pattern that would take a second on this is found by a test."""

Out = dict[str, Any]
Action = Callable[[Out, Record], bool]
"""Works on the fields found so far; False when the raw is not the pack's after all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A line that the pack must take, and fields of its event; or one that it must leave (no fields)."""

    raw: str
    expect: Mapping[str, Any] = field(default_factory=dict)
    zone: str = "UTC"
    file: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A compiled pack; it is a Parser (collectors/parser_contract.py)."""

    name: str
    title: Mapping[str, str]
    proven: bool
    hint: Hint
    actions: tuple[Action, ...]
    accepts: tuple[Sample, ...]
    rejects: tuple[Sample, ...]
    helpers: tuple[str, ...] = ()
    """Names with a leading ``_`` that patterns and maps use on the way; none of them is a field."""

    def parse(self, record: Record) -> Out | None:
        out: Out = {}
        if record.document is None and len(record.message) > MAX_TEXT:
            return None
        for action in self.actions:
            if not action(out, record):
                return None
        for name in self.helpers:
            if name in out:
                value = out.pop(name)
                if name == "_time":
                    unmapped(out, f"@timestamp={value}")
        return out


# --- reading ----------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML without anchors and aliases (bombs), merge keys and doubled keys (typos)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"{key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


# true/false only: a user or a switch may well be called on, no, yes
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))

_KEYS = {
    "name", "title", "proven", "module", "dataset", "kind", "category", "type", "hint", "on", "patterns",
    "accept_unmatched", "steps", "map", "prefix", "empty", "time", "set", "when", "derive", "accepts", "rejects",
}  # fmt: skip


def load(text: str, file: str) -> Pack:
    """Compile a pack. Raises BadConfig with the file and, where it is known, the line."""
    try:
        spec = yaml.load(text, _Loader)  # noqa: S506 - a stricter SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BadConfig(str(error.problem or error), place=Place(file, mark.line + 1 if mark else None)) from error
    except yaml.YAMLError as error:
        raise BadConfig(str(error), place=Place(file)) from error
    try:
        return _compile(spec, file)
    except (BadConfig, re.error, KeyError, TypeError, ValueError, AttributeError) as error:
        message = error.message if isinstance(error, BadConfig) else f"{type(error).__name__}: {error}"
        raise BadConfig(message, place=Place(file)) from error


def _compile(spec: Any, file: str) -> Pack:
    if not isinstance(spec, dict):
        raise BadConfig("a pack is a mapping")
    _only(spec, _KEYS, "a pack")
    name = spec["name"]
    if file.rpartition("/")[2] != f"{name}.yml":
        raise BadConfig(f"the pack is named {name!r}; its file must be {name}.yml")
    title = spec["title"]
    if set(title) != {"vi", "en"}:
        raise BadConfig("title needs vi and en")
    actions: list[Action] = []
    prefix = spec.get("prefix", "")
    empty = frozenset(map(str, spec.get("empty", ())))
    on = spec.get("on", "message")
    if spec.get("patterns"):
        actions.append(_patterns(spec["patterns"], on, bool(spec.get("accept_unmatched")), empty))
    for step in spec.get("steps", ()):
        actions.append(_step(step, on, spec.get("map", {}), prefix, empty))
    if "time" in spec:
        times = spec["time"] if isinstance(spec["time"], list) else [spec["time"]]
        actions += [_time(time) for time in times]
    constants = {"event.module": spec["module"], "event.dataset": spec["dataset"]}
    for key in ("kind", "category", "type"):
        if key in spec:
            constants[f"event.{key}"] = spec[key]
    actions.append(_defaults(constants | spec.get("set", {})))
    actions += [_when(clause) for clause in spec.get("when", ())]
    actions += [DERIVE[derivation] for derivation in spec.get("derive", ())]
    return Pack(
        name=name,
        title=title,
        proven=bool(spec["proven"]),
        hint=_hint(spec["hint"]),
        actions=tuple(actions),
        accepts=tuple(_sample(s) for s in spec["accepts"]),
        rejects=tuple(_sample(s) for s in spec["rejects"]),
        helpers=_helpers(spec),
    )


def _helpers(spec: Mapping[str, Any]) -> tuple[str, ...]:
    text = str([spec.get(key) for key in ("patterns", "steps", "map")])
    return tuple(sorted(set(re.findall(r"(?:\(\?<|[:}]|to': '|: ')(_[a-z0-9_]+)(?=[>}'])", text))))


def _only(spec: Mapping[str, Any], keys: set[str], what: str) -> None:
    unknown = sorted(map(str, set(spec) - keys))
    if unknown:
        raise BadConfig(f"{what} has no key {unknown[0]!r}", remedy="Known: " + ", ".join(sorted(keys)))


def _sample(spec: Any) -> Sample:
    if isinstance(spec, str):
        return Sample(spec)
    _only(spec, {"raw", "expect", "zone", "file"}, "a sample")
    return Sample(spec["raw"], spec.get("expect", {}), spec.get("zone", "UTC"), spec.get("file", ""))


def _hint(spec: Mapping[str, Any]) -> Hint:
    _only(spec, {"programs", "starts", "contains", "files", "json", "priority"}, "a hint")
    return Hint(
        programs=frozenset(p.lower() for p in spec.get("programs", ())),
        starts=tuple(spec.get("starts", ())),
        contains=tuple(spec.get("contains", ())),
        files=tuple(f.lower() for f in spec.get("files", ())),
        json=tuple(frozenset(keys) for keys in spec.get("json", ())),
        priority=spec.get("priority", 50),
    )


# --- patterns ---------------------------------------------------------------------------------------------


def expand(pattern: str) -> tuple[str, list[str]]:
    """A pattern with macros and dotted names as a plain regular expression, and the field of each group."""
    fields: list[str] = []
    text = pattern
    out = ""
    while text:
        macro, named = _MACRO.search(text), _NAMED.search(text)
        first = min((m for m in (macro, named) if m), key=lambda m: m.start(), default=None)
        if first is None:
            out += text
            break
        out += text[: first.start()]
        if first is macro:
            if first.group(1) not in MACROS:
                raise BadConfig(f"there is no macro %{{{first.group(1)}}}")
            body = MACROS[first.group(1)]
            if first.group(2):
                fields.append(first.group(2))
                out += f"({body})"
            else:
                out += f"(?:{body})"
        else:
            fields.append(first.group(1))
            out += "("
        text = text[first.end() :]
    if re.compile(out, re.ASCII).groups != len(fields):
        raise BadConfig(f"a group without a name (write (?:…)) in {pattern!r}")
    return out, fields


def first_word(pattern: str) -> str:
    """The word, up to and with its space, that every match starts with; empty when there is none."""
    literal = ""
    at = 0
    while True:
        found = _LITERAL.match(pattern, at)
        if found is None:
            return ""
        after = pattern[found.end() : found.end() + 1]
        if after and after in "*+?{":
            return ""
        literal += found.group().lstrip("\\")
        if literal.endswith(" "):
            return literal
        at = found.end()


def regex_function(pattern: str, empty: frozenset[str]) -> Callable[[str, Out], bool]:
    """A pattern as a function that puts its groups into the fields, converted, and says whether it matched."""
    text, fields = expand(pattern)
    if "|" in pattern and _top_level_bar(pattern):
        raise BadConfig(f"put alternatives into (?:…|…): {pattern!r}")
    match = re.compile(text, re.ASCII).match
    names = tuple(fields)
    typed = tuple((i, f) for i, f in enumerate(names) if _needs_put(f))
    plain = tuple((i, f) for i, f in enumerate(names) if not _needs_put(f))

    def apply(subject: str, out: Out) -> bool:
        found = match(subject)
        if found is None:
            return False
        groups = found.groups()
        for i, name in plain:
            value = groups[i]
            if value is not None and value not in empty:
                out[name] = value
        for i, name in typed:
            value = groups[i]
            if value is not None and value not in empty:
                put(out, name, value)
        return True

    return apply


def _top_level_bar(pattern: str) -> bool:
    depth = 0
    in_class = False
    escaped = False
    for c in pattern:
        if escaped:
            escaped = False
        elif c == "\\":
            escaped = True
        elif in_class:
            in_class = c != "]"
        elif c == "[":
            in_class = True
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif c == "|" and depth == 0:
            return True
    return False


def _needs_put(name: str) -> bool:
    return type_of(name) not in (FieldType.KEYWORD, FieldType.TEXT)


def _patterns(specs: list[Any], on: str, accept_unmatched: bool, empty: frozenset[str]) -> Action:
    """Try in order, but only those whose first word fits; the first match wins."""
    general: list[tuple[int, Callable[[str, Out], bool], tuple[tuple[str, Any], ...]]] = []
    by_word: dict[str, list[tuple[int, Callable[[str, Out], bool], tuple[tuple[str, Any], ...]]]] = {}
    for number, spec in enumerate(specs):
        if isinstance(spec, str):
            spec = {"regex": spec}
        _only(spec, {"regex", "set"}, "a pattern")
        pattern = spec["regex"].strip()
        entry = (number, regex_function(pattern, empty), _constants(spec.get("set", {})))
        word = first_word(pattern)
        if word:
            by_word.setdefault(word, []).append(entry)
        else:
            general.append(entry)
    table = {word: tuple(sorted([*entries, *general], key=lambda e: e[0])) for word, entries in by_word.items()}
    rest = tuple(general)

    def apply(out: Out, record: Record) -> bool:
        subject = record.message if on == "message" else record.text if on == "text" else out.get(on)
        if subject is None:
            return accept_unmatched
        for _, match, constants in table.get(subject[: subject.find(" ") + 1], rest):
            if match(subject, out):
                for name, value in constants:
                    out[name] = value.copy() if value.__class__ is list else value
                break
        else:
            if not accept_unmatched:
                return False
        if on != "text" and "message" not in out:
            out["message"] = subject
        return True

    return apply


def _constants(spec: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Constants in the types of their fields."""
    out: list[tuple[str, Any]] = []
    for name, value in spec.items():
        if isinstance(value, list) or name in ARRAYS:
            values = value if isinstance(value, list) else [value]
            out.append((name, [converter(name)(v) for v in values]))
        else:
            out.append((name, converter(name)(value)))
        if out[-1][1] is None:
            raise BadConfig(f"{value!r} is no value for {name}")
    return tuple(out)


# --- steps ------------------------------------------------------------------------------------------------


def _target(spec: Any) -> tuple[str, Callable[[Out, str, Any], None]]:
    """``map`` entries: ``native: ecs.field``, or ``native: {to: ecs.field, as: conversion}``."""
    if isinstance(spec, str):
        return spec, put
    _only(spec, {"to", "as", "table"}, "a map entry")
    name = spec["to"]
    if "table" in spec:
        table = {str(k).lower(): v for k, v in spec["table"].items()}

        def by_table(out: Out, field_: str, value: Any) -> None:
            put(out, field_, table.get(str(value).lower(), value))

        return name, by_table
    return name, AS[spec["as"]]


Setter = Callable[[Out, str, str], None]


def _setter(mapping: Mapping[str, Any], prefix: str, empty: frozenset[str]) -> Setter:
    """Put a native value under its ECS name, or under the product's prefix when it has none."""
    targets = {
        native: tuple(_target(one) for one in (spec if isinstance(spec, list) else [spec]))
        for native, spec in mapping.items()
    }
    quick = {
        native: found[0][0]
        for native, found in targets.items()
        if len(found) == 1 and found[0][1] is put and not _needs_put(found[0][0])
    }
    get, get_quick = targets.get, quick.get

    def put_native(out: Out, native: str, value: Any) -> None:
        if value in empty:
            return
        simple = get_quick(native)
        if simple is not None:
            out[simple] = value
            return
        found = get(native)
        if found is None:
            name = prefix + native
            if name in out:
                unmapped(out, f"{name}={to_text(value)}")
            elif len(name) <= 256 and len(out) < 1000:
                out[name] = value
            else:
                unmapped(out, f"{name[:256]}={to_text(value)}")
            return
        for name, setter in found:
            setter(out, name, value)

    return put_native


def _step(spec: Mapping[str, Any], on: str, mapping: Mapping[str, Any], prefix: str, empty: frozenset[str]) -> Action:
    _only(spec, {"regex", "kv", "csv", "json", "on", "optional", "time", "when"}, "a step")
    where = spec.get("on", on)
    optional = bool(spec.get("optional"))
    step: Callable[[str, Out], bool]
    if "regex" in spec:
        step = regex_function(spec["regex"].strip(), empty)
    elif "kv" in spec:
        step = _kv(spec["kv"] or {}, _setter(mapping, prefix, empty))
    elif "csv" in spec:
        step = _csv(spec["csv"], _setter(mapping, prefix, empty))
    else:
        return _json(_setter(mapping, prefix, empty), optional)
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


def _kv(spec: Mapping[str, Any], put_native: Setter) -> Callable[[str, Out], bool]:
    """``key=value`` and ``key="quoted value"``, apart by spaces or by ``separator``."""
    _only(spec, {"separator", "at_least"}, "kv")
    separator = spec.get("separator", " ")
    at_least = spec.get("at_least", 2)
    stop = r"\s" if separator == " " else re.escape(separator.strip())
    find = re.compile(
        r'(?<![\w.:/-])([A-Za-z_][\w.:/-]{0,127})=(?:"((?:[^"\\]|\\.)*)"|([^' + stop + r']*))', re.ASCII | re.DOTALL
    ).findall  # fmt: skip
    strip = separator != " "

    def apply(subject: str, out: Out) -> bool:
        pairs = find(subject)
        if len(pairs) < at_least:
            return False
        for name, quoted, bare in pairs:
            value = quoted or (bare.strip() if strip else bare)
            if "\\" in quoted:
                value = quoted.replace('\\"', '"').replace("\\\\", "\\")
            if value:
                put_native(out, name, value)
        return True

    return apply


def _csv(spec: Mapping[str, Any], put_native: Setter) -> Callable[[str, Out], bool]:
    """Columns by position; more columns than named are kept by their number, fewer are fine down to ``at_least``."""
    _only(spec, {"columns", "delimiter", "at_least"}, "csv")
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
        for position, value in enumerate(row):
            if value != "":
                name = columns[position] if position < len(columns) else f"column{position + 1}"
                if name:
                    put_native(out, name, value)
        return True

    return apply


def _json(put_native: Setter, optional: bool) -> Action:
    def apply(out: Out, record: Record) -> bool:
        if record.document is None:
            return optional
        for name, value in flatten(record.document).items():
            if isinstance(value, list):
                out[name] = [to_text(v) for v in value]
            else:
                put_native(out, name, value if isinstance(value, str) else _json_text(value))
        return True

    return apply


def _json_text(value: Any) -> str:
    return to_text(value) or orjson.dumps(value).decode()


def _time(spec: Mapping[str, Any]) -> Action:
    """Read ``from`` (a field, or two joined by a space) as ``@timestamp`` and remove it. Unreadable stays put."""
    _only(spec, {"from", "format", "keep"}, "time")
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


# --- constants --------------------------------------------------------------------------------------------


def _defaults(spec: Mapping[str, Any]) -> Action:
    constants = _constants(spec)

    def apply(out: Out, record: Record) -> bool:
        for name, value in constants:
            if name not in out:
                out[name] = value.copy() if value.__class__ is list else value
        return True

    return apply


Test = Callable[[Any], bool]


def _test(spec: Any) -> Test:
    if isinstance(spec, dict):
        _only(spec, {"gte", "lt", "exists", "starts", "holds", "not"}, "a condition")
        if "exists" in spec:
            wanted = bool(spec["exists"])
            return lambda value: (value is not None) is wanted
        if "starts" in spec:
            starts = tuple(spec["starts"]) if isinstance(spec["starts"], list) else (spec["starts"],)
            return lambda value: isinstance(value, str) and value.startswith(starts)
        if "holds" in spec:
            piece = spec["holds"]
            return lambda value: isinstance(value, str) and piece in value
        if "not" in spec:
            inner = _test(spec["not"])
            return lambda value: not inner(value)
        low, high = spec.get("gte"), spec.get("lt")
        return lambda value: (
            isinstance(value, int | float) and (low is None or value >= low) and (high is None or value < high)
        )
    values = spec if isinstance(spec, list) else [spec]
    texts = frozenset(str(to_text(v)).lower() for v in values)
    return lambda value: value is not None and str(to_text(value)).lower() in texts


def _when(spec: Mapping[str, Any]) -> Action:
    """``if`` all conditions hold: ``set`` constants, ``copy`` fields (target: source)."""
    _only(spec, {"if", "set", "copy", "move"}, "when")
    tests = tuple((name, _test(condition)) for name, condition in spec["if"].items())
    constants = _constants(spec.get("set", {}))
    copies = tuple(spec.get("copy", {}).items())
    moves = tuple(spec.get("move", {}).items())

    def apply(out: Out, record: Record) -> bool:
        for name, test in tests:
            if not test(out.get(name)):
                return True
        for name, value in constants:
            out[name] = value.copy() if value.__class__ is list else value
        for target, source in copies:
            if source in out and target not in out:
                put(out, target, out[source])
        for target, source in moves:
            if source in out and target not in out:
                put(out, target, out.pop(source))
        return True

    return apply
