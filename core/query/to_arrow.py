"""Query tree → mask over the columns of a pyarrow table, for flows that are never made into dictionaries.

Numbers are compared by numpy. Texts are looked at once per distinct value, with the predicate's own test, so
that a mask cannot differ from a predicate; columns of flows repeat their texts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.clock import iso
from core.ecs import FieldType, type_of
from core.query.fold import comparable
from core.query.leaf import bounds_of, by_field, compares_address, long_bounds, micros_bounds, v4_bounds, wanted
from core.query.to_match import HOW, Test, any_test, leaf_test, text_of
from core.query.tree import And, Cidr, Equals, Exists, FieldEquals, Leaf, Node, Not, Or, Range

Mask = npt.NDArray[np.bool_]

_SHORT_NAMES = {"@timestamp": "ts", "event.created": "created", "event.ingested": "ingested"}


def mask(node: Node, table: Any) -> Mask:
    """For each row of the table whether it matches.

    Columns bear ECS names (times also ``ts``, ``created``, ``ingested``) and hold texts, dictionaries of texts,
    numbers, booleans or lists of them; times are microseconds. Raises BadInput as ``compile_match`` does.
    """
    rows = table.num_rows
    if isinstance(node, And):
        found = np.ones(rows, bool)
        for child in node.children:
            found &= mask(child, table)
            if not found.any():
                break
        return found
    if isinstance(node, Or):
        groups, rest = by_field(node)
        found = np.zeros(rows, bool)
        for group in groups:
            for part in _alike(group):
                found |= _of_field(part, table)
        for child in rest:
            found |= mask(child, table)
        return found
    if isinstance(node, Not):
        return ~mask(node.child, table)
    if isinstance(node, FieldEquals):
        return _two_fields(node, table)
    return _of_field([node], table)


def _alike(group: list[Leaf]) -> list[list[Leaf]]:
    """Leaves that numpy compares stand alone; the others look at the distinct values together."""
    alone = [leaf for leaf in group if isinstance(leaf, Range | Cidr)]
    rest = [leaf for leaf in group if leaf not in alone]
    parts: list[list[Leaf]] = [[leaf] for leaf in alone]
    return [*parts, rest] if rest else parts


def _of_field(leaves: list[Leaf], table: Any) -> Mask:
    field = leaves[0].field
    column = _column(field, table)
    if column is None:
        return np.zeros(table.num_rows, bool)
    if len(leaves) == 1:
        found = _by_number(leaves[0], column, table)
        if found is not None:
            return found
    if (among := _among_numbers(leaves, column)) is not None:
        return among
    test = leaf_test(leaves[0]) if len(leaves) == 1 else any_test(leaves)
    return _by_distinct(test, column, times=type_of(field) is FieldType.DATE)


def _column(field: str, table: Any) -> Any | None:
    """The column of a field in one piece; None when the table has none."""
    for name in (field, _SHORT_NAMES.get(field)):
        if name is not None and name in table.schema.names:
            column = table.column(name)
            return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return None


def _by_number(leaf: Leaf, column: Any, table: Any) -> Mask | None:
    """The mask of a leaf that compares numbers with numbers; None when it has to look at texts."""
    type_ = type_of(leaf.field)
    if isinstance(leaf, Exists) and not pa.types.is_list(column.type):
        return _numpy(column.is_valid())
    if isinstance(leaf, Equals | Cidr) and compares_address(leaf):
        bounds = v4_bounds(leaf)
        numbers = None if bounds is None else _column(f"{leaf.field}#v4", table)
        return None if bounds is None or numbers is None else _between(numbers, *bounds)
    if not pa.types.is_integer(column.type):
        return None
    if isinstance(leaf, Range):
        if type_ is FieldType.LONG or type_ is FieldType.DATE:
            limits = long_bounds(leaf) if type_ is FieldType.LONG else micros_bounds(leaf)
            return np.zeros(len(column), bool) if limits is None else _between(column, *limits)
        if type_ is not FieldType.IP:
            return _within(leaf, column)
    if isinstance(leaf, Equals) and type_ is FieldType.LONG:
        value = wanted(leaf)
        return np.zeros(len(column), bool) if value is None else _between(column, int(value), int(value))
    return None


def _among_numbers(leaves: list[Leaf], column: Any) -> Mask | None:
    """The mask of several whole numbers, any of which may be the value; None for anything else."""
    if not pa.types.is_integer(column.type) or pa.types.is_uint64(column.type):
        return None  # unsigned ones of 64 bits may not be a long
    if type_of(leaves[0].field) is not FieldType.LONG or not all(isinstance(leaf, Equals) for leaf in leaves):
        return None
    values = [value for leaf in leaves if isinstance(leaf, Equals) and (value := wanted(leaf)) is not None]
    found: Mask = np.isin(_values(column).astype(np.int64), np.array(values, np.int64))
    return found & _numpy(column.is_valid()) if column.null_count else found


def _between(column: Any, low: int, high: int) -> Mask:
    values = _values(column)
    found: Mask = (values >= low) & (values <= high)
    return found & _numpy(column.is_valid()) if column.null_count else found


def _within(leaf: Range, column: Any) -> Mask:
    values = _values(column).astype(np.float64)
    bounds = bounds_of(leaf)
    found = _numpy(column.is_valid())
    if bounds.gt is not None:
        found &= values > bounds.gt
    if bounds.gte is not None:
        found &= values >= bounds.gte
    if bounds.lt is not None:
        found &= values < bounds.lt
    if bounds.lte is not None:
        found &= values <= bounds.lte
    return found


def _values(column: Any) -> Any:
    return (pc.fill_null(column, 0) if column.null_count else column).to_numpy(zero_copy_only=False)


def _numpy(booleans: Any) -> Mask:
    found: Mask = booleans.to_numpy(zero_copy_only=False).astype(bool)
    return found


def _by_distinct(test: Test, column: Any, *, times: bool) -> Mask:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        members = _by_distinct(test, column.flatten(), times=times)
        parents = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        any_member = np.zeros(len(column), bool)
        any_member[parents[members]] = True
        return any_member
    if pa.types.is_null(column.type):
        return np.zeros(len(column), bool)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    held = encoded.dictionary.to_pylist()
    if times and pa.types.is_integer(encoded.dictionary.type):
        held = [None if at is None else iso(at) for at in held]
    verdicts = np.fromiter((value is not None and test(value) for value in held), bool, len(held))
    if not len(held):
        return np.zeros(len(column), bool)
    found: Mask = verdicts[_values(encoded.indices)]
    return found & _numpy(encoded.is_valid()) if encoded.null_count else found


def _two_fields(leaf: FieldEquals, table: Any) -> Mask:
    columns = [_column(field, table) for field in (leaf.field, leaf.other)]
    if columns[0] is None or columns[1] is None:
        return np.zeros(table.num_rows, bool)
    how = HOW[leaf.how]
    ours, theirs = (
        _texts(column, field, leaf) for column, field in zip(columns, (leaf.field, leaf.other), strict=True)
    )
    pairs = zip(ours, theirs, strict=True)
    return np.fromiter((any(how(a, b) for a in one for b in other) for one, other in pairs), bool, table.num_rows)


def _texts(column: Any, field: str, leaf: FieldEquals) -> list[list[str]]:
    type_ = type_of(field)
    found: list[list[str]] = []
    for value in column.to_pylist():
        members = value if isinstance(value, list) else [value]
        if type_ is FieldType.DATE:
            members = [iso(m) if isinstance(m, int) else m for m in members]
        texts = [text_of(type_, member) for member in members]
        found.append([comparable(text, leaf.comparison) for text in texts if text is not None])
    return found
