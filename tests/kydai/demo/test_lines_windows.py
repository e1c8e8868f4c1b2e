"""Windows events in the shapes of two shippers."""

from __future__ import annotations

import orjson

from core.clock import to_micros
from kydai.demo.emission import Transport
from kydai.demo.lines_windows import logon_failed, process, sid, windows
from kydai.demo.world import load_world

AT = to_micros("2026-11-25T01:26:00.123456Z")


def test_nxlog_json_travels_in_syslog_over_tcp() -> None:
    made = windows(
        load_world().host("backup01"), AT, process("a", "BACHVAN", "0x1", r"C:\x.exe", "x /y", r"C:\p.exe", 9, 8), 5
    )
    assert made.transport is Transport.SYSLOG_TCP
    head, body = made.data.decode().split(": ", 1)
    assert head == "<13>Nov 25 08:26:00 backup01 Microsoft-Windows-Security-Auditing[744]"
    event = orjson.loads(body)
    assert (event["EventTime"], event["Hostname"]) == ("2026-11-25 08:26:00", "backup01.bachvan.example")
    assert (event["EventID"], event["Channel"], event["CommandLine"]) == (4688, "Security", "x /y")


def test_winlogbeat_nests_the_data() -> None:
    made = windows(load_world().host("pc-0001"), AT, logon_failed("annv", "BACHVAN", 2, "127.0.0.1", 0, "PC-0001"), 5)
    event = orjson.loads(made.data)
    assert made.transport is Transport.HTTP
    assert event["@timestamp"] == "2026-11-25T01:26:00.123Z"
    assert event["winlog"]["event_data"]["TargetUserName"] == "annv"
    assert event["event"]["outcome"] == "failure"


def test_sids_are_stable() -> None:
    assert sid("annv") == sid("annv") != sid("binhtt")
