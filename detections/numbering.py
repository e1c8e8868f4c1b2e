"""Numbers for predicates: those of all rules in one table, called by the names that events have for the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from detections.binding import FieldMap
from detections.conditions import cost_of
from detections.ir import Expr, Kind, Predicate, conj, disj


class Numbering(dict[Predicate, int]):
    """Predicates over events' own names → numbers, given as they are first asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.predicates: list[Predicate] = []
        """By number."""
        self.costs: list[float] = []
        """By number, as ``conditions.trigger`` wants them."""
        self._under: dict[FieldMap, _Named] = {}

    def __missing__(self, predicate: Predicate) -> int:
        number = self[predicate] = len(self.predicates)
        self.predicates.append(predicate)
        self.costs.append(cost_of(predicate))
        return number

    def under(self, fields: FieldMap, names: Set[str]) -> Mapping[Predicate, Expr]:
        """Predicates over rules' names (which are among ``names``) → expressions over numbers, filled as they are
        asked for."""
        if fields.leaves(names):
            return self
        known = self._under.get(fields)
        if known is None:
            known = self._under[fields] = _Named(self, fields)
        return known


class _Named(dict[Predicate, Expr]):
    """Of several keys that a field may have, the first that an event has counts."""

    def __init__(self, numbering: Numbering, fields: FieldMap) -> None:
        super().__init__()
        self._numbers = numbering
        self._fields = fields

    def __missing__(self, predicate: Predicate) -> Expr:
        field, kind, value, flags = predicate
        if field is None:
            found: Expr = self._numbers[predicate]
        elif kind is Kind.FIELD:
            found = self._pair(self._fields.keys(field), predicate)
        else:
            keys = self._fields.keys(field)
            if len(keys) == 1:
                (key,) = keys
                found = self._numbers[predicate if key == field else Predicate(key, kind, value, flags)]
            else:
                found = self._absent(keys) if kind is Kind.NULL else self._first(keys, predicate)
        self[predicate] = found
        return found

    def _first(self, keys: Sequence[str], predicate: Predicate) -> Expr:
        expr: Expr = self._numbers[predicate._replace(field=keys[-1])]
        for key in reversed(keys[:-1]):
            absent = self._numbers[Predicate(key, Kind.NULL)]
            expr = disj((self._numbers[predicate._replace(field=key)], conj((absent, expr))))
        return expr

    def _pair(self, keys: Sequence[str], predicate: Predicate) -> Expr:
        others = self._fields.keys(predicate.value)
        return disj(
            conj((self._absent(keys[:at]), self._absent(others[:of]), self._numbers[pair]))
            for at, key in enumerate(keys)
            for of, other in enumerate(others)
            for pair in (Predicate(key, Kind.FIELD, other, predicate.flags),)
        )

    def _absent(self, keys: Sequence[str]) -> Expr:
        return conj(self._numbers[Predicate(key, Kind.NULL)] for key in keys)
