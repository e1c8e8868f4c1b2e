"""Constants and conditions of packs: ``set``, and the clauses of ``when``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collectors.parser_contract import Record
from collectors.parser_values import converter, put, to_text
from core.ecs import ARRAYS
from core.errors import BadConfig, failure

Out = dict[str, Any]
Action = Callable[[Out, Record], bool]
"""Works on the fields found so far; False when the raw is not the pack's after all."""


def only(spec: Mapping[str, Any], keys: set[str], what: str) -> None:
    unknown = sorted(map(str, set(spec) - keys))
    if unknown:
        names = ", ".join(sorted(keys))
        raise failure(BadConfig, "collectors.pack.key", what=what, key=unknown[0][:80], names=names)


def constants_of(spec: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Constants in the types of their fields."""
    out: list[tuple[str, Any]] = []
    for name, value in spec.items():
        if isinstance(value, list) or name in ARRAYS:
            values = value if isinstance(value, list) else [value]
            out.append((name, [converter(name)(v) for v in values]))
        else:
            out.append((name, converter(name)(value)))
        if out[-1][1] is None:
            raise failure(BadConfig, "collectors.pack.value", value=repr(value)[:80], field=name)
    return tuple(out)


def defaults(spec: Mapping[str, Any]) -> Action:
    constants = constants_of(spec)

    def apply(out: Out, record: Record) -> bool:
        for name, value in constants:
            if name not in out:
                out[name] = value.copy() if value.__class__ is list else value
        return True

    return apply


Test = Callable[[Any], bool]


def _test(spec: Any) -> Test:
    if isinstance(spec, dict):
        only(spec, {"gte", "lt", "exists", "starts", "holds", "not"}, "if")
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


def when_groups(specs: Sequence[Mapping[str, Any]]) -> list[Action]:
    """The clauses of ``when``, in order. Those whose outcome hangs on few values are decided once per values."""
    actions: list[Action] = []
    group: list[Clause] = []
    assigned: set[str] = set()
    for spec in specs:
        clause = _clause(spec)
        if not clause.finite or not assigned.isdisjoint(clause.reads):
            if group:
                actions.append(_decided(tuple(group)))
            group, assigned = [], set()
        if clause.finite:
            group.append(clause)
            assigned.update(clause.writes)
        else:
            actions.append(_tried(clause))
    if group:
        actions.append(_decided(tuple(group)))
    return actions


@dataclass(frozen=True, slots=True)
class Clause:
    """``if`` all conditions hold: ``set`` constants, ``copy`` and ``move`` fields (target: source)."""

    tests: tuple[tuple[str, Test], ...]
    constants: tuple[tuple[str, Any], ...]
    copies: tuple[tuple[str, str], ...]
    moves: tuple[tuple[str, str], ...]
    finite: bool
    """Whether its conditions ask only for certain values, or whether a field is there."""
    exists: frozenset[str]
    """Fields of which only the presence matters."""

    @property
    def reads(self) -> set[str]:
        return {name for name, _ in self.tests}

    @property
    def writes(self) -> set[str]:
        return (
            {n for n, _ in self.constants}
            | {n for pair in self.copies for n in pair}
            | {n for pair in self.moves for n in pair}
        )

    def holds(self, out: Out) -> bool:
        return all(test(out.get(name)) for name, test in self.tests)

    def apply(self, out: Out) -> None:
        for name, value in self.constants:
            out[name] = value.copy() if value.__class__ is list else value
        for target, source in self.copies:
            if source in out and target not in out:
                put(out, target, out[source])
        for target, source in self.moves:
            if source in out and target not in out:
                put(out, target, out.pop(source))


def _clause(spec: Mapping[str, Any]) -> Clause:
    only(spec, {"if", "set", "copy", "move"}, "when")
    conditions: Mapping[str, Any] = spec["if"]
    simple = [not isinstance(c, dict) or set(c) <= {"exists"} for c in conditions.values()]
    return Clause(
        tuple((name, _test(condition)) for name, condition in conditions.items()),
        constants_of(spec.get("set", {})),
        tuple(spec.get("copy", {}).items()),
        tuple(spec.get("move", {}).items()),
        all(simple),
        frozenset(name for name, c in conditions.items() if isinstance(c, dict)),
    )


def _tried(clause: Clause) -> Action:
    def apply(out: Out, record: Record) -> bool:
        if clause.holds(out):
            clause.apply(out)
        return True

    return apply


MAX_DECISIONS = 4_096


def _decided(clauses: tuple[Clause, ...]) -> Action:
    valued = {name for clause in clauses for name in clause.reads - clause.exists}
    present = tuple(sorted({name for clause in clauses for name in clause.exists} - valued))
    names = tuple(sorted(valued))
    decisions: dict[tuple[Any, ...], tuple[Clause, ...]] = {}

    def decide(out: Out) -> tuple[Clause, ...]:
        return tuple(clause for clause in clauses if clause.holds(out))

    def apply(out: Out, record: Record) -> bool:
        get = out.get
        key = (*map(get, names), *[name in out for name in present])
        try:
            chosen = decisions.get(key)
        except TypeError:  # a list among the values
            chosen = decide(out)
        else:
            if chosen is None:
                chosen = decide(out)
                if len(decisions) >= MAX_DECISIONS:  # the values are the sender's; do not grow for ever
                    decisions.clear()
                decisions[key] = chosen
        for clause in chosen:
            clause.apply(out)
        return True

    return apply
