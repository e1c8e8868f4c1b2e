"""Query tree → a condition in DuckDB's SQL over event segments (core/store/segments_layout.py).

A field is read from its promoted column, else from the JSON of column ``doc``, else it is missing. What a column
holds is made by ``core/query/values.coerce`` and cut; a value that a column cannot hold is null there and stands in
``doc`` (``Schema.ignored``). Values are bound as parameters; names become identifiers through ``quote`` only.

The connection must have FUNCTIONS: folding and addresses are computed by our own code, never by the
engine's, except where both are known to agree (``lower``, and folding of ASCII).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from core.ecs import FieldType, type_of
from core.errors import BadInput, failure
from core.query.fold import fold
from core.query.leaf import (
    asked_id,
    by_field,
    compares_address,
    folds,
    v4_bounds,
)
from core.query.sql_leaf import NEVER, Holds, Sql, Written, any_leaf, between, compared, join, json_text, text_of
from core.query.tree import (
    TRUE,
    And,
    Comparison,
    FieldEquals,
    Leaf,
    Node,
    Not,
    Or,
    Phrase,
    fields_of,
)
from core.query.values import to_ip
from core.query.words import with_plain_gaps, words_of


def _ip_or_empty(text: str) -> str:
    return to_ip(text) or ""


FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "kydai_fold": fold,
    "kydai_ip": _ip_or_empty,
    "kydai_plain_gaps": with_plain_gaps,
}
"""Functions of VARCHAR to VARCHAR that the connection must have; null gives null and they never give null."""


class ColumnKind(StrEnum):
    """The SQL type of a promoted column; times are BIGINT microseconds."""

    VARCHAR = "VARCHAR"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    VARCHAR_LIST = "VARCHAR[]"


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a relation by name, ``<field>#fold``, ``<field>#ip`` and ``doc`` included.

    ``ignored`` names the promoted fields of which some row holds a value in ``doc`` instead of the column.
    A folded column may be null where the text is ASCII.
    """

    columns: Mapping[str, ColumnKind]
    ignored: frozenset[str] = frozenset()

    def of(self, field: str) -> ColumnKind | None:
        """What the column of a field holds; None when it has none: a product may name its field as we do a column."""
        return None if field in _OURS or "#" in field else self.columns.get(field)

    def needs_document(self, node: Node) -> bool:
        """Whether a condition asks for a value that may stand in the document."""
        if "doc" not in self.columns:
            return False
        return any(name in self.ignored or not self._has(name) for name in fields_of(node))

    def _has(self, field: str) -> bool:
        if self.of(field) is not None or (field == "event.id" and "segment" in self.columns):
            return True
        return self.columns.get(_SHORT_NAMES.get(field, "")) is ColumnKind.BIGINT


_HOLDS = {
    ColumnKind.VARCHAR: Holds.TEXT,
    ColumnKind.VARCHAR_LIST: Holds.TEXT,
    ColumnKind.BIGINT: Holds.LONG,
    ColumnKind.DOUBLE: Holds.DOUBLE,
    ColumnKind.BOOLEAN: Holds.BOOLEAN,
}
_ID_TEXT = "concat(segment, '.', record, '.', n)"
_SHORT_NAMES = {"@timestamp": "ts", "event.created": "created", "event.ingested": "ingested"}
_OURS = frozenset({"segment", "record", "n", "doc", *_SHORT_NAMES.values()})
"""Columns that are no field."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where fields are read: the schema, and the fields asked of the document with their number from 1."""

    schema: Schema
    asked: dict[str, int] = field(default_factory=dict)

    @property
    def has_document(self) -> bool:
        return "doc" in self.schema.columns

    def members(self, name: str) -> str:
        """The members of a field in the document, as a list of texts."""
        return f"d[{self.asked.setdefault(name, len(self.asked) + 1)}]"


def compile_sql(node: Node, schema: Schema) -> Sql:
    """The condition (true where the tree matches; false or null elsewhere) and its parameters in order.

    Raises BadInput for a regular expression or bound that cannot be used.
    """
    if not isinstance(node, And | Or):
        return _over_document(node, schema)
    # what needs no document is asked first: the others are then asked of fewer rows
    plain: list[Node] = []
    rest: list[Node] = []
    for child in node.children:
        (rest if schema.needs_document(child) else plain).append(child)
    kind = type(node)
    parts = [_over_document(kind(tuple(part)), schema) for part in (plain, rest) if part]
    return join("AND", "TRUE", parts) if isinstance(node, And) else join("OR", "FALSE", parts)


def _over_document(node: Node, schema: Schema) -> Sql:
    """A condition under which the document, if it is needed at all, is taken apart once for all its fields.

    Taking it apart for each field costs more than everything else, in time and in memory; and it is done only for rows
    that the columns do not rule out.
    """
    source = _Source(schema)
    text, params = _condition(node, source)
    if not source.asked:
        return text, params
    pointers: list[object] = ["/" + name.replace("~", "~0").replace("/", "~1") for name in source.asked]
    each = "CASE json_type(j) WHEN 'ARRAY' THEN j ->> '$[*]' ELSE [j ->> '$'] END"
    document = f"list_transform(json_extract(doc, [{', '.join('?' * len(pointers))}]), lambda j: {each})"
    apart: Sql = (f"len(list_filter([{document}], lambda d: {text})) > 0", pointers + params)
    possible = _of_the_columns(node, schema)
    return apart if possible == TRUE else join("AND", "TRUE", [_condition(possible, _Source(schema)), apart])


def _of_the_columns(node: Node, schema: Schema) -> Node:
    """What of a condition can be asked without the document; it holds wherever the whole does."""
    if isinstance(node, And):
        return And(tuple(part for child in node.children if (part := _of_the_columns(child, schema)) != TRUE))
    if isinstance(node, Or):
        parts = []
        for child in node.children:
            if (part := _of_the_columns(child, schema)) == TRUE:
                return TRUE
            parts.append(part)
        return Or(tuple(parts))
    return TRUE if schema.needs_document(node) else node


def _condition(node: Node, source: _Source) -> Sql:
    if isinstance(node, And):
        return join("AND", "TRUE", [_condition(child, source) for child in node.children])
    if isinstance(node, Or):
        groups, rest = by_field(_together(node, source.schema))
        parts = [part for group in groups for part in _split(group, source)]
        return join("OR", "FALSE", parts + [_condition(child, source) for child in rest])
    if isinstance(node, Not):
        text, params = _condition(node.child, source)
        return f"NOT coalesce({text}, FALSE)", params
    if isinstance(node, FieldEquals):
        return _two_fields(node, source)
    return _on_field([node], source)


def _together(node: Or, schema: Schema) -> Or:
    """Phrases that must stand as written, too, as leaves of their own, where a field has one value at most."""
    children = [_together(child, schema) if isinstance(child, Or) else child for child in node.children]
    return Or(tuple(_written(c, schema) or c if isinstance(c, And) else c for c in children))


def _written(node: And, schema: Schema) -> Written | None:
    phrase = next((child for child in node.children if isinstance(child, Phrase)), None)
    if phrase is None or schema.of(phrase.field) is not ColumnKind.VARCHAR or phrase.field in schema.ignored:
        return None
    found = Written(phrase.field, phrase.text, phrase.comparison)
    return found if words_of(phrase) and set(node.children) == {found.like, phrase} else None


def quote(name: str) -> str:
    """A name as an SQL identifier. Raises BadInput for one that no identifier can hold."""
    if "\0" in name:
        raise failure(BadInput, "query.error.nul_field")
    return '"' + name.replace('"', '""') + '"'


def _split(group: list[Leaf], source: _Source) -> list[Sql]:
    """Leaves of one field that read the same column are answered by one look at it."""
    folded = [leaf for leaf in group if folds(leaf)]
    addresses = [leaf for leaf in group if compares_address(leaf)]
    plain = [leaf for leaf in group if not folds(leaf) and not compares_address(leaf)]
    return [_on_field(part, source) for part in (plain, folded, addresses) if part]


def _on_field(leaves: Sequence[Leaf], source: _Source) -> Sql:
    """Whether any of the leaves, all of one field and reading one column, holds."""
    name, columns = leaves[0].field, source.schema.columns
    if source.schema.of(name) is None:
        if name == "event.id" and "segment" in columns:
            return _event_id(leaves)
        if columns.get(_SHORT_NAMES.get(name, "")) is ColumnKind.BIGINT:
            return _of_column(leaves, quote(_SHORT_NAMES[name]), ColumnKind.BIGINT)
        return _of_document(leaves, source) if source.has_document else NEVER
    here = _of_columns(leaves, columns)
    if name not in source.schema.ignored or not source.has_document:
        return here
    there = _of_document(leaves, source)
    return f"({here[0]} OR ({quote(name)} IS NULL AND {there[0]}))", here[1] + there[1]


def _of_columns(leaves: Sequence[Leaf], columns: Mapping[str, ColumnKind]) -> Sql:
    """Of the field's own column or of the one beside it that answers better."""
    name = leaves[0].field
    kind, column = columns[name], quote(name)
    if compares_address(leaves[0]) and columns.get(f"{name}#v4") is ColumnKind.BIGINT:
        return _of_flow_addresses(leaves, column, quote(f"{name}#v4"))
    if compares_address(leaves[0]) and f"{name}#ip" in columns:
        return any_leaf(leaves, quote(f"{name}#ip"), Holds.ADDRESS)
    if folds(leaves[0]) and kind is ColumnKind.VARCHAR and f"{name}#fold" in columns:
        beside = quote(f"{name}#fold")
        ascii_, folded = any_leaf(leaves, column, Holds.ASCII), any_leaf(leaves, beside, Holds.FOLDED)
        # to lower a text costs more than to look for a word in it in either case
        return f"(({beside} IS NULL AND {ascii_[0]}) OR {folded[0]})", ascii_[1] + folded[1]
    return _of_column(leaves, column, kind)


def _of_flow_addresses(leaves: Sequence[Leaf], column: str, numbers: str) -> Sql:
    """Flows keep the number of every IPv4 address beside its text."""
    bounds = [v4_bounds(leaf) for leaf in leaves]
    single: list[object] = [b[0] for b in bounds if b is not None and b[0] == b[1]]
    parts = [between(numbers, b) for b in bounds if b is not None and b[0] != b[1]]
    if single:
        parts.append((f"{numbers} IN ({', '.join('?' * len(single))})", single))
    if others := [leaf for leaf, b in zip(leaves, bounds, strict=True) if b is None]:
        parts.append(any_leaf(others, column, Holds.TEXT))
    return join("OR", "FALSE", parts)


def _of_column(leaves: Sequence[Leaf], column: str, kind: ColumnKind) -> Sql:
    if kind is not ColumnKind.VARCHAR_LIST:
        return any_leaf(leaves, column, _HOLDS[kind])
    text, params = any_leaf(leaves, "m", Holds.TEXT)
    return f"len(list_filter({column}, lambda m: {text})) > 0", params


def _of_document(leaves: Sequence[Leaf], source: _Source) -> Sql:
    text, params = any_leaf(leaves, "left(m, 8000)", Holds.TEXT)
    return f"len(list_filter({source.members(leaves[0].field)}, lambda m: {text})) > 0", params


def _event_id(leaves: Sequence[Leaf]) -> Sql:
    """``event.id`` is kept as its three parts."""
    parts: list[Sql] = []
    rest: list[Leaf] = []
    for leaf in leaves:
        asked = asked_id(leaf)
        if asked is None:
            rest.append(leaf)
        else:
            parts.append(("(segment = ? AND record = ? AND n = ?)", list(asked)))
    if rest:
        parts.append(any_leaf(rest, _ID_TEXT, Holds.TEXT))
    return join("OR", "FALSE", parts)


def _two_fields(leaf: FieldEquals, source: _Source) -> Sql:
    how = {
        "equals": "a = b",
        "startswith": "starts_with(a, b)",
        "endswith": "ends_with(a, b)",
        "contains": "contains(a, b)",
    }[leaf.how]
    ours, theirs = (_texts(name, leaf.comparison, source) for name in (leaf.field, leaf.other))
    return f"len(list_filter({ours}, lambda a: len(list_filter({theirs}, lambda b: {how})) > 0)) > 0", []


def _texts(name: str, comparison: Comparison, source: _Source) -> str:
    """The members of a field as a list of texts ready for comparing."""
    type_, columns = type_of(name), source.schema.columns
    listed = None
    if (kind := source.schema.of(name)) is not None:
        listed = _listed(quote(name), kind, type_)
    elif name == "event.id" and "segment" in columns:
        listed = f"[{_ID_TEXT}]"
    elif columns.get(_SHORT_NAMES.get(name, "")) is ColumnKind.BIGINT:
        listed = _listed(quote(_SHORT_NAMES[name]), ColumnKind.BIGINT, type_)
    if listed is None:
        listed = source.members(name) if source.has_document else "CAST([] AS VARCHAR[])"
    elif name in source.schema.ignored and source.has_document:
        listed = f"CASE WHEN {quote(name)} IS NULL THEN {source.members(name)} ELSE {listed} END"
    return f"list_transform({listed}, lambda m: {compared('left(m, 8000)', Holds.TEXT, type_, comparison)})"


def _listed(column: str, kind: ColumnKind, type_: FieldType) -> str:
    """A column as a list of texts, so that what stands in the document can stand in for it."""
    if kind is ColumnKind.VARCHAR_LIST:
        return column
    if kind is ColumnKind.BIGINT and type_ is FieldType.DATE:
        return f"[{text_of(column, Holds.LONG, type_)}]"
    return f"[{json_text(column, _HOLDS[kind])}]"
