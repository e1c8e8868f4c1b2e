"""The SQL of reads: segments grouped into relations that the compiled tree can be asked of.

Files of events share one layout; files of flows are grouped by their columns. Files in which some row has a
field that the query touches in its document, and not in the column, are asked apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from core.ecs import FieldType, type_of
from core.event import Event
from core.query.to_sql import ColumnKind, Schema, compile_sql, quote
from core.query.tree import TRUE, And, FieldEquals, Node, Not, Or, fields_of
from core.store.catalog_rows import Kind, Segment
from core.store.contract import Query
from core.store.segments_layout import ADDRESSES, FOLDED, IDENTITY, PROMOTED, TIMES, Shape
from core.store.segments_rows import builder

_KINDS = {
    Shape.TEXT: ColumnKind.VARCHAR,
    Shape.LONG: ColumnKind.BIGINT,
    Shape.TEXTS: ColumnKind.VARCHAR_LIST,
}
_OWN_KINDS = {
    "segment": ColumnKind.VARCHAR,
    "record": ColumnKind.BIGINT,
    "n": ColumnKind.BIGINT,
    **dict.fromkeys(TIMES.values(), ColumnKind.BIGINT),
}
_EVENT_KINDS = {
    **_OWN_KINDS,
    **{name: _KINDS[shape] for name, shape in PROMOTED.items()},
    **{f"{name}#fold": ColumnKind.VARCHAR for name in FOLDED},
    **{f"{name}#ip": ColumnKind.VARCHAR for name in ADDRESSES},
    "doc": ColumnKind.VARCHAR,
}
_FLOW_KINDS = {
    "string": ColumnKind.VARCHAR,
    "double": ColumnKind.DOUBLE,
    "float": ColumnKind.DOUBLE,
    "bool": ColumnKind.BOOLEAN,
}

_KEPT_APART = frozenset({"event.id", *TIMES})
IDS = ", ".join(IDENTITY)

Sql = tuple[str, list[object]]


@dataclass(frozen=True, slots=True)
class Group:
    """Segments that one statement can read."""

    folder: Path
    kind: Kind
    segments: tuple[Segment, ...]
    relation: str
    """What stands after FROM."""
    schema: Schema
    where: str
    parameters: tuple[object, ...]
    around: str
    """What of ``where`` is not the query's tree: bounds of time, records hidden; empty without any."""
    around_parameters: tuple[object, ...]
    known: int | None
    """How many rows are asked for, where that is known without a look."""
    named: int = 0
    """How many rows of one file ``where`` names by their numbers; 0 where it names none."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The ECS fields that have a column, without those of identity and time."""
        return tuple(n for n in self.schema.columns if "#" not in n and n not in _OWN_KINDS and n != "doc")


@dataclass(frozen=True, slots=True)
class Members:
    """An expression for the values of a field."""

    sql: str
    parameters: tuple[object, ...] = ()
    listed: bool = False
    where: str = "TRUE"
    """Rows that do not meet this have none."""
    names: tuple[str, ...] = ()
    """The parameters of ``where``."""


def group(
    folder: Path, segments: Iterable[Segment], query: Query, *, touched: Iterable[str] = (), replaced: bool
) -> list[Group]:
    """The statements' sources for a query that also reads the fields ``touched``.

    ``replaced``: some records are marked replaced, and table ``replaced`` names them. Raises BadInput for a
    query that cannot be asked (a regular expression that is none).
    """
    asked = fields_of(query.where) | fields_of(query.scope) | set(touched)
    alike: dict[tuple[Kind, frozenset[str], tuple[tuple[str, str], ...], bool], list[Segment]]
    alike = defaultdict(list)
    for s in segments:
        alike[s.kind, s.ignored & asked, s.columns, _within(s, query)].append(s)
    return [
        _group(folder, tuple(members), query, ignored, within=within, replaced=replaced)
        for (_, ignored, _, within), members in alike.items()
    ]


def _within(segment: Segment, query: Query) -> bool:
    start, end = query.span.start, query.span.end
    return (start is None or segment.min_ts >= start) and (end is None or segment.max_ts < end)


def _group(
    folder: Path,
    segments: tuple[Segment, ...],
    query: Query,
    ignored: frozenset[str],
    *,
    within: bool,
    replaced: bool,
) -> Group:
    kind, columns = segments[0].kind, segments[0].columns
    schema = Schema(_EVENT_KINDS if kind is Kind.EVENTS else _flow_kinds(columns), ignored)
    conditions: list[str] = []
    parameters: list[object] = []
    if not within:
        for bound, test in ((query.span.start, "ts >= ?"), (query.span.end, "ts < ?")):
            if bound is not None:
                conditions.append(test)
                parameters.append(bound)
    if kind is Kind.EVENTS and replaced and not query.include_replaced:
        conditions.append("NOT (n = 0 AND (segment, record) IN (SELECT (spool, record) FROM replaced))")
    around, around_parameters = " AND ".join(conditions), tuple(parameters)
    asked = asked_of(query)
    if asked.children:
        wanted, names = present(asked, schema)
        sql, values = compile_sql(asked, schema)
        conditions += [wanted, f"({sql})"] if names else [f"({sql})"]
        parameters += [*names, *values]
    return Group(
        folder=folder,
        kind=kind,
        segments=segments,
        relation=_relation(folder, kind, columns, segments),
        schema=schema,
        where=" AND ".join(conditions) or "TRUE",
        parameters=tuple(parameters),
        around=around,
        around_parameters=around_parameters,
        known=None if conditions else sum(s.rows for s in segments),
    )


def asked_of(query: Query) -> And:
    """The conditions of a query, the scope among them."""
    return And(tuple(node for node in (query.where, query.scope) if node != TRUE))


def present(node: Node, schema: Schema) -> Sql:
    """A condition that holds wherever the tree does, for passing over documents: the fields that it needs there
    are among the event's. TRUE, without parameters, when it needs none."""
    if isinstance(node, Or):
        parts = [present(child, schema) for child in node.children]
        if not parts or not all(names for _, names in parts):
            return "TRUE", []
        return f"({' OR '.join(text for text, _ in parts)})", [name for _, names in parts for name in names]
    if isinstance(node, And):
        parts = [part for child in node.children if (part := present(child, schema))[1]]
        return " AND ".join(text for text, _ in parts) or "TRUE", [name for _, names in parts for name in names]
    if isinstance(node, Not):
        return "TRUE", []
    fields = (node.field, node.other) if isinstance(node, FieldEquals) else (node.field,)
    names = [key_of(field) for field in fields if schema.of(field) is None and field not in _KEPT_APART]
    if "doc" not in schema.columns:
        names = []
    return " AND ".join(["contains(keys, ?)"] * len(names)) or "TRUE", list(names)


def key_of(field: str) -> str:
    """How a field stands in column ``keys``."""
    return orjson.dumps(field).decode()


def _flow_kinds(columns: Sequence[tuple[str, str]]) -> dict[str, ColumnKind]:
    kinds: dict[str, ColumnKind] = dict(_OWN_KINDS)
    types = dict(columns)
    for name, type_or_other in columns:
        if name not in _OWN_KINDS:
            type_ = types[type_or_other[1:]] if type_or_other.startswith("=") else type_or_other
            listed = type_.startswith("list")
            kinds[name] = ColumnKind.VARCHAR_LIST if listed else _FLOW_KINDS.get(type_, ColumnKind.BIGINT)
    return kinds


def _relation(folder: Path, kind: Kind, columns: Sequence[tuple[str, str]], segments: Sequence[Segment]) -> str:
    paths = ", ".join("'" + str(folder / s.name).replace("'", "''") + "'" for s in segments)
    source = f"read_parquet([{paths}], hive_partitioning=false)"
    there = {name for name, _ in columns}
    extra = [f"NULL::BIGINT AS {name}" for name in TIMES.values() if kind is Kind.FLOWS and name not in there]
    extra += [f"{quote(type_[1:])} AS {quote(name)}" for name, type_ in columns if type_.startswith("=")]
    if not extra:
        return source
    return f"(SELECT *, file_index, file_row_number, {', '.join(extra)} FROM {source})"


def only(of: Group, files: Sequence[int]) -> Group:
    """The group cut down to some of its files."""
    segments = tuple(of.segments[i] for i in files)
    relation = _relation(of.folder, of.kind, segments[0].columns, segments)
    known = None if of.known is None else sum(s.rows for s in segments)
    return replace(of, segments=segments, relation=relation, known=known)


def among(of: Group, file: int, listed: str, count: int, *, sure: bool) -> Group:
    """The group cut down to ``count`` rows of one of its files, those that condition ``listed`` names.
    ``sure``: they are known to meet the query's tree."""
    where, parameters = (of.around, of.around_parameters) if sure else (of.where, of.parameters)
    return replace(
        only(of, [file]),
        where=f"{listed} AND {where}" if where else listed,
        parameters=parameters,
        known=count if sure and not where else None,
        named=count,
    )


def selected(
    of: Group, fields: Sequence[str] | None, there: Set[str] | None = None
) -> tuple[str, Callable[[Sequence[Any]], Event]]:
    """What to select for whole events or for some fields of them, and what makes an event of a row.

    ``there``: what fields the rows have, where that is known. Rows begin with segment, record, n, ts.
    """
    names = tuple(name for name in of.fields if there is None or name in there)
    doc = "doc" in of.schema.columns
    only = None
    if fields is not None:
        only = frozenset(fields)
        names = tuple(name for name in names if name in only)
        known = {*of.fields, *TIMES, "event.id"}
        doc = doc and (not only <= known or any(s.overridden & only for s in of.segments))
    columns = [*IDENTITY, *TIMES.values(), *(quote(name) for name in names), "doc" if doc else "NULL"]
    return ", ".join(columns), builder(names, only)


def members(field: str, schema: Schema) -> Members:
    """An expression for the values of a field, and whether it is a list of texts; else it is one value of
    whatever type. Null when the field is missing."""
    if field == "event.id":
        return Members("concat(segment, '.', record, '.', n)")
    if field in TIMES:
        return Members(_time_text(TIMES[field]))
    kind = schema.of(field)
    if kind is None and "doc" not in schema.columns:
        return Members(f"CAST(NULL AS {'BIGINT' if type_of(field) is FieldType.LONG else 'VARCHAR'})")
    document = (
        "list_transform([json_extract(doc, ?)], "
        "lambda j: CASE json_type(j) WHEN 'ARRAY' THEN j ->> '$[*]' ELSE [j ->> '$'] END)[1]"
    )
    pointer = "/" + field.replace("~", "~0").replace("/", "~1")
    if kind is None:
        return Members(document, (pointer,), True, "contains(keys, ?)", (key_of(field),))
    column = quote(field)
    if type_of(field) is FieldType.DATE:
        return Members(_time_text(column))
    listed = kind is ColumnKind.VARCHAR_LIST
    if field not in schema.ignored:
        return Members(column, listed=listed)
    here = column if listed else f"[CAST({column} AS VARCHAR)]"
    return Members(f"CASE WHEN {column} IS NULL THEN {document} ELSE {here} END", (pointer,), listed=True)


def _time_text(column: str) -> str:
    return f"strftime(make_timestamp({column}), '%Y-%m-%dT%H:%M:%S.%fZ')"
