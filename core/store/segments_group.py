"""Groups and figures over segments, in DuckDB's SQL (core/query/pipes.py says what they mean)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import isfinite

from core.ecs import FieldType, type_of
from core.query.pipes import Figure, Grouping
from core.query.sql_leaf import Holds, figure_of
from core.store.contract import MAX_GROUPS, GroupKey, GroupRow
from core.store.segments_engine import Read
from core.store.segments_sql import Group, Members, members
from core.store.steps import Steps

_ADDED = ("min", "max", "sum", "avg")
FigureValue = int | float | str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one relation with a text for each key; an event with several values has several rows."""

    sql: str
    parameters: tuple[object, ...]


def grouped(
    read: Read, parts: Sequence[Group], grouping: Grouping, steps: Steps | None, bucket: str
) -> tuple[list[GroupRow], int]:
    """All groups in order of their keys, at most MAX_GROUPS, and how many events those left out have at most (0: these
    are all).

    ``bucket`` is the expression of ``steps`` for the local start of an event's bucket, empty without them.
    """
    if not parts:
        whole = {"count": 0}
        return ([] if grouping.by or steps else [GroupRow((), _in_order(grouping, whole))]), 0
    measured = tuple(dict.fromkeys(f.field for f in grouping.figures if f.how in _ADDED))
    keys = [f"k{i}" for i in range(len(grouping.by) + (steps is not None))]
    listed = {f for f in measured if any(members(f, each.schema).listed for each in parts)}
    sources = [_part(each, grouping, bucket, measured, listed) for each in parts]
    columns = [*keys, "count(*)"]
    for i, field in enumerate(measured):
        asked = {f.how for f in grouping.figures if f.field == field}
        columns += _figure_columns(f"v{i}", field, asked, listed=field in listed)
    rows = read.rows(*_union(sources, columns, keys))
    figures = [dict(_figures(measured, row[len(keys) :])) for row in rows]
    places = {row[: len(keys)]: place for row, place in zip(rows, figures, strict=True)}
    for figure in grouping.figures:
        if figure.how == "distinct":
            for *key, count in read.rows(*_distinct(parts, grouping, steps, bucket, figure, keys)):
                if (place := places.get(tuple(key))) is not None:
                    place[figure.name] = count
    found = [GroupRow(_keys(key, steps), _in_order(grouping, place)) for key, place in places.items()]
    if len(found) <= MAX_GROUPS:
        return found, 0
    ((bound,),) = read.rows(*_left_out(sources, keys))
    assert isinstance(bound, int)
    return found[:MAX_GROUPS], bound


def _in_order(grouping: Grouping, place: Mapping[str, FigureValue]) -> tuple[FigureValue, ...]:
    return tuple(place.get(f.name, 0 if f.how == "distinct" else None) for f in grouping.figures)


def _keys(key: tuple[object, ...], steps: Steps | None) -> tuple[GroupKey, ...]:
    if steps is None:
        return tuple(str(k) for k in key)
    local, *rest = key
    assert isinstance(local, int)
    return (steps.start(local), *(str(k) for k in rest))


def _figure_columns(value: str, field: str, asked: Set[str], *, listed: bool) -> list[str]:
    """Least, most, sum and number of the values; none that no figure is made of."""
    is_date = type_of(field) is FieldType.DATE
    each = ("list_min({})", "list_max({})", "list_sum({})", "len({})") if listed else ("{}",) * 4
    least, most, total, number = (of.format(value) for of in each)
    added = not is_date and not asked.isdisjoint(("sum", "avg"))
    return [
        f"min({least})" if "min" in asked else "NULL",
        f"max({most})" if "max" in asked else "NULL",
        f"sum({total})" if added else "NULL",
        (f"sum({number})" if listed else f"count({number})") if added else "0",
    ]


def _figures(measured: Sequence[str], row: Sequence[object]) -> list[tuple[str, FigureValue]]:
    """The figures of a group by the names that they have in a grouping."""
    count, *rest = row
    assert isinstance(count, int)
    found: list[tuple[str, FigureValue]] = [("count", count)]
    for i, field in enumerate(measured):
        least, most, total, number = rest[4 * i : 4 * i + 4]
        found += [(Figure("min", field).name, least), (Figure("max", field).name, most)]  # type: ignore[list-item]
        if isinstance(total, int | float) and number:
            assert isinstance(number, int)
            if isfinite(total):  # no sum of fractions is greater than the greatest
                found += [(Figure("sum", field).name, total), (Figure("avg", field).name, total / number)]
    return found


def _union(parts: Sequence[_Part], columns: Sequence[str], keys: Sequence[str]) -> tuple[str, list[object]]:
    by = ", ".join(keys)
    tail = f" GROUP BY {by} ORDER BY {by} LIMIT {MAX_GROUPS + 1}" if keys else ""
    sql = f"SELECT {', '.join(columns)} FROM ({' UNION ALL '.join(part.sql for part in parts)}){tail}"
    return sql, [p for part in parts for p in part.parameters]


def _left_out(parts: Sequence[_Part], keys: Sequence[str]) -> tuple[str, list[object]]:
    """The events of the largest group behind the first MAX_GROUPS."""
    by = ", ".join(keys)
    counts = f"SELECT count(*) AS events FROM ({' UNION ALL '.join(part.sql for part in parts)}) GROUP BY {by}"
    sql = f"SELECT max(events) FROM ({counts} ORDER BY {by} OFFSET {MAX_GROUPS})"
    return sql, [p for part in parts for p in part.parameters]


def _distinct(
    parts: Sequence[Group], grouping: Grouping, steps: Steps | None, bucket: str, figure: Figure, keys: Sequence[str]
) -> tuple[str, list[object]]:
    with_value = Grouping((*grouping.by, figure.field), interval=grouping.interval)
    sources = [_part(each, with_value, bucket, (), frozenset()) for each in parts]
    return _union(sources, [*keys, f"count(DISTINCT k{len(keys)})"], keys)


def _part(of: Group, grouping: Grouping, bucket: str, measured: Sequence[str], listed: Set[str]) -> _Part:
    """``SELECT k0, k1, …, v0, v1, …`` of one relation: keys as texts, values of figures as numbers, of fields that are
    ``listed`` somewhere as lists of them."""
    keys = [members(name, of.schema) for name in grouping.by]
    values = [(members(name, of.schema), name) for name in measured]
    first = ([f"{bucket} AS k0"] if bucket else []) + [f"{m.sql} AS m{i}" for i, m in enumerate(keys)]
    first += [f"{_numbers(m, type_of(n), listed=n in listed)} AS v{i}" for i, (m, n) in enumerate(values)]
    where = " AND ".join([*(m.where for m in keys), of.where])
    parameters = [p for m in keys for p in m.parameters] + [p for m, _ in values for p in m.parameters]
    parameters += [p for m in keys for p in m.names] + [*of.parameters]
    # without any column, one that counts the rows
    sql = f"SELECT {', '.join(first) or '1 AS one'} FROM {of.relation} WHERE {where}"
    offset = 1 if bucket else 0
    kept = ["k0"] if bucket else []
    for i, member in enumerate(keys):
        each = f"unnest(list_distinct(m{i}))" if member.listed else f"CAST(m{i} AS VARCHAR)"
        name = f"k{i + offset}"
        sql = f"SELECT * FROM (SELECT *, {each} AS {name} FROM ({sql})) WHERE {name} IS NOT NULL"
        kept.append(name)
    kept += [f"v{i}" for i in range(len(values))]
    return _Part(f"SELECT {', '.join(kept) or 'one'} FROM ({sql})", tuple(parameters))


def _numbers(member: Members, type_: FieldType, *, listed: bool) -> str:
    """The numbers (of a date: the canonical texts) among the values of a field: as a list, or the one."""
    if member.listed:
        each = f"list_transform({member.sql}, lambda x: {figure_of('x', Holds.TEXT, type_)})"
        return f"list_filter({each}, lambda x: x IS NOT NULL)"
    value = figure_of(member.sql, Holds.LONG if type_ is FieldType.LONG else Holds.TEXT, type_)
    return f"CASE WHEN {value} IS NOT NULL THEN [{value}] END" if listed else value


def top_values(read: Read, parts: Sequence[tuple[Group, Members]], limit: int) -> tuple[list[tuple[str, int]], int]:
    """The most frequent values, and how many rows have the field and none of them."""
    if not parts:
        return [], 0
    selects: list[str] = []
    parameters: list[object] = []
    for of, value in parts:
        each = f"unnest(list_distinct({value.sql}))" if value.listed else value.sql
        selects.append(
            f"SELECT CAST(v AS VARCHAR) AS v, count(*) AS c FROM (SELECT {each} AS v FROM {of.relation} "
            f"WHERE {value.where} AND {of.where}) WHERE v IS NOT NULL GROUP BY ALL"
        )
        parameters += [*value.parameters, *value.names, *of.parameters]
    rows = read.rows(
        f"SELECT v, c, CAST(sum(c) OVER () AS BIGINT) FROM (SELECT v, CAST(sum(c) AS BIGINT) AS c "
        f"FROM ({' UNION ALL '.join(selects)}) GROUP BY v) ORDER BY c DESC, v LIMIT {limit}",
        parameters,
    )
    top = [(value, count) for value, count, _ in rows]
    if not top:
        return [], 0
    if not any(value.listed for _, value in parts):
        return top, rows[0][2] - sum(count for _, count in top)
    shown = [value for value, _ in top]
    other = 0
    for of, value in parts:
        texts = value.sql if value.listed else f"[CAST({value.sql} AS VARCHAR)]"
        other += read.rows(
            f"SELECT count(*) FROM (SELECT list_filter({texts}, lambda m: m IS NOT NULL) AS l FROM {of.relation} "
            f"WHERE {value.where} AND {of.where}) WHERE len(l) > 0 AND NOT list_has_any(l, ?)",
            [*value.parameters, *value.names, *of.parameters, shown],
        )[0][0]
    return top, other
