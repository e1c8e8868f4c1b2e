"""Query tree → a condition in DuckDB's SQL over event segments (core/store/segments_layout.py).

A field is read from its promoted column, else from the JSON of column ``doc``, else it is missing. What a column
holds is made by ``core/query/values.coerce`` and cut; a value that a column cannot hold is null there and stands in
``doc`` (``Schema.ignored``). Values are bound as parameters; names become identifiers through ``quote`` only.

The connection must have FUNCTIONS: folding and addresses are computed by our own code, never by the
engine's, except where both are known to agree (``lower``, and folding of ASCII).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.ecs import FieldType, type_of
from core.errors import BadInput
from core.event import parse_event_id
from core.query.fold import comparable, fold
from core.query.leaf import (
    bounds_of,
    by_field,
    compares_address,
    folds,
    is_texty,
    long_bounds,
    micros_bounds,
    pattern_of,
    pattern_regex,
    phrase_regex,
    regex_text,
    v4_bounds,
    wanted,
    words_of,
)
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Leaf,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Wild,
)
from core.query.values import ip_bounds, to_ip


def _ip_or_empty(text: str) -> str:
    return to_ip(text) or ""


FUNCTIONS: Mapping[str, Callable[[str], str]] = {"kydai_fold": fold, "kydai_ip": _ip_or_empty}
"""Functions of VARCHAR to VARCHAR that the connection must have; null gives null and they never give null."""

_MAX_REGEX_BYTES = 4_000
"""Literals of one merged alternation; RE2's memory bounds the whole."""


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


class _Holds(StrEnum):
    """What an SQL expression gives for one value."""

    TEXT = "text"
    FOLDED = "folded"
    ADDRESS = "address"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"


_HOLDS = {
    ColumnKind.VARCHAR: _Holds.TEXT,
    ColumnKind.VARCHAR_LIST: _Holds.TEXT,
    ColumnKind.BIGINT: _Holds.LONG,
    ColumnKind.DOUBLE: _Holds.DOUBLE,
    ColumnKind.BOOLEAN: _Holds.BOOLEAN,
}
_SHORT_NAMES = {"@timestamp": "ts", "event.created": "created", "event.ingested": "ingested"}
_LONG_TEXT = "'^(-?[0-9]{1,19})(\\.0)?$'"
_DOUBLE_TEXT = "'-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?'"

Sql = tuple[str, list[object]]
_NEVER: Sql = ("FALSE", [])


def compile_sql(node: Node, schema: Schema) -> Sql:
    """The condition (true where the tree matches; false or null elsewhere) and its parameters in order.

    Raises BadInput for a regular expression or bound that cannot be used.
    """
    if isinstance(node, And):
        return _join("AND", "TRUE", [compile_sql(child, schema) for child in node.children])
    if isinstance(node, Or):
        groups, rest = by_field(node)
        parts = [part for group in groups for part in _split(group, schema)]
        return _join("OR", "FALSE", parts + [compile_sql(child, schema) for child in rest])
    if isinstance(node, Not):
        text, params = compile_sql(node.child, schema)
        return f"NOT coalesce({text}, FALSE)", params
    if isinstance(node, FieldEquals):
        return _two_fields(node, schema)
    return _on_field([node], schema)


def quote(name: str) -> str:
    """A name as an SQL identifier. Raises BadInput for one that no identifier can hold."""
    if "\0" in name:
        raise BadInput("a field name holds a NUL character")
    return '"' + name.replace('"', '""') + '"'


def _join(word: str, empty: str, parts: list[Sql]) -> Sql:
    if not parts:
        return empty, []
    if len(parts) == 1:
        return parts[0]
    return "(" + f" {word} ".join(text for text, _ in parts) + ")", [p for _, params in parts for p in params]


def _split(group: list[Leaf], schema: Schema) -> list[Sql]:
    """Leaves of one field that read the same column are answered by one look at it."""
    folded = [leaf for leaf in group if folds(leaf)]
    addresses = [leaf for leaf in group if compares_address(leaf)]
    plain = [leaf for leaf in group if not folds(leaf) and not compares_address(leaf)]
    return [_on_field(part, schema) for part in (plain, folded, addresses) if part]


def _on_field(leaves: Sequence[Leaf], schema: Schema) -> Sql:
    """Whether any of the leaves, all of one field and reading one column, holds."""
    field = leaves[0].field
    if field == "event.id" and field not in schema.columns and "segment" in schema.columns:
        return _event_id(leaves)
    if field not in schema.columns and schema.columns.get(_SHORT_NAMES.get(field, "")) is ColumnKind.BIGINT:
        return _of_column(leaves, quote(_SHORT_NAMES[field]), ColumnKind.BIGINT)
    if field not in schema.columns:
        return _of_document(leaves, field) if "doc" in schema.columns else _NEVER
    kind = schema.columns[field]
    column = quote(field)
    beside, holds = column, _HOLDS[kind]
    numbers = f"{field}#v4"
    if compares_address(leaves[0]) and schema.columns.get(numbers) is ColumnKind.BIGINT:
        parts = [_of_flow_address(leaf, column, quote(numbers)) for leaf in leaves]
        return _join("OR", "FALSE", parts)
    if compares_address(leaves[0]) and f"{field}#ip" in schema.columns:
        beside, holds = quote(f"{field}#ip"), _Holds.ADDRESS
    elif folds(leaves[0]) and kind is ColumnKind.VARCHAR and f"{field}#fold" in schema.columns:
        beside, holds = f"coalesce({quote(f'{field}#fold')}, lower({column}))", _Holds.FOLDED
    here = _any_leaf(leaves, beside, holds) if beside != column else _of_column(leaves, column, kind)
    if field not in schema.ignored or "doc" not in schema.columns:
        return here
    text, params = _of_document(leaves, field)
    return f"({here[0]} OR ({column} IS NULL AND {text}))", here[1] + params


def _of_flow_address(leaf: Leaf, column: str, numbers: str) -> Sql:
    """Flows keep the number of every IPv4 address beside its text."""
    bounds = v4_bounds(leaf)
    return _leaf(leaf, column, _Holds.TEXT) if bounds is None else _between(numbers, bounds)


def _of_column(leaves: Sequence[Leaf], column: str, kind: ColumnKind) -> Sql:
    if kind is not ColumnKind.VARCHAR_LIST:
        return _any_leaf(leaves, column, _HOLDS[kind])
    text, params = _any_leaf(leaves, "m", _Holds.TEXT)
    return f"len(list_filter({column}, lambda m: {text})) > 0", params


def _of_document(leaves: Sequence[Leaf], field: str) -> Sql:
    text, params = _any_leaf(leaves, "left(m, 8000)", _Holds.TEXT)
    members, path = _document_members(field)
    return f"len(list_filter({members}, lambda m: {text})) > 0", path + params


def _document_members(field: str) -> Sql:
    """The members of a field in the document as texts; the list makes the document be read once only."""
    pointer = "/" + field.replace("~", "~0").replace("/", "~1")
    each = "CASE json_type(j) WHEN 'ARRAY' THEN j ->> '$[*]' ELSE [j ->> '$'] END"
    return f"list_transform([json_extract(doc, ?)], lambda j: {each})[1]", [pointer]


def _event_id(leaves: Sequence[Leaf]) -> Sql:
    """``event.id`` is kept as its three parts."""
    parts: list[Sql] = []
    rest: list[Leaf] = []
    for leaf in leaves:
        if isinstance(leaf, Equals) and leaf.comparison is Comparison.EXACT and isinstance(leaf.value, str):
            try:
                parts.append(("(segment = ? AND record = ? AND n = ?)", list(parse_event_id(leaf.value))))
            except BadInput:
                parts.append(_NEVER)
        else:
            rest.append(leaf)
    if rest:
        parts.append(_any_leaf(rest, "concat(segment, '.', record, '.', n)", _Holds.TEXT))
    return _join("OR", "FALSE", parts)


def _any_leaf(leaves: Sequence[Leaf], x: str, holds: _Holds) -> Sql:
    """A condition on the one value ``x``; equalities become IN, patterns one regular expression."""
    equal: dict[Comparison, list[Equals]] = {}
    like: dict[Comparison, list[Like]] = {}
    parts: list[Sql] = []
    for leaf in leaves:
        if isinstance(leaf, Equals) and is_texty(type_of(leaf.field)) and not compares_address(leaf):
            equal.setdefault(leaf.comparison, []).append(leaf)
        elif isinstance(leaf, Like):
            like.setdefault(leaf.comparison, []).append(leaf)
        else:
            parts.append(_leaf(leaf, x, holds))
    for comparison, equals in equal.items():
        text = _compared(x, holds, type_of(equals[0].field), comparison)
        values: list[object] = [value for e in equals if (value := wanted(e)) is not None]
        if values:
            parts.append((f"{text} IN ({', '.join('?' * len(values))})" if len(values) > 1 else f"{text} = ?", values))
    for comparison, likes in like.items():
        parts += _likes(_compared(x, holds, type_of(likes[0].field), comparison), likes)
    return _join("OR", "FALSE", parts)


def _leaf(leaf: Leaf, x: str, holds: _Holds) -> Sql:
    type_ = type_of(leaf.field)
    if isinstance(leaf, Exists):
        return f"{x} IS NOT NULL", []
    if isinstance(leaf, Equals):
        value = wanted(leaf)
        return (f"{_typed(x, holds, leaf, type_)} = ?", [_bound(value, type_, holds)]) if value is not None else _NEVER
    if isinstance(leaf, Cidr):
        return f"{_address(x, holds)} BETWEEN ? AND ?", list(ip_bounds(leaf.network))
    if isinstance(leaf, Range):
        return _range(leaf, x, holds, type_)
    if isinstance(leaf, Phrase):
        text = _compared(x, holds, type_, leaf.comparison)
        words = words_of(leaf)
        if not words:
            return f"contains({text}, ?)", [comparable(leaf.text, leaf.comparison)]
        return f"(contains({text}, ?) AND regexp_matches({text}, ?))", [max(words, key=len), phrase_regex(words)]
    if isinstance(leaf, Regex):
        comparison = Comparison.FOLD if leaf.comparison is Comparison.FOLD else Comparison.EXACT
        return f"regexp_matches({_compared(x, holds, type_, comparison)}, ?)", [regex_text(leaf)]
    raise TypeError(f"{type(leaf).__name__} is not a test of one value")


def _likes(text: str, leaves: Sequence[Like]) -> list[Sql]:
    """Patterns over one text: a plain function for one, one alternation for several."""
    if len(leaves) == 1:
        return [_like(text, leaves[0])]
    parts: list[Sql] = []
    regexes: list[str] = []
    size = 0
    for regex in sorted({pattern_regex(pattern_of(leaf)) for leaf in leaves}):
        if regexes and size + len(regex) > _MAX_REGEX_BYTES:
            parts.append(_alternation(text, regexes))
            regexes, size = [], 0
        regexes.append(regex)
        size += len(regex)
    return [*parts, _alternation(text, regexes)]


def _alternation(text: str, regexes: Sequence[str]) -> Sql:
    return f"regexp_matches({text}, ?)", [f"(?s:{'|'.join(regexes)})"]


def _like(text: str, leaf: Like) -> Sql:
    pattern = pattern_of(leaf)
    literals = [part for part in pattern if not isinstance(part, Wild)]
    wilds = [part for part in pattern if isinstance(part, Wild)]
    if Wild.ONE in wilds or len(literals) > 1:
        return _alternation(text, [pattern_regex(pattern)])
    if not wilds:
        return f"{text} = ?", ["".join(literals)]
    if not literals:
        return f"{text} IS NOT NULL", []
    if len(wilds) == 2:
        return f"contains({text}, ?)", [*literals]
    return f"{'ends_with' if pattern[0] is Wild.MANY else 'starts_with'}({text}, ?)", [*literals]


def _range(leaf: Range, x: str, holds: _Holds, type_: FieldType) -> Sql:
    if type_ is FieldType.LONG:
        return _between(_long(x, holds), long_bounds(leaf))
    if type_ is FieldType.DATE and holds is _Holds.LONG:
        return _between(x, micros_bounds(leaf))
    bounds = bounds_of(leaf)
    if type_ is FieldType.DATE:
        value = _date(x)
    elif type_ is FieldType.IP:
        value = _address(x, holds)
    else:
        value = _double(x, holds)
    given = ((">", bounds.gt), (">=", bounds.gte), ("<", bounds.lt), ("<=", bounds.lte))
    parts: list[Sql] = [(f"{value} {sign} ?", [bound]) for sign, bound in given if bound is not None]
    return _join("AND", f"{value} IS NOT NULL", parts)


def _between(x: str, bounds: tuple[int, int] | None) -> Sql:
    return _NEVER if bounds is None else (f"{x} BETWEEN ? AND ?", list(bounds))


def _typed(x: str, holds: _Holds, leaf: Equals, type_: FieldType) -> str:
    if compares_address(leaf):
        return _address(x, holds)
    if type_ is FieldType.LONG:
        return _long(x, holds)
    if type_ is FieldType.DOUBLE:
        return _double(x, holds)
    if type_ is FieldType.DATE:
        return x if holds is _Holds.LONG else _date(x)
    return x if holds is _Holds.BOOLEAN else _boolean(x)


def _bound(value: object, type_: FieldType, holds: _Holds) -> object:
    if type_ is FieldType.DATE and holds is _Holds.LONG:
        bounds = micros_bounds(Range("@timestamp", gte=str(value)))
        return bounds[0] if bounds else None
    return value


def _long(x: str, holds: _Holds) -> str:
    return x if holds is _Holds.LONG else f"try_cast(regexp_extract({_string(x, holds)}, {_LONG_TEXT}, 1) AS BIGINT)"


def _double(x: str, holds: _Holds) -> str:
    if holds is _Holds.BOOLEAN:
        return "CAST(NULL AS DOUBLE)"
    number = f"CAST({x} AS DOUBLE)"
    if holds not in (_Holds.LONG, _Holds.DOUBLE):
        number = f"try_cast({x} AS DOUBLE)"
        fits = f"length({x}) <= 400 AND regexp_full_match({x}, {_DOUBLE_TEXT}) AND isfinite({number})"
        return f"CASE WHEN {fits} THEN {number} END"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def _boolean(x: str) -> str:
    return f"CASE {x} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"


def _date(x: str) -> str:
    return f"CASE WHEN length({x}) = 27 AND ends_with({x}, 'Z') THEN {x} END"


def _address(x: str, holds: _Holds) -> str:
    if holds is _Holds.ADDRESS:
        return x
    return f"nullif(kydai_ip({x}), '')" if holds is _Holds.TEXT else "CAST(NULL AS VARCHAR)"


def _string(x: str, holds: _Holds) -> str:
    """The text of a value that is not a time, as JSON writes it."""
    if holds in (_Holds.LONG, _Holds.BOOLEAN):
        return f"CAST({x} AS VARCHAR)"
    return f"(to_json({x}) ->> '$')" if holds is _Holds.DOUBLE else x


def _text(x: str, holds: _Holds, type_: FieldType) -> str:
    """The text of a value as patterns see it: of a typed field the text of what the type holds."""
    if is_texty(type_):
        return _string(x, holds)
    if type_ is FieldType.LONG:
        return _string(_long(x, holds), _Holds.LONG)
    if type_ is FieldType.DOUBLE:
        return _string(_double(x, holds), _Holds.DOUBLE)
    if type_ is FieldType.DATE:
        return f"strftime(make_timestamp({x}), '%Y-%m-%dT%H:%M:%S.%fZ')" if holds is _Holds.LONG else _date(x)
    return _string(x if holds is _Holds.BOOLEAN else _boolean(x), _Holds.BOOLEAN)


def _compared(x: str, holds: _Holds, type_: FieldType, comparison: Comparison) -> str:
    if holds is _Holds.FOLDED:
        return x
    text = _text(x, holds, type_)
    if comparison is Comparison.EXACT:
        return text
    if comparison is Comparison.CI:
        return f"lower({text})"
    return f"CASE WHEN strlen({text}) = length({text}) THEN lower({text}) ELSE kydai_fold({text}) END"


def _two_fields(leaf: FieldEquals, schema: Schema) -> Sql:
    ours, our_params = _members(leaf.field, leaf.comparison, schema)
    theirs, their_params = _members(leaf.other, leaf.comparison, schema)
    how = {
        "equals": "a = b",
        "startswith": "starts_with(a, b)",
        "endswith": "ends_with(a, b)",
        "contains": "contains(a, b)",
    }[leaf.how]
    text = f"len(list_filter({ours}, lambda a: len(list_filter({theirs}, lambda b: {how})) > 0)) > 0"
    return text, our_params + their_params


def _members(field: str, comparison: Comparison, schema: Schema) -> Sql:
    """The members of a field as a list of texts ready for comparing."""
    type_ = type_of(field)
    kind = schema.columns.get(field)
    column = quote(field)
    params: list[object] = []
    if kind is None and schema.columns.get(_SHORT_NAMES.get(field, "")) is ColumnKind.BIGINT:
        kind, column = ColumnKind.BIGINT, quote(_SHORT_NAMES[field])
    elif kind is None and field == "event.id" and "segment" in schema.columns:
        kind, column = ColumnKind.VARCHAR, "concat(segment, '.', record, '.', n)"
    document, path = _document_members(field)
    if kind is None:
        if "doc" not in schema.columns:
            return "CAST([] AS VARCHAR[])", []
        texts, params, each, holds = document, path, "left(m, 8000)", _Holds.TEXT
    else:
        # text in a list, so that what stands in the document can stand in for it
        listed = column if kind is ColumnKind.VARCHAR_LIST else f"[{_string(column, _HOLDS[kind])}]"
        if type_ is FieldType.DATE and kind is ColumnKind.BIGINT:
            listed = f"[{_text(column, _Holds.LONG, type_)}]"
        texts, each, holds = listed, "left(m, 8000)", _Holds.TEXT
        if field in schema.ignored and "doc" in schema.columns:
            texts, params = f"CASE WHEN {column} IS NULL THEN {document} ELSE {listed} END", path
    return f"list_transform({texts}, lambda m: {_compared(each, holds, type_, comparison)})", params
