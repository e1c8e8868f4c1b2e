"""Sigma's modifiers where pySigma's never match, match what is not asked or grow without bound; taken from here.

pySigma drops the part of a time that is compared (``hour|gte``), takes hours that there are not, loses digits of large
numbers, ignores ``cased`` before ``fieldref``, reads ``neq|all`` as ``all|neq``, and writes five texts for every dash
of a ``windash``. Of a value that a modifier does not take it names its own classes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import sigma.types
from sigma.exceptions import SigmaTypeError, SigmaValueError
from sigma.modifiers import (
    SigmaAllModifier,
    SigmaCaseSensitiveModifier,
    SigmaCompareModifier,
    SigmaFieldReferenceModifier,
    SigmaModifier,
    SigmaValueModifier,
    modifier_mapping,
    reverse_modifier_mapping,
)
from sigma.types import (
    SigmaCasedString,
    SigmaCompareExpression,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    TimestampPart,
)

from detections.plain_values import DASH, DASH_BEFORE_NAME, DASHES, MAX_DASHES

_PARTS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "week": (1, 53), "month": (1, 12), "year": (1, 9999)}
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


class _Number(SigmaNumber):
    """A whole number as it is written, however many digits it has."""

    def __post_init__(self, init_number: Any) -> None:
        super().__post_init__(init_number)
        if isinstance(init_number, int):
            self.number = init_number


@dataclass
class CasedReference(SigmaFieldReference):
    """Another field, the case of which counts."""


class TooManyValuesError(Exception):
    """The values of one rule have become more texts than a rule may have."""


_left: ContextVar[list[int]] = ContextVar("left")


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """What is read within may make so many texts of its dashes: 1 KB of them may stand for 600,000."""
    token = _left.set([limit])
    try:
        yield
    finally:
        _left.reset(token)


class _Windash(SigmaValueModifier[SigmaString, SigmaExpansion]):
    def modify(self, val: SigmaString) -> SigmaExpansion:
        choices: list[Sequence[Any]] = []
        for part, follower in zip(val.s, [*val.s[1:], ""], strict=True):
            if not isinstance(part, str):
                choices.append((part,))
                continue
            dash = DASH if isinstance(follower, str) else DASH_BEFORE_NAME
            for at, text in enumerate(dash.split(part)):
                choices += [DASHES, (text,)] if at else [(text,)]
        dashes = choices.count(DASHES)
        if dashes > MAX_DASHES:
            raise SigmaValueError(f"windash takes {MAX_DASHES} dashes in one text at most, not {dashes}")
        left = _left.get(None)
        if left is not None:
            left[0] -= len(DASHES) ** dashes
            if left[0] < 0:
                raise TooManyValuesError
        return SigmaExpansion([_of_parts(parts) for parts in product(*choices)])


def _of_parts(parts: Sequence[Any]) -> SigmaString:
    made = SigmaString()
    made.s = [part for part in parts if part != ""]
    return made


class _Part(SigmaValueModifier[SigmaNumber, SigmaTimestampPart]):
    name: ClassVar[str]

    def modify(self, val: SigmaNumber) -> SigmaTimestampPart:
        least, most = _PARTS[self.name]
        number = val.number
        if not isinstance(number, int) or not least <= number <= most:
            raise SigmaValueError(f"{self.name} takes a whole number from {least} to {most}, not {number}")
        return SigmaTimestampPart(TimestampPart[self.name.upper()], number)


class _Compare(SigmaCompareModifier):
    def modify(self, val: SigmaNumber) -> Any:
        if not isinstance(val, SigmaTimestampPart):
            return SigmaCompareExpression(val, self.op, self.source)
        name, compare = val.timestamp_part.name.lower(), self.op.name.lower()
        if name == "year":
            raise SigmaValueError("years cannot be compared: name each of them")
        least, most = _PARTS[name]
        found = [each for each in range(least, most + 1) if _COMPARED[compare](each, val.number)]
        if not found:
            raise SigmaValueError(f"no {name} is {compare} {val.number}")
        return SigmaExpansion([SigmaTimestampPart(val.timestamp_part, each) for each in found])


class _Cased(SigmaCaseSensitiveModifier):
    def modify(self, val: SigmaString | SigmaFieldReference) -> Any:
        if isinstance(val, SigmaFieldReference):
            return CasedReference(val.field, val.starts_with, val.ends_with)
        return super().modify(val)


class _FieldReference(SigmaFieldReferenceModifier):
    def modify(self, val: SigmaString) -> SigmaFieldReference:
        found = super().modify(val)
        return CasedReference(found.field) if isinstance(val, SigmaCasedString) else found


class _All(SigmaAllModifier):
    def modify(self, val: Any) -> Any:
        # modifiers apply in their order: each value of ``neq|all`` is another, as with ``neq`` alone
        return val if self.detection_item.negated else super().modify(val)


_takes = SigmaModifier.type_check


def _check_type(self: SigmaModifier[Any, Any], val: Any, explicit_type: type[Any] | None = None) -> bool:
    if explicit_type is None and not _takes(self, val):
        name = reverse_modifier_mapping[type(self).__name__]
        if isinstance(val, SigmaNull | SigmaRegularExpression):
            told = "null" if isinstance(val, SigmaNull) else "re"
        else:
            told = repr(val.number if isinstance(val, SigmaNumber) else str(val))
        raise SigmaTypeError(f"{name} does not take {told}", source=self.source)
    return _takes(self, val, explicit_type)


def _named(base: type[SigmaModifier[Any, Any]], name: str, /, **given: Any) -> type[SigmaModifier[Any, Any]]:
    return type(f"_{name.title()}", (base,), given)


_OURS: dict[str, type[SigmaModifier[Any, Any]]] = {
    "all": _All,
    "windash": _Windash,
    "cased": _Cased,
    "fieldref": _FieldReference,
    **{name: _named(_Part, name, name=name) for name in _PARTS},
    **{name: _named(_Compare, name, op=modifier_mapping[name].op) for name in _COMPARED},  # type: ignore[attr-defined]
}
modifier_mapping.update(_OURS)
reverse_modifier_mapping.update({modifier.__name__: name for name, modifier in _OURS.items()})
sigma.types.type_map[int] = _Number
SigmaModifier.type_check = _check_type  # type: ignore[method-assign]
