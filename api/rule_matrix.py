"""The ATT&CK matrix of a house: by technique what its rules can see, not how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from api.rules import RuleRow
from api.shapes import Shape, Words
from detections.attack import Matrix, Sight, Technique, attack, sight_of
from detections.coverage import State


class SubCell(Shape):
    """A sub-technique that rules are tagged with."""

    id: str
    name: str
    sight: Sight
    rules: dict[Sight, int]
    """How many rules see how much."""


class TechniqueCell(SubCell):
    """A technique with the rules of its sub-techniques."""

    subs: list[SubCell]


class TacticColumn(Shape):
    """A tactic, and the ids of its techniques by name."""

    id: str
    name: str
    title: Words
    techniques: list[str]


class MatrixOf(Shape):
    """Tactics in ATT&CK's order; a technique that serves several stands under each of them."""

    tactics: list[TacticColumn]
    techniques: dict[str, TechniqueCell]
    sights: dict[Sight, int]
    """How many techniques are seen how well."""
    untagged: int
    """Rules that name no technique: they stand in no cell."""
    unknown: dict[str, int]
    """Techniques that rules name and the table does not know."""
    is_told: bool
    """Whether the coverage of the rules is known yet; until then no cell has a rule."""


def matrix_of(rows: Iterable[RuleRow]) -> MatrixOf:
    """The matrix of these rules."""
    found, is_told = Matrix(), False
    for row in rows:
        sight = sight_of(row.effect, State(row.coverage) if row.coverage else None)
        is_told |= row.coverage is not None
        if sight is not None:
            found.add(row.tags, sight)
    table = attack()
    techniques = {each.id: _technique(found, each) for each in table.techniques.values()}
    by_name = sorted(table.techniques.values(), key=lambda each: each.name)
    columns = [
        TacticColumn(
            id=tactic.id,
            name=tactic.name,
            title=Words(**tactic.title),
            techniques=[each.id for each in by_name if tactic.name in each.tactics],
        )
        for tactic in table.tactics
    ]
    return MatrixOf(
        tactics=columns,
        techniques=techniques,
        sights=Counter(cell.sight for cell in techniques.values()),
        untagged=found.untagged,
        unknown=found.unknown,
        is_told=is_told,
    )


def _technique(found: Matrix, technique: Technique) -> TechniqueCell:
    subs = [_cell(found, each, name) for each, name in technique.subs.items()]
    return TechniqueCell(**dict(_cell(found, technique.id, technique.name)), subs=subs)


def _cell(found: Matrix, number: str, name: str) -> SubCell:
    cell = found.cell(number)
    return SubCell(id=number, name=name, sight=cell.sight, rules=cell.rules)
