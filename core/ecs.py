"""ECS: the names and types of fields, and which of them are compared with folding.

The names and types are those of the Elastic Common Schema in ``ecs_fields.csv`` (flat fields only: objects,
nested lists and the deep re-uses nobody fills are left out), then our own ``kydai.*``. A field that neither
lists is a keyword: its values are texts, whatever they look like.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files

VERSION = "9.4.0"
"""The release of ECS that the table was taken from; goes into ``ecs.version``."""


class FieldType(StrEnum):
    """How the values of a field are held and compared."""

    KEYWORD = "keyword"
    TEXT = "text"
    IP = "ip"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"


OWN_FIELDS: Mapping[str, FieldType] = {
    "kydai.agency": FieldType.KEYWORD,  # who owns the information system of the source
    "kydai.clock_offset": FieldType.LONG,  # seconds that the sender's clock was off, where it is known
    "kydai.flow.sampling_rate": FieldType.LONG,  # 1 in n
    "kydai.flow.sampling_source": FieldType.KEYWORD,
    "kydai.flow.tcp_flags": FieldType.LONG,
    "kydai.id_reused": FieldType.BOOLEAN,  # its kydai.sender_id came within the hour with another content
    "kydai.kv": FieldType.KEYWORD,  # name=value of fields outside a mapping (Elasticsearch only)
    "kydai.original_b64": FieldType.KEYWORD,  # the exact bytes, when they are not valid UTF-8
    "kydai.overlong": FieldType.KEYWORD,  # fields compared by their first 8,000 characters only
    "kydai.parser": FieldType.KEYWORD,  # the parser that took the raw
    "kydai.replay": FieldType.BOOLEAN,
    "kydai.retention": FieldType.KEYWORD,  # retention class
    "kydai.rules": FieldType.KEYWORD,  # ids of the rules that matched when it was judged
    "kydai.ruleset": FieldType.KEYWORD,
    "kydai.sender_id": FieldType.KEYWORD,  # the sender's own event.id
    "kydai.source": FieldType.KEYWORD,  # what the transport proves
    "kydai.system": FieldType.KEYWORD,  # information system of the source
    "kydai.system_level": FieldType.LONG,  # its level, 1 to 5
    "kydai.time_flag": FieldType.KEYWORD,  # future, past, missing, unreadable: why @timestamp is to be doubted
    "kydai.unmapped": FieldType.KEYWORD,  # what a parser could read no further
}

FOLDED: frozenset[str] = frozenset(
    {
        "message",
        "event.original",
        "error.message",
        "event.reason",
        "email.subject",
        "file.name",
        "group.name",
        "organization.name",
        "process.title",
        "rule.description",
        "rule.name",
        "service.name",
        "threat.group.name",
        "threat.software.name",
        "threat.tactic.name",
        "threat.technique.name",
        "user.full_name",
        "user.effective.full_name",
        "user.target.full_name",
        "kydai.agency",
        "kydai.system",
        "kydai.source",
    }
)
"""Texts, names and titles: typed queries compare them without case, tone marks and đ/d."""


def _load() -> tuple[dict[str, FieldType], frozenset[str]]:
    text = files("core").joinpath("ecs_fields.csv").read_text(encoding="utf-8")
    types: dict[str, FieldType] = {}
    arrays: set[str] = set()
    for row in csv.DictReader(text.splitlines()):
        types[row["field"]] = FieldType(row["type"])
        if row["normalize"] == "array":
            arrays.add(row["field"])
    types["event.original"] = FieldType.TEXT  # ECS does not index it; we search in it
    return types | dict(OWN_FIELDS), frozenset(arrays)


FIELDS, ARRAYS = _load()
"""Every declared field with its type, and the names of those that ECS says hold lists."""


def type_of(field: str) -> FieldType:
    """The type of a field; a keyword when it is not declared (native and product fields)."""
    return FIELDS.get(field, FieldType.KEYWORD)


def is_declared(field: str) -> bool:
    """Whether ECS or we name the field; others keep a name of their product."""
    return field in FIELDS


def is_folded(field: str) -> bool:
    """Whether a typed query folds this field (its folded form is written beside it)."""
    return field in FOLDED
