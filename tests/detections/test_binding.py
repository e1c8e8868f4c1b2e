"""Names of fields."""

from __future__ import annotations

from detections.binding import FieldMap


def test_keys_of_a_field() -> None:
    fields = FieldMap({"Image": ("process.executable",)}, ("winlog.event_data.", ""))
    assert fields.keys("Image") == ("process.executable",)
    assert fields.keys("Other") == ("winlog.event_data.Other", "Other")
    assert FieldMap().keys("x") == ("x",)
