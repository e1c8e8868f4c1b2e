"""The shapes that several routes share: times, words in both languages, pages, the truth of an answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from core.clock import iso
from core.errors import BadInput, failure, recalled
from core.store import contract

Time = Annotated[
    int,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-25T01:26:00.123456Z"]}),
]
"""Microseconds inside, canonical text ``…Z`` outside."""


Id = Annotated[int, Field(ge=0, le=2**53)]
"""A row's number, within what JSON and every database hold exactly."""


class Shape(BaseModel):
    """An answer's shape, read from rows and dataclasses too."""

    model_config = ConfigDict(from_attributes=True)


class Words(Shape):
    """A text in both languages."""

    vi: str = ""
    en: str = ""


def _words(value: object) -> object:
    return {k: str(v) for k, v in value.items() if k in ("vi", "en")} if isinstance(value, Mapping) else value


def _recalled(value: object) -> object:
    return recalled(value) if isinstance(value, str) else value


Recalled = Annotated[Words, BeforeValidator(_recalled)]
"""What went wrong, from a row that ``core.errors.kept`` wrote."""
Bilingual = Annotated[Words, BeforeValidator(_words)]


class Entity(Shape):
    """Something that alerts share: ``kind`` is host, user, ip, hash, process, domain …"""

    kind: str
    value: str


EntityText = Annotated[
    str,
    Field(
        max_length=320,
        pattern="^(host|user|ip|domain|hash|process|file|url|observer):.",
        description="kind:value of an entity, as ip:192.0.2.7",
    ),
]


def entities(pairs: Sequence[Any]) -> list[Entity]:
    """Entities from the database's ``[[kind, value], …]``."""
    return [Entity(kind=str(p[0]), value=str(p[1])) for p in pairs if isinstance(p, list | tuple) and len(p) == 2]


class Missing(Shape):
    """A part of the data that an answer could not take into account (``what`` is a key of core/words)."""

    what: str
    detail: str = ""
    start: Time | None = None
    end: Time | None = None


class Position(Shape):
    """How far the store had come."""

    seen: int
    at: Time


class Truth(Shape):
    """What every answer about events says of itself."""

    exact: bool
    complete: bool
    missing: list[Missing]
    position: Position

    @classmethod
    def of(cls, truth: contract.Truth) -> Truth:
        return cls.model_validate(truth)


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; ``cursor`` asks for the next one, null at the end."""

    items: list[T]
    cursor: str | None = None
    total: int | None = None
    """How many there are in all, where that is known."""


def write_cursor(*values: int | str) -> str:
    """The place after which the next page begins, as an opaque text."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def read_cursor(text: str, *kinds: type[int | str]) -> list[Any]:
    """The values of a cursor. Raises BadInput unless they are of these kinds."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise failure(BadInput, "api.wrong_cursor") from error
    fits = isinstance(values, list) and len(values) == len(kinds)
    if not fits or any(type(v) is not k or not _is_small(v) for v, k in zip(values, kinds, strict=True)):
        raise failure(BadInput, "api.wrong_cursor")
    return list(values)


def _is_small(value: int | str) -> bool:
    return isinstance(value, str) or -(2**53) <= value <= 2**53
