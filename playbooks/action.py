"""What an action is: one file in ``playbooks/actions`` that names itself, its class, its parameters and its inverse.

Everything that touches the world is handed in by a ``World``; an action without it is a pure description.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

import playbooks.actions
from core.clock import Clock, Micros
from core.db.database import Database
from core.errors import (
    BadConfig,
    BadInput,
    KydaiError,
    NotFound,
    failure,
    misfit,
)

COMMAND_SECONDS = 20


class EffectClass(StrEnum):
    """What may be done when it is not known whether an action took place."""

    READ = "read"
    IDEMPOTENT = "idempotent"
    CHECKABLE = "checkable"
    ONCE = "once"


class Unsure(KydaiError):
    """An action may have taken place or not: of class *once*, a person must say."""


class Parameters(BaseModel):
    """Base of every action's parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Mail:
    """The relay of notify.email; an empty host means that there is none."""

    host: str = ""
    port: int = 25
    tls: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = "kydai@localhost"
    recipients: tuple[str, ...] = ()


Command = Callable[[Sequence[str], bytes], "subprocess.CompletedProcess[bytes]"]


def run_command(words: Sequence[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run a program with bounded time; never through a shell."""
    return subprocess.run(list(words), input=data, capture_output=True, timeout=COMMAND_SECONDS, check=False)


@dataclass(frozen=True, slots=True)
class World:
    """The edge: what actions may reach, and how."""

    database: Database
    clock: Clock
    enforce: bool = False
    """Whether blocks are real; else they are dry runs."""
    enforcement: tuple[str, ...] = ()
    """What is written before ``nft`` so that it runs at the enforcement point (a namespace); empty: this host."""
    protected: Callable[[str, str | None], str | None] = lambda address, approver: None
    """Why an address must not be an effect (a key of core/words), None when it may."""
    mail: Mail = field(default_factory=Mail)
    webhook_hosts: tuple[str, ...] = ()
    command: Command = run_command
    base_url: str = ""


class State(StrEnum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"
    WAITING_PERSON = "waiting_person"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action came to. ``inverse`` holds what its undo needs; empty when it cannot be undone."""

    state: State
    result: Mapping[str, Any] = field(default_factory=dict)
    inverse: Mapping[str, Any] = field(default_factory=dict)
    expires_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """Which run and step an action is done for."""

    run_id: int
    step: str
    key: str
    incident_id: int | None
    actor: str
    """``playbook:<name>``."""
    approver: str | None = None
    approver_address: str | None = None


P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True, slots=True)
class Action(Generic[P]):
    """One action. ``preview`` says what would happen and touches nothing."""

    name: str
    title: Mapping[str, str]
    effect_class: EffectClass
    parameters: type[P]
    preview: Callable[[P, World, Doing], Mapping[str, Any]]
    perform: Callable[[P, World, Doing], Outcome]
    check: Callable[[P, World, Doing], Outcome | None] | None = None
    """For CHECKABLE: what it came to, when the effect is there; None when it is not."""
    undo: Callable[[P, Mapping[str, Any], World, Doing], Outcome] | None = None
    foresee: Callable[[P, World, Doing], Mapping[str, Any]] | None = None
    """The result that a dry run takes it to have, for the steps that read it."""

    def read(self, arguments: Mapping[str, Any]) -> P:
        """The arguments as parameters. Raises BadInput."""
        try:
            return self.parameters.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise failure(
                BadInput, "playbook.error.argument", action=self.name, where=where, what=misfit(first)
            ) from error


@cache
def actions() -> dict[str, Action[Any]]:
    """Every action by name. Raises BadConfig when two have one name."""
    found: dict[str, Action[Any]] = {}
    for module in pkgutil.iter_modules(playbooks.actions.__path__, "playbooks.actions."):
        action = importlib.import_module(module.name).ACTION
        if action.name in found:
            raise BadConfig(f"two actions are named {action.name!r}")
        found[action.name] = action
    return found


def action_named(name: str) -> Action[Any]:
    """Raises NotFound with the names there are."""
    try:
        return actions()[name]
    except KeyError:
        known = ", ".join(sorted(actions()))
        raise failure(NotFound, "playbook.error.no_action", name=name[:80], names=known) from None
