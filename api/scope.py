"""What a person may see: a scope is a query over ``kydai.system`` and ``kydai.agency``, AND-ed to everything.

What belongs to no declared system or agency is seen by people without a scope only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ColumnElement, false, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.accounts import scope_query
from core.db.models import Alert, Incident
from core.event import Value
from core.query.to_match import compile_match
from core.query.tree import TRUE, And, Exists, Node, Or

_DECLARED = Or((Exists("kydai.system"), Exists("kydai.agency")))


@dataclass(frozen=True, slots=True)
class Sight:
    """A scope, ready to be applied to the store (``node``) and to rows of the control database."""

    node: Node
    _match: Callable[[Mapping[str, Value]], bool]

    @property
    def is_whole(self) -> bool:
        return self.node == TRUE

    def sees(self, system: str, agency: str) -> bool:
        """Whether something of this system and agency is within the scope; empty texts are none."""
        event: dict[str, Value] = {}
        if system:
            event["kydai.system"] = system
        if agency:
            event["kydai.agency"] = agency
        return self.is_whole or self._match(event)

    def alerts(self, session: Session) -> ColumnElement[bool]:
        """The alerts within the scope, as SQL."""
        return self._clause(session, Alert.system, Alert.agency)

    def incidents(self, session: Session) -> ColumnElement[bool]:
        """The incidents of which at least one alert is within the scope, as SQL."""
        if self.is_whole:
            return true()
        return select(Alert.id).where(Alert.incident_id == Incident.id, self.alerts(session)).exists()

    def _clause(
        self, session: Session, system: InstrumentedAttribute[str], agency: InstrumentedAttribute[str]
    ) -> ColumnElement[bool]:
        # there are few systems: each is judged by the predicate itself, so no second reading of the scope exists
        if self.is_whole:
            return true()
        pairs = [tuple(row) for row in session.execute(select(system, agency).distinct()) if self.sees(row[0], row[1])]
        return tuple_(system, agency).in_(pairs) if pairs else false()


WHOLE = Sight(TRUE, lambda _: True)


@lru_cache(256)
def sight(scope: str) -> Sight:
    """The sight of a person's scope; an empty text sees all. Raises BadInput for a scope over other fields."""
    if not scope.strip():
        return WHOLE
    whole = And((_DECLARED, scope_query(scope)))
    return Sight(whole, compile_match(whole))
