"""How hosts speak: their own clock, their own zone."""

from __future__ import annotations

import orjson

from core.clock import to_micros
from kydai.demo.emission import Transport
from kydai.demo.voice import bare, ecs, local, syslog
from kydai.demo.world import load_world

AT = to_micros("2026-11-04T21:05:09.250000Z")


def test_syslog_is_rfc3164_in_local_time_with_the_day_padded_by_a_space() -> None:
    made = syslog(load_world().host("jump01"), AT, "sshd[7]", "hello")
    assert made.data == b"<86>Nov  5 04:05:09 jump01 sshd[7]: hello"
    assert (made.peer, made.transport) == ("10.20.16.11", Transport.SYSLOG_UDP)


def test_hypervisor_writes_utc_and_the_one_stop_host_is_seven_minutes_fast() -> None:
    world = load_world()
    assert b"Nov  4 21:05:09 esx01" in syslog(world.host("esx01"), AT, "Hostd", "x").data
    assert b"Nov  5 04:12:09 motcua-app01" in syslog(world.host("motcua-app01"), AT, "a", "x").data


def test_bare_has_no_header_and_json_is_one_object() -> None:
    world = load_world()
    assert bare(world.host("fw-ttdl"), AT, "date=x").data == b"<189>date=x"
    body = orjson.loads(ecs(world.host("lgsp01"), AT, "lgsp.access", {"a": 1}).data)
    assert body["@timestamp"] == "2026-11-04T21:05:09.250000Z"
    assert body["host.name"] == "lgsp01"


def test_month_names_are_english() -> None:
    assert local(AT // 1_000_000, "UTC", "%d/%b/%Y") == "04/Nov/2026"
