from __future__ import annotations

from core.ecs import FieldType, is_declared, is_folded, type_of
from core.store.segments_layout import ADDRESSES, FOLDED, PROMOTED, SCHEMA, Shape


def test_promoted_fields_are_declared_and_of_the_type_of_their_column() -> None:
    for name, shape in PROMOTED.items():
        assert is_declared(name) or name.startswith("winlog."), name
        assert (shape is Shape.LONG) == (type_of(name) is FieldType.LONG), name
        assert type_of(name) not in (FieldType.DATE, FieldType.DOUBLE, FieldType.BOOLEAN), name


def test_shadows_stand_beside_their_field() -> None:
    assert set(FOLDED) == {name for name in PROMOTED if is_folded(name)}
    for name in FOLDED:
        assert f"{name}#fold" in SCHEMA.names
    for name in ADDRESSES:
        assert f"{name}#ip" in SCHEMA.names


def test_columns_are_named_once() -> None:
    assert len(SCHEMA.names) == len(set(SCHEMA.names))
