"""Documents and queries that Hypothesis draws, and the relations that the SQL target reads them from."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from random import Random
from typing import Any

import duckdb
import orjson
import pyarrow as pa
from hypothesis import strategies as st

from core.clock import to_micros
from core.ecs import FieldType, is_folded, type_of
from core.event import Event, Scalar, Value
from core.query.fold import cut, fold
from core.query.language import parse
from core.query.to_sql import FUNCTIONS, ColumnKind, Schema, compile_sql, quote
from core.query.tree import (
    And,
    Cidr,
    Comparison,
    Equals,
    Exists,
    FieldEquals,
    Like,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Wild,
)
from core.query.values import coerce, to_ip

LISTS = ("tags", "related.ip")
FIELDS = (
    "message",
    "rule.name",
    "process.name",
    "process.command_line",
    "app.odd \"name'/~",
    "source.ip",
    "destination.port",
    "event.risk_score",
    "process.entry_leader.same_as_process",
    "event.start",
    "@timestamp",
    "event.id",
    *LISTS,
)
TEXTS = (
    "",
    "a",
    "A",
    "b",
    "ab",
    "Huế",
    "hue",
    "Hue\u0302\u0301",
    "HUẾ",
    "đăng nhập",
    "Failed password for root",
    "failed\npassword",
    "C:\\Windows\\x.exe",
    "100%_a",
    "a*b?c",
    "İ",
    "ΣΑΣ",
    "ß",
    "ſ",
    "K",
    "[x",
    '["a"]',
    "null",
    "443",
    "443.0",
    "0443",
    "-1",
    "1e3",
    "1e999",
    "true",
    "True",
    "10.0.0.5",
    "010.0.0.5",
    "::ffff:10.0.0.5",
    "2001:DB8::1",
    "fe80::1%eth0",
    "\x00a\x00",
    "\x00",
    "x😀ab",
    "😀",
    "'; DROP TABLE t; --",
    "2026-11-25T01:26:00.123456Z",
    "2026-11-25T01:26:00Z",
    "x" * 7_999 + "ế" + "tail",
)
SPECIAL = ("", "hue\u0302\u0301 A", "đa\u0306ng nha\u0323\u0302p", "Failed " + "đ" * 8_000 + "tail", "a" + "y" * 8_000)
"""What is rare among the texts, to be drawn more often."""
TIMES = ("2026-11-25T01:26:00.123456Z", "2026-11-25T01:26:00.123457Z", "1969-12-31T23:59:59.999999Z")
SEGMENT = "01JDGVB8R0ABCDEFGHJKMNPQRS"

texts = st.sampled_from(TEXTS) | st.text(alphabet="abAếẾdđ .*\\😀", max_size=6)
NUMBERS = (0, 1, -1, 443, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1)
FLOATS = (0.0, -0.0, 1.0, 443.0, 1.5, 1e16, 1e21, 5e-324, 1.7e308)
numbers = st.sampled_from(NUMBERS) | st.integers(0, 5)
floats = st.sampled_from(FLOATS)
scalars = st.one_of(texts, numbers, floats, st.booleans(), st.none())
comparisons = st.sampled_from(Comparison)


def values(field: str) -> st.SearchStrategy[Value]:
    """Values of a field: mostly of its type, sometimes of any other."""
    type_ = type_of(field)
    if field == "@timestamp":
        return st.sampled_from(TIMES)
    if field == "event.id":
        return st.integers(0, 5).map(lambda n: f"{SEGMENT}.{n}.0")
    own: st.SearchStrategy[Scalar] = texts
    if type_ in (FieldType.LONG, FieldType.DOUBLE):
        own = st.one_of(numbers, floats)
    elif type_ is FieldType.BOOLEAN:
        own = st.booleans()
    elif type_ is FieldType.DATE:
        own = st.sampled_from(TIMES)
    elif type_ is FieldType.IP:
        own = st.sampled_from([text for text in TEXTS if to_ip(text)])
    return st.one_of(own, own, own, scalars, st.lists(st.one_of(own, scalars), max_size=3))


events: st.SearchStrategy[Event] = st.fixed_dictionaries(
    {"@timestamp": values("@timestamp"), "event.id": values("event.id")},
    optional={field: values(field) for field in FIELDS if field not in ("@timestamp", "event.id")},
)


def random_event(random: Random) -> Event:
    """An event with most of the fields, quickly: Hypothesis is slow in drawing many."""
    event: Event = {"@timestamp": random.choice(TIMES), "event.id": f"{SEGMENT}.0.0"}
    for field in FIELDS:
        if field not in event and random.random() < 0.85:
            size = random.choice((0, 1, 2, 2, 3)) if random.random() < 0.15 else None
            members = [_random_scalar(field, random) for _ in range(size or 1)]
            event[field] = members[0] if size is None else members[:size]
    return event


def _random_scalar(field: str, random: Random) -> Scalar:
    type_ = type_of(field)
    if random.random() < 0.3:
        return random.choice((*TEXTS, *NUMBERS, *FLOATS, True, False, None, ""))
    if type_ in (FieldType.LONG, FieldType.DOUBLE):
        return random.choice((*NUMBERS, *FLOATS, "443", "1e3"))
    if type_ is FieldType.BOOLEAN:
        return random.choice((True, False))
    if type_ is FieldType.DATE:
        return random.choice(TIMES)
    if type_ is FieldType.IP:
        return random.choice([text for text in TEXTS if to_ip(text)])
    if random.random() < 0.1:
        return "".join(random.choices("abAếẾdđ .*\\😀", k=random.randrange(7)))
    return random.choice((*TEXTS, *SPECIAL))


fields = st.sampled_from((*FIELDS, "absent.field"))
patterns = st.lists(st.one_of(texts, st.sampled_from(Wild)), min_size=1, max_size=4).map(tuple)
regexes = st.sampled_from(
    [
        "^a",
        "a.b",
        "[a-c]+$",
        "đ.n",
        "Huế|hue",
        "\\d{3}",
        "(?i)FAILED",
        "",
        "^$",
        "\\bpassword\\b",
        "\\S",
        "é?",
        "(?s:.*)^a",
        "(?m)(?s:.*)^a|b$",
        "^(a|b|$)",
        "[^a-z]b?",
        "[[:upper:]k-]+$",
        "a{2,}|e{1}",
        "(?i)s",
        "[\\D\\s]{3,9}?x",
        "\\A(?:(?i:ả|k)|.*\\.exe)\\z",
        "\\x{1ebf}",
        "^(|ab)c?$",
        "(?:a|)+\\x00",
        "😀a|x😀",
    ]
)
networks = st.sampled_from(
    [ip_network(n) for n in ("10.0.0.0/8", "10.0.0.5", "0.0.0.0/0", "::/0", "2001:db8::/32", "fe80::/10")]
)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    field = draw(fields)
    bounds: st.SearchStrategy[Any] = st.one_of(numbers, floats)
    if type_of(field) is FieldType.DATE:
        bounds = st.sampled_from(TIMES)
    elif type_of(field) is FieldType.IP:
        bounds = st.sampled_from([text for text in TEXTS if to_ip(text)])
    names = draw(st.lists(st.sampled_from(["gt", "gte", "lt", "lte"]), max_size=2, unique=True))
    return Range(field, **{name: draw(bounds) for name in names})


@st.composite
def alike(draw: st.DrawFn) -> Node:
    """Any of several values of one field, which targets ask for together."""
    field, comparison = draw(fields), draw(comparisons)
    several = draw(st.lists(st.one_of(texts, numbers), min_size=1, max_size=3))
    return Or(tuple(Equals(field, value, comparison) for value in several))


anywhere = st.sampled_from(
    [
        parse(text, now=to_micros(TIMES[0]))
        for text in (
            "hue",
            "Huế",
            "failed",
            "ab",
            "10.0.0.5",
            "10.0.0.5 OR 10.0.0.57 OR 10.0.0.5 failed",
            "2001:db8::1",
            '"failed password"',
            "x.exe",
            "*ab*",
            "443",
        )
    ]
)
"""Values without a field, as people type them: in every field of free text."""

leaves: st.SearchStrategy[Node] = st.one_of(
    alike(),
    anywhere,
    st.builds(Equals, fields, st.one_of(texts, numbers, floats, st.booleans()), comparisons),
    st.builds(Like, fields, patterns, comparisons),
    st.builds(Phrase, fields, texts.map(cut), comparisons),
    st.builds(Regex, fields, regexes, comparisons, st.booleans(), st.booleans()),
    ranges(),
    st.builds(Cidr, fields, networks),
    st.builds(Exists, fields),
    st.builds(
        FieldEquals, fields, fields, st.sampled_from(["equals", "startswith", "endswith", "contains"]), comparisons
    ),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda children: st.one_of(
        st.lists(children, max_size=3).map(lambda c: And(tuple(c))),
        st.lists(children, max_size=4).map(lambda c: Or(tuple(c))),
        children.map(Not),
    ),
    max_leaves=6,
)

_KINDS = {FieldType.LONG: ColumnKind.BIGINT, FieldType.DOUBLE: ColumnKind.DOUBLE, FieldType.BOOLEAN: ColumnKind.BOOLEAN}
_ARROW = {
    ColumnKind.VARCHAR: pa.string(),
    ColumnKind.BIGINT: pa.int64(),
    ColumnKind.DOUBLE: pa.float64(),
    ColumnKind.BOOLEAN: pa.bool_(),
    ColumnKind.VARCHAR_LIST: pa.list_(pa.string()),
}


def as_documents(documents: Sequence[Event]) -> tuple[Any, Schema]:
    """Everything in ``doc``."""
    table = pa.table({"doc": pa.array([orjson.dumps(event).decode() for event in documents], pa.string())})
    return table, Schema({"doc": ColumnKind.VARCHAR})


def as_columns(documents: Sequence[Event]) -> tuple[Any, Schema]:
    """Every field promoted, as a store would; what does not fit stands in ``doc``."""
    columns: dict[str, ColumnKind] = {}
    arrays: dict[str, Any] = {}
    ignored: set[str] = set()
    rest: list[Event] = [{} for _ in documents]
    for field in FIELDS:
        if field in ("@timestamp", "event.id"):
            continue
        kind = ColumnKind.VARCHAR_LIST if field in LISTS else _KINDS.get(type_of(field), ColumnKind.VARCHAR)
        held = [column_value(field, kind, event.get(field)) for event in documents]
        for row, (event, value) in enumerate(zip(documents, held, strict=True)):
            if value is None and event.get(field) is not None:
                ignored.add(field)
                rest[row][field] = event[field]
        columns[field] = kind
        arrays[field] = pa.array(held, _ARROW[kind])
        if is_folded(field):
            columns[f"{field}#fold"] = ColumnKind.VARCHAR
            arrays[f"{field}#fold"] = pa.array(
                [None if text is None or text.isascii() else fold(text) for text in held], pa.string()
            )
        if type_of(field) is FieldType.IP and kind is ColumnKind.VARCHAR:
            columns[f"{field}#ip"] = ColumnKind.VARCHAR
            arrays[f"{field}#ip"] = pa.array([to_ip(text) for text in held], pa.string())
    ids = [str(event["event.id"]).split(".") for event in documents]
    columns |= {"ts": ColumnKind.BIGINT, "segment": ColumnKind.VARCHAR}
    columns |= {"record": ColumnKind.BIGINT, "n": ColumnKind.BIGINT, "doc": ColumnKind.VARCHAR}
    arrays["ts"] = pa.array([to_micros(str(event["@timestamp"])) for event in documents], pa.int64())
    arrays["segment"] = pa.array([segment for segment, _, _ in ids], pa.string())
    arrays["record"] = pa.array([int(record) for _, record, _ in ids], pa.int64())
    arrays["n"] = pa.array([int(n) for _, _, n in ids], pa.int64())
    arrays["doc"] = pa.array([orjson.dumps(event).decode() for event in rest], pa.string())
    return pa.table(arrays), Schema(columns, frozenset(ignored))


def as_arrow(documents: Sequence[Event]) -> tuple[Any, list[Event]]:
    """The columns alone, as the mask reads them, and of each event what they hold of it."""
    table, schema = as_columns(documents)
    table = table.append_column("event.id", pa.array([event["event.id"] for event in documents], pa.string()))
    held: list[Event] = [
        {k: v for k, v in row.items() if k in schema.columns and v is not None} for row in table.to_pylist()
    ]
    for row, event in zip(held, documents, strict=True):
        row["@timestamp"], row["event.id"] = event["@timestamp"], event["event.id"]
    return table, held


def column_value(field: str, kind: ColumnKind, value: Value) -> Any:
    """What a promoted column holds of a value; None when it stands in the document."""
    if kind is ColumnKind.VARCHAR_LIST:
        members = value if isinstance(value, list) else [value]
        if value is None or not all(isinstance(m, str) for m in members):
            return None
        return [cut(str(m)) for m in members]
    if isinstance(value, list):
        return None
    held = coerce(type_of(field), value)
    return cut(held) if isinstance(held, str) else held


def connection() -> Any:
    """A DuckDB connection with the functions that the SQL needs."""
    made = duckdb.connect()
    made.execute("SET threads = 1")
    for name, function in FUNCTIONS.items():
        made.create_function(name, function, ["VARCHAR"], "VARCHAR")
    return made


def sql_answers(con: Any, table: Any, schema: Schema, queries: Sequence[Node]) -> list[list[bool]]:
    """For each query the rows that match."""
    conditions = [compile_sql(node, schema) for node in queries]
    columns = ", ".join(f"coalesce({text}, FALSE) AS {quote(f'q{i}')}" for i, (text, _) in enumerate(conditions))
    con.register("t", table)
    found = con.execute(f"SELECT {columns} FROM t", [p for _, params in conditions for p in params]).fetchall()
    con.unregister("t")
    return [list(column) for column in zip(*found, strict=True)] if found else [[] for _ in queries]
