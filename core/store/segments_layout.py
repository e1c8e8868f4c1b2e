"""The columns of a segment file, and which ECS fields are promoted to one.

Every event segment has the same columns in the same order, so that files join without a union by name:

* ``segment``, ``record``, ``n``: the parts of ``event.id``;
* ``ts``, ``created``, ``ingested``: ``@timestamp``, ``event.created``, ``event.ingested`` in microseconds;
* one column for each promoted field, under the field's own name;
* ``<field>#fold`` beside a promoted field that is compared with folding: null where the text is ASCII, whose
  folded form is its lower case;
* ``<field>#ip`` beside a promoted address: 32 hexadecimal digits of the IPv6 (or IPv4-mapped) address;
* ``keys``: the names of the event's fields that are not null, as a JSON list; few lists are different, so that
  counting fields and passing over documents without a field cost next to nothing;
* ``_ignored``: the promoted fields whose value the column cannot say (a list where it holds one value, a text
  where it holds a number); it is null then, and ``doc`` is asked;
* ``doc``: the flat event as JSON, without what the columns give back exactly. What stands in both is the
  document's. Texts in columns are cut to what is compared (8,000 characters); the document holds all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pyarrow as pa

from core.ecs import FieldType, is_folded, type_of

LAYOUT = 1
"""Version of the columns below; a file of a newer one is not read."""


class Shape(StrEnum):
    """What a promoted column holds."""

    TEXT = "text"
    LONG = "long"
    TEXTS = "texts"


_TEXTS = (
    "event.category", "event.type", "tags", "related.ip", "related.user", "related.hosts", "related.hash",
    "host.ip", "kydai.rules",
)  # fmt: skip

_SCALARS = (
    "message", "event.original",
    "event.kind", "event.dataset", "event.module", "event.provider", "event.action", "event.code",
    "event.outcome", "event.reason", "event.severity", "log.level",
    "kydai.source", "kydai.system", "kydai.agency", "kydai.retention", "kydai.parser", "kydai.ruleset",
    "host.name", "host.hostname", "observer.name", "observer.product", "observer.vendor", "service.name",
    "source.ip", "source.port", "source.domain", "source.bytes", "source.packets", "source.user.name",
    "source.geo.country_iso_code", "source.as.number", "source.as.organization.name",
    "destination.ip", "destination.port", "destination.domain", "destination.bytes", "destination.packets",
    "destination.geo.country_iso_code", "destination.as.number",
    "network.transport", "network.protocol", "network.application", "network.bytes", "network.packets",
    "network.direction", "network.iana_number",
    "user.name", "user.id", "user.domain", "user.target.name",
    "process.name", "process.pid", "process.executable", "process.command_line",
    "process.parent.name", "process.parent.executable", "process.parent.command_line",
    "file.path", "file.name", "registry.path", "rule.name",
    "dns.question.name", "dns.question.type",
    "url.original", "url.domain", "url.path", "url.query",
    "http.request.method", "http.response.status_code", "user_agent.original",
    "winlog.channel",
)  # fmt: skip


def _shape(field: str) -> Shape:
    return Shape.LONG if type_of(field) is FieldType.LONG else Shape.TEXT


PROMOTED: Mapping[str, Shape] = {f: _shape(f) for f in _SCALARS} | dict.fromkeys(_TEXTS, Shape.TEXTS)
"""The promoted fields, in the order of their columns."""

FOLDED: tuple[str, ...] = tuple(f for f in PROMOTED if is_folded(f))
ADDRESSES: tuple[str, ...] = tuple(f for f in _SCALARS if type_of(f) is FieldType.IP)

_OTHERS = ("event.original", "event.reason", "event.severity", "kydai.retention")
FEW: tuple[str, ...] = (
    "keys",
    *(f for f in _SCALARS if f.startswith(("event.", "kydai.", "observer.")) and f not in _OTHERS),
)
"""Columns that have few values as a rule: compaction moves their numbers, not the texts."""

TIMES: Mapping[str, str] = {"@timestamp": "ts", "event.created": "created", "event.ingested": "ingested"}
"""Fields of time that have a column of their own, in microseconds."""

IDENTITY = ("segment", "record", "n")
"""The parts of ``event.id``."""

ARROW: Mapping[Shape, Any] = {
    Shape.TEXT: pa.string(),
    Shape.LONG: pa.int64(),
    Shape.TEXTS: pa.list_(pa.string()),
}


def _schema() -> Any:
    columns: list[tuple[str, Any]] = [("segment", pa.string()), ("record", pa.int64()), ("n", pa.int32())]
    columns += [(name, pa.int64()) for name in TIMES.values()]
    columns += [(name, ARROW[shape]) for name, shape in PROMOTED.items()]
    columns += [(f"{name}#fold", pa.string()) for name in FOLDED]
    columns += [(f"{name}#ip", pa.string()) for name in ADDRESSES]
    columns += [("keys", pa.string()), ("_ignored", pa.list_(pa.string())), ("doc", pa.string())]
    return pa.schema(columns)


SCHEMA: Any = _schema()
"""The pyarrow schema of every event segment."""
