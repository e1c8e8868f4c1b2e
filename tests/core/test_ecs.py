"""The table of fields: types, folding, and its own soundness."""

from __future__ import annotations

import pytest

from core import ecs
from core.ecs import FieldType


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("@timestamp", FieldType.DATE),
        ("message", FieldType.TEXT),
        ("event.original", FieldType.TEXT),
        ("source.ip", FieldType.IP),
        ("related.ip", FieldType.IP),
        ("source.port", FieldType.LONG),
        ("process.pid", FieldType.LONG),
        ("process.command_line", FieldType.KEYWORD),
        ("source.geo.location", FieldType.KEYWORD),
        ("event.risk_score", FieldType.DOUBLE),
        ("kydai.replay", FieldType.BOOLEAN),
        ("winlog.event_data.TargetUserName", FieldType.KEYWORD),
        ("no.such.field", FieldType.KEYWORD),
    ],
)
def test_types(field: str, expected: FieldType) -> None:
    assert ecs.type_of(field) is expected


def test_folding_is_for_texts_names_and_titles() -> None:
    assert ecs.is_folded("message")
    assert ecs.is_folded("user.full_name")
    assert not ecs.is_folded("user.name")
    assert not ecs.is_folded("process.command_line")


def test_folded_fields_are_declared_texts() -> None:
    for field in ecs.FOLDED:
        assert ecs.is_declared(field), field
        assert ecs.type_of(field) in (FieldType.TEXT, FieldType.KEYWORD), field


def test_lists() -> None:
    assert {"event.category", "event.type", "related.ip", "tags"} <= ecs.ARRAYS
    assert "source.ip" not in ecs.ARRAYS


def test_the_table_is_whole() -> None:
    assert len(ecs.FIELDS) > 1000
    assert not ecs.is_declared("winlog.event_id")
