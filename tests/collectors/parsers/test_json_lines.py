"""JSON in ECS and JSON of anyone: names, types, and what a sender may not say."""

from __future__ import annotations

import base64
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


def test_what_only_we_may_say_has_one_home() -> None:
    made = event({"message": "hello", "kydai.system": "tthc", "event.created": "2019-01-01T00:00:00Z", "x": 1})
    check(made, {
        "event.dataset": "json.log", "sender.kydai.system": "tthc", "sender.event.created": "2019-01-01T00:00:00Z",
        "event.created": "2026-11-25T01:26:00.000000Z", "json.x": "1", "json.kydai.system": None,
    })  # fmt: skip
    made = event({"event.id": "s-1", "x": 1})
    check(made, {"event.dataset": "json.log", "kydai.sender_id": "s-1", "event.id": None})


def test_whole_numbers_beyond_64_bits_are_exact() -> None:
    raw = b'{"trace": 123456789012345678901234567890, "a": [1, null, {"b": 98765432109876543210987}]}'
    made = PARSERS.parse(Frame("token:x", CREATED, raw), zone="UTC").events[0]
    check(made, {"json.trace": "123456789012345678901234567890", "json.a": ["1", '{"b":98765432109876543210987}']})
    assert made["kydai.unmapped"] == ['a=[1,null,{"b":98765432109876543210987}]']


def test_broken_utf8_within_json() -> None:
    raw = b'{"user": "h\xffng", "a": 1}'
    made = PARSERS.parse(Frame("token:x", CREATED, raw), zone="UTC").events[0]
    check(made, {"user.name": "h\\xffng", "json.a": "1", "event.original": '{"user": "h\\xffng", "a": 1}'})
    assert base64.b64decode(str(made["kydai.original_b64"])) == raw


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
