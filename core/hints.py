"""Fields of a query that no event has been seen with: mistyped, perhaps, and what may have been meant."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.models import Activity
from core.ecs import FIELDS
from core.query.problems import nearest
from core.query.tree import Node, fields_of


@dataclass(frozen=True, slots=True)
class Hint:
    """A field that nothing is known to have, and known names near to it."""

    field: str
    near: list[str]


def hints(session: Session, where: Node) -> list[Hint]:
    """The fields of a query that neither ECS nor any event heard so far has, by name."""
    unknown = fields_of(where) - FIELDS.keys()
    if not unknown:
        return []
    known = {str(name) for names in session.scalars(select(Activity.fields)) for name in names} | set(FIELDS)
    return [Hint(field, nearest(field, known)) for field in sorted(unknown - known)]
