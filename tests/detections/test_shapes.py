"""Shapes and times of records from files."""

from __future__ import annotations

from typing import Any

import pytest

from core.clock import to_micros
from detections.shapes import Shape, shaped, time_of
from tests.detections.test_native import EVTX


@pytest.mark.parametrize(
    ("record", "shape"),
    [
        (EVTX, Shape.WINDOWS),
        ({"EventID": 1, "Image": "x"}, Shape.WINDOWS),
        ({"Channel": "Security", "SourceName": "x"}, Shape.WINDOWS),
        ({"winlog": {"channel": "Security"}, "event": {"code": "4625"}}, Shape.ECS),
        ({"event.module": "system"}, Shape.ECS),
        ({"event": {"category": ["process"]}, "process": {"name": "x"}}, Shape.ECS),
        ({"ecs": {"version": "8.0"}}, Shape.ECS),
        ({"eventName": "StopLogging", "userIdentity": {"type": "Root"}}, Shape.PLAIN),
        ({"process.command_line": "x"}, Shape.PLAIN),
        ({}, Shape.PLAIN),
    ],
)
def test_shapes(record: dict[str, Any], shape: Shape) -> None:
    assert shaped(record)[0] is shape


@pytest.mark.parametrize(
    ("record", "time"),
    [
        ({"@timestamp": "2026-11-25T01:26:00Z", "UtcTime": "x"}, "2026-11-25T01:26:00Z"),
        ({"TimeCreated": "2023-07-19T09:05:50.047Z"}, "2023-07-19T09:05:50.047Z"),
        ({"UtcTime": "2023-07-19 09:05:50.039"}, "2023-07-19T09:05:50.039Z"),
        ({"@timestamp": "soon", "time": 1_764_000_000}, "2025-11-24T16:00:00Z"),
        ({"ts": 1_764_000_000.5}, "2025-11-24T16:00:00.5Z"),
        ({"timestamp": 1_764_000_000_000}, "2025-11-24T16:00:00Z"),
        ({"timestamp": 1_764_000_000_000_000}, "2025-11-24T16:00:00Z"),
        ({"time": True, "ts": 5}, None),
        ({}, None),
    ],
)
def test_times(record: dict[str, Any], time: str | None) -> None:
    assert time_of(record) == (None if time is None else to_micros(time))
