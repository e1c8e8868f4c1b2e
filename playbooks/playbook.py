"""Playbooks as data: trigger, steps, conditions, approvals, time limits; read strictly, errors with their place.

There is no expression language: a condition is a query, and ``${incident.addresses}`` looks one name up.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import BadConfig, BadInput, KydaiError, Place, failure, misfit, reason
from core.event import Event
from core.query.language import parse
from core.query.problems import nearest
from core.query.to_match import compile_match
from core.query.tree import fields_of
from playbooks.action import actions
from playbooks.facts import NAMES, OF_STEPS

MAX_BYTES = 64 << 10
MAX_DEPTH = 12
_PLACE = re.compile(r"\$\{([a-z_][a-z0-9_.]*)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Strict):
    vi: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Approval(_Strict):
    roles: tuple[str, ...] = ("analyst", "admin")
    hours: float = Field(4.0, gt=0, le=168)


class Step(_Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: Text
    action: str
    arguments: dict[str, Any] = Field(default_factory=dict, alias="with")
    condition: str = Field("", alias="if")
    approval: Approval | None = None
    hours: float = Field(24.0, gt=0, le=720)
    """How long a person may take (actions that wait for one)."""


class Trigger(_Strict):
    subject: str = Field(alias="for", pattern="^(incident|alert|manual)$")
    """``incident``, ``alert``: started by itself, once for each that meets ``where``; ``manual``: by a person only."""
    where: str = ""


class Definition(_Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: Text
    reason: Text
    trigger: Trigger
    steps: tuple[Step, ...] = Field(min_length=1, max_length=50)


@dataclass(frozen=True)
class Playbook:
    """One playbook, checked."""

    definition: Definition
    file: str

    @property
    def name(self) -> str:
        return self.definition.name

    @cached_property
    def version(self) -> str:
        """A hash of its content: a run keeps the playbook as it was."""
        return hashlib.blake2b(orjson.dumps(self.document), digest_size=6).hexdigest()

    @cached_property
    def document(self) -> dict[str, Any]:
        return self.definition.model_dump(mode="json", by_alias=True)

    def is_for(self, subject: str, facts: Event, now: int) -> bool:
        """Whether its trigger is for incidents or alerts (``subject``) and meets these facts."""
        return self.definition.trigger.subject == subject and meets(self.definition.trigger.where, facts, now)


def meets(condition: str, facts: Event, now: int) -> bool:
    """Whether facts meet a condition; an empty one is met."""
    return not condition.strip() or compile_match(parse(condition, now=now))(facts)


class StrictLoader(yaml.SafeLoader):
    """YAML without aliases and doubled keys; the Python loader, since libyaml's cannot be asked to refuse aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise failure(BadConfig, "common.error.yaml_alias", place=Place("", mark.line + 1))
        return super().compose_node(parent, index)


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise failure(
                BadConfig, "playbook.file.twice", place=Place("", key.start_mark.line + 1), key=key.value[:80]
            )
        seen.add(key.value)
    return {loader.construct_object(k, deep=True): loader.construct_object(v, deep=True) for k, v in node.value}


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


M = TypeVar("M", bound=BaseModel)


def read_as(kind: type[M], text: str, file: str) -> tuple[M, Any]:
    """A file as ``kind``, and its nodes. Raises BadConfig with file and line, and what was expected."""
    if len(text) > MAX_BYTES:
        raise failure(BadConfig, "playbook.file.large", place=Place(file), limit=MAX_BYTES >> 10)
    try:
        node = yaml.compose(text, StrictLoader)
        value = yaml.load(text, StrictLoader)  # noqa: S506 - the loader is strict
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(file, mark.line + 1 if mark else None)
        raise failure(BadConfig, "common.error.yaml", place=place, reason=reason(error)) from error
    except RecursionError as error:
        raise failure(BadConfig, "playbook.file.deep", place=Place(file)) from error
    except BadConfig as error:
        error.place = Place(file, error.place.line if error.place else None)
        raise
    try:
        return kind.model_validate(value), node
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or kind.__name__.lower()
        place = Place(file, _line(node, first["loc"]))
        raise failure(BadConfig, "playbook.file.value", place=place, where=where, what=misfit(first)) from error


def read(text: str, file: str) -> Playbook:
    """Read one playbook. Raises BadConfig with file and line, and what was expected."""
    definition, node = read_as(Definition, text, file)
    _check(definition, node, file)
    return Playbook(definition, file)


def _check(definition: Definition, node: Any, file: str) -> None:
    names: set[str] = set()
    _check_query(definition.trigger.where, file, _line(node, ("trigger", "where")))
    for index, step in enumerate(definition.steps):
        place = Place(file, _line(node, ("steps", index, "action")))
        if step.name in names:
            place = Place(file, _line(node, ("steps", index, "name")))
            raise failure(BadConfig, "playbook.file.step_twice", place=place, step=step.name)
        names.add(step.name)
        action = actions().get(step.action)
        if action is None:
            near = difflib.get_close_matches(step.action, actions(), n=1, cutoff=0.5)
            values = {"step": step.name, "action": step.action[:80], "names": ", ".join(near or sorted(actions()))}
            raise failure(BadConfig, f"playbook.file.action{'_near' if near else ''}", place=place, **values)
        unknown = set(step.arguments) - set(action.parameters.model_fields)
        if unknown:
            known = ", ".join(action.parameters.model_fields)
            values = {"step": step.name, "action": step.action, "name": sorted(unknown)[0][:80], "names": known}
            raise failure(BadConfig, "playbook.file.argument", place=place, **values)
        _check_query(step.condition, file, _line(node, ("steps", index, "if")))
        _check_facts(_named(step.arguments), file, _line(node, ("steps", index, "with")))


def _check_query(text: str, file: str, line: int | None) -> None:
    try:
        where = parse(text, now=0)
    except BadInput as error:
        raise failure(BadConfig, "playbook.file.condition", place=Place(file, line), reason=error.said) from error
    _check_facts(fields_of(where), file, line)


def _check_facts(names: Iterable[str], file: str, line: int | None) -> None:
    """A fact that there never is meets nothing, in silence."""
    for name in sorted(names):
        if name not in NAMES and not name.startswith(OF_STEPS):
            near = ", ".join(nearest(name, NAMES) or sorted(NAMES))
            raise failure(BadConfig, "playbook.file.fact", place=Place(file, line), name=name[:80], names=near)


def _named(arguments: Any) -> Iterator[str]:
    """The names in the places of arguments."""
    if isinstance(arguments, str):
        yield from _PLACE.findall(arguments)
    elif isinstance(arguments, dict | list):
        for each in arguments.values() if isinstance(arguments, dict) else arguments:
            yield from _named(each)


def _line(node: Any, path: tuple[Any, ...]) -> int | None:
    """The line (from 1) of the deepest node along a path of keys and indexes."""
    line = node.start_mark.line + 1 if node is not None else None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def filled(arguments: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with ``${name}`` looked up: alone it gives the value as it is, within a text its text."""
    return {key: _filled(value, facts) for key, value in arguments.items()}


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _PLACE.fullmatch(value)
        if whole is not None:
            return facts.get(whole[1])
        return _PLACE.sub(lambda m: _shown(facts.get(m[1])), value)
    if isinstance(value, list):
        return [_filled(item, facts) for item in value]
    if isinstance(value, dict):
        return filled(value, facts)
    return value


def listed(arguments: Any, facts: Mapping[str, Any]) -> list[str]:
    """Every member of the lists that places in the arguments name, each once: whom a step touches or tells of."""
    if isinstance(arguments, str):
        found = [facts.get(m[1]) for m in _PLACE.finditer(arguments)]
        return list(dict.fromkeys(str(item) for value in found if isinstance(value, list) for item in value))
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    parts = arguments if isinstance(arguments, list) else []
    return list(dict.fromkeys(item for part in parts for item in listed(part, facts)))


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def load(folder: Path | None = None) -> tuple[dict[str, Playbook], list[KydaiError]]:
    """Our playbooks and those of the site's folder, by name; a broken one is an error and stops no other."""
    found: dict[str, Playbook] = {}
    errors: list[KydaiError] = []
    texts: list[tuple[str, Any]] = [
        (f"playbooks/definitions/{f.name}", f)
        for f in files("playbooks.definitions").iterdir()
        if f.name.endswith(".yml")
    ]
    if folder is not None and folder.is_dir():
        texts += [(str(f), f) for f in sorted(folder.glob("*.yml"))]
    for name, file in sorted(texts, key=lambda t: t[0]):
        try:
            playbook = read(file.read_text("utf-8"), name)
            if playbook.name in found:
                other = found[playbook.name].file
                raise failure(BadConfig, "playbook.file.same_name", place=Place(name), other=other, name=playbook.name)
            found[playbook.name] = playbook
        except UnicodeDecodeError as error:
            errors.append(failure(BadConfig, "common.error.utf8", place=Place(name), reason=reason(error)))
        except BadConfig as error:
            errors.append(error)
    return found, errors
