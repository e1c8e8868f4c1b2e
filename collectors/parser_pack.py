"""The pack language: a parser as data, ``collectors/parsers/<product>.yml``, compiled once to a function.

A pack says how its raws are recognised (``hint``), takes them apart (``patterns``: the first that matches, then
``steps``), brings native names to ECS (``map``), and adds constants by condition (``when``). docs/parsers.md
describes every key. Patterns are regular expressions in which ``%{MACRO:field}`` and ``(?<field>…)`` name
fields, dots and all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from collectors.parser_contract import Hint, Record
from collectors.parser_derive import DERIVE
from collectors.parser_patterns import patterns
from collectors.parser_steps import step, time_step
from collectors.parser_values import unmapped
from collectors.parser_when import Action, Out, defaults, only, when_groups
from core.errors import BadConfig, Place, failure, reason

MAX_TEXT = 1 << 16
"""Packs leave longer messages; a pattern that would take a second on this is found by a test."""


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
        place = Place(file, mark.line + 1 if mark else None)
        raise failure(BadConfig, "common.error.yaml", place=place, reason=reason(error)) from error
    except yaml.YAMLError as error:
        raise failure(BadConfig, "common.error.yaml", place=Place(file), reason=reason(error)) from error
    try:
        return _compile(spec, file)
    except BadConfig as error:
        error.place = Place(file)
        raise
    except (re.error, KeyError, TypeError, ValueError, AttributeError) as error:
        why = reason(f"{type(error).__name__}: {error}")
        raise failure(BadConfig, "collectors.pack.broken", place=Place(file), reason=why) from error


def _compile(spec: Any, file: str) -> Pack:
    if not isinstance(spec, dict):
        raise failure(BadConfig, "collectors.pack.mapping")
    only(spec, _KEYS, "pack")
    name = spec["name"]
    if file.rpartition("/")[2] != f"{name}.yml":
        raise failure(BadConfig, "collectors.pack.name", name=str(name)[:80])
    title = spec["title"]
    if set(title) != {"vi", "en"}:
        raise failure(BadConfig, "collectors.pack.title")
    actions: list[Action] = []
    prefix = spec.get("prefix", "")
    empty = frozenset(map(str, spec.get("empty", ())))
    on = spec.get("on", "message")
    if spec.get("patterns"):
        actions.append(patterns(spec["patterns"], on, bool(spec.get("accept_unmatched")), empty))
    for one in spec.get("steps", ()):
        actions.append(step(one, on, spec.get("map", {}), prefix, empty))
    if "time" in spec:
        times = spec["time"] if isinstance(spec["time"], list) else [spec["time"]]
        actions += [time_step(time) for time in times]
    constants = {"event.module": spec["module"], "event.dataset": spec["dataset"]}
    for key in ("kind", "category", "type"):
        if key in spec:
            constants[f"event.{key}"] = spec[key]
    actions.append(defaults(constants | spec.get("set", {})))
    actions += when_groups(spec.get("when", ()))
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


def _sample(spec: Any) -> Sample:
    if isinstance(spec, str):
        return Sample(spec)
    only(spec, {"raw", "expect", "zone", "file"}, "sample")
    return Sample(spec["raw"], spec.get("expect", {}), spec.get("zone", "UTC"), spec.get("file", ""))


def _hint(spec: Mapping[str, Any]) -> Hint:
    only(spec, {"programs", "starts", "contains", "files", "json", "priority"}, "hint")
    return Hint(
        programs=frozenset(p.lower() for p in spec.get("programs", ())),
        starts=tuple(spec.get("starts", ())),
        contains=tuple(spec.get("contains", ())),
        files=tuple(f.lower() for f in spec.get("files", ())),
        json=tuple(frozenset(keys) for keys in spec.get("json", ())),
        priority=spec.get("priority", 50),
    )
