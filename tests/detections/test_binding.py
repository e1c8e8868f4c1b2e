"""Names of fields."""

from __future__ import annotations

from detections.binding import FieldMap, Searched


def test_keys_of_a_field() -> None:
    fields = FieldMap({"Image": ("process.executable",)}, ("winlog.event_data.", ""))
    assert fields.keys("Image") == ("process.executable",)
    assert fields.keys("Other") == ("winlog.event_data.Other", "Other")
    assert FieldMap().keys("x") == ("x",)


def test_keywords_look_into_what_the_log_said() -> None:
    searched = Searched(frozenset({"message"}))
    assert [name for name in ("a", "event.original", "source.ip", "event.reason") if searched[name]] == [
        "a",
        "event.original",
        "source.ip",
        "event.reason",
    ]
    assert not any(searched[name] for name in ("message", "@timestamp", "kydai.source", "event.action", "log.level"))
