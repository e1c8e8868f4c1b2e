"""JSON in ECS and JSON of anyone: names, types, and what a sender may not say."""

from __future__ import annotations

from typing import Any

import orjson

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Event, Frame

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")


def event(document: dict[str, Any]) -> Event:
    found = PARSERS.parse(Frame("token:x", CREATED, orjson.dumps(document)), zone="Asia/Ho_Chi_Minh")
    assert found.parser == "json", found.why
    return found.events[0]


def check(made: Event, expected: dict[str, object]) -> None:
    assert {name: made.get(name) for name in expected} == expected


def test_ecs_nested_and_flat_are_one() -> None:
    nested = {
        "@timestamp": "2026-11-25T08:25:00+07:00", "ecs": {"version": "8.0.0"}, "event": {"dataset": "app.audit",
        "category": ["iam"], "id": "s-1"}, "source": {"ip": "192.0.2.7", "port": "443"}, "user": {"name": "hanhnt"},
    }  # fmt: skip
    flat = {
        "@timestamp": "2026-11-25T08:25:00+07:00", "ecs.version": "8.0.0", "event.dataset": "app.audit",
        "event.category": ["iam"], "event.id": "s-1", "source.ip": "192.0.2.7", "source.port": 443,
        "user.name": "hanhnt",
    }  # fmt: skip
    made, also = event(nested), event(flat)
    del made["event.original"], also["event.original"]
    assert made == also
    check(made, {
        "@timestamp": "2026-11-25T01:25:00.000000Z", "event.module": "app", "event.dataset": "app.audit",
        "source.port": 443, "kydai.sender_id": "s-1", "related.user": ["hanhnt"],
    })  # fmt: skip
    assert "event.id" not in made


def test_what_only_we_may_say() -> None:
    made = event(
        {"event": {"kind": "event", "created": "2019-01-01T00:00:00Z", "original": "x", "ingested": "y"},
         "kydai": {"system": "tthc", "rules": ["r1"]}}
    )  # fmt: skip
    check(made, {
        "event.created": "2026-11-25T01:26:00.000000Z", "sender.event.created": "2019-01-01T00:00:00Z",
        "sender.kydai.system": "tthc", "sender.event.original": "x",
    })  # fmt: skip
    assert not [n for n in made if n.startswith("kydai.") and n not in ("kydai.parser", "kydai.time_flag")]


def test_a_hit_of_elasticsearch() -> None:
    made = event({"_index": "i", "_id": "x", "_source": {"event": {"dataset": "a.b"}, "host": {"name": "h"}}})
    check(made, {"event.dataset": "a.b", "host.name": "h"})


def test_anyones_json() -> None:
    made = event(
        {"time": "2026-11-25 08:25:00", "level": "info", "msg": "đăng nhập", "client_ip": "192.0.2.7", "user": "0912",
         "status": 401, "path": "/api/login", "nested": {"a": {"b": True}}, "list": [1, "x"], "tags": ["t"],
         "host": "phananh-api01", "source.port": 7}
    )  # fmt: skip
    check(made, {
        "@timestamp": "2026-11-25T01:25:00.000000Z", "log.level": "info", "message": "đăng nhập",
        "source.ip": "192.0.2.7", "user.name": "0912", "http.response.status_code": 401, "url.path": "/api/login",
        "json.nested.a.b": "true", "json.list": ["1", "x"], "tags": ["t"], "host.name": "phananh-api01",
        "source.port": 7, "event.dataset": "json.log",
    })  # fmt: skip


def test_times_as_numbers() -> None:
    for value in (1795569960, 1795569960123, "1795569960.5"):
        assert str(event({"ts": value, "a": 1})["@timestamp"]).startswith("2026-11-25T01:26:00")
    assert event({"ts": True, "a": 1})["kydai.time_flag"] == "missing"


def test_a_value_of_the_wrong_type_is_kept() -> None:
    made = event({"event": {"kind": "event"}, "source": {"port": "many"}, "process": {"pid": {"x": 1}}})
    assert made["kydai.unmapped"] == ["source.port=many"]
    assert made["process.pid.x"] == "1"


def test_an_empty_object_is_no_event() -> None:
    assert PARSERS.parse(Frame("x", CREATED, b"{}"), zone="UTC").unparsed


def test_names_that_are_empty_or_a_stores_own() -> None:
    made = event({"": 1, "_id": "x", "event": {"kind": "event"}, "a": {"": {"": 2}}})
    check(made, {"-": "1", "json._id": "x", "a.-.-": "2"})
