"""Envelopes: what is one, what it says beside the line, and what is an event of its own."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from collectors.parser import ParserSet
from collectors.parser_envelope import open_envelope
from core.clock import to_micros
from core.event import Event, Frame

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")
LINE = "Nov 25 01:25:00 jump01 sshd[8]: Accepted password for duclm from 192.0.2.7 port 4022 ssh2"


def event(document: dict[str, Any]) -> tuple[Event, str, str]:
    raw = orjson.dumps(document)
    found = PARSERS.parse(Frame("token:x", CREATED, raw), zone="UTC")
    made = found.events[0]
    assert made["event.original"] == raw.decode()
    return made, found.parser, found.why


def test_our_own() -> None:
    made, parser, why = event({"message": LINE})
    assert parser == "linux_auth"
    assert why == "inside message: program sshd"
    assert (made["user.name"], made["host.name"]) == ("duclm", "jump01")
    assert made["message"] == "Accepted password for duclm from 192.0.2.7 port 4022 ssh2"


def test_an_id_and_what_only_we_may_say_beside_the_message() -> None:
    made, parser, _ = event({"message": LINE, "host": "web01", "event.id": "s-1", "kydai.system": "tthc"})
    assert parser == "linux_auth"
    assert (made["kydai.sender_id"], made["sender.kydai.system"]) == ("s-1", "tthc")
    assert not {"event.id", "kydai.system"} & made.keys()


def test_time_host_and_file_beside_the_message() -> None:
    line = '192.0.2.7 - - "GET / HTTP/1.1" no time here'
    made, parser, _ = event({"message": line, "timestamp": "2026-11-25T01:00:00Z", "host": "web01"})
    assert parser == ""
    assert made["event.dataset"] == "kydai.unparsed"
    log = '192.0.2.7 - - [25/Nov/2026:01:26:00 +0700] "GET / HTTP/1.1" 200 1 "-" "x"'
    made, parser, _ = event({"message": log, "file": "/var/log/apache2/access.log", "hostname": "web01"})
    assert parser == "apache"
    assert (made["host.name"], made["log.file.path"]) == ("web01", "/var/log/apache2/access.log")


def test_filebeat() -> None:
    made, parser, _ = event(
        {"@timestamp": "2026-11-25T01:26:00.000Z", "ecs": {"version": "8.0.0"}, "agent": {"type": "filebeat"},
         "log": {"file": {"path": "/var/log/auth.log"}, "offset": 7}, "host": {"name": "jump01"}, "message": LINE}
    )  # fmt: skip
    assert parser == "linux_auth"
    assert made["log.file.path"] == "/var/log/auth.log"
    assert made["@timestamp"] == "2026-11-25T01:25:00.000000Z"


def test_journald() -> None:
    made, parser, why = event(
        {"__REALTIME_TIMESTAMP": "1795544760123456", "_BOOT_ID": "b", "PRIORITY": "6", "SYSLOG_FACILITY": "10",
         "SYSLOG_IDENTIFIER": "sshd", "_PID": "812", "_HOSTNAME": "jump01", "_UID": "0", "_EXE": "/usr/sbin/sshd",
         "_TRANSPORT": "syslog", "MESSAGE": "Failed password for root from 192.0.2.7 port 9 ssh2"}
    )  # fmt: skip
    assert parser == "linux_auth", why
    expected = {
        "@timestamp": "2026-11-24T18:26:00.123456Z", "event.outcome": "failure", "source.ip": "192.0.2.7",
        "host.name": "jump01", "process.pid": 812, "process.executable": "/usr/sbin/sshd",
        "log.syslog.facility.code": 10, "log.syslog.severity.code": 6, "journald.transport": "syslog", "user.id": "0",
    }  # fmt: skip
    assert {name: made.get(name) for name in expected} == expected


def test_docker() -> None:
    log = '192.0.2.7 - - [25/Nov/2026:01:26:00 +0700] "GET / HTTP/1.1" 200 1 "-" "x"\n'
    made, parser, _ = event({"log": log, "stream": "stdout", "time": "2026-11-24T18:26:00.5Z"})
    assert parser == "nginx"
    assert made["docker.stream"] == "stdout"


def test_a_document_inside_is_opened_once() -> None:
    inner = orjson.dumps({"message": LINE}).decode()
    _, parser, _ = event({"message": inner})
    assert parser == "json"


def test_the_envelope_cannot_write_our_own_fields() -> None:
    made, _, _ = event({"message": LINE, "kydai": {"system": "tthc"}})
    assert "kydai.system" not in made


@pytest.mark.parametrize(
    "document",
    [
        {"message": 7},
        {"message": "x", "event": {"dataset": "a.b"}},
        {"message": "x", "colour": "red"},
        {"winlog": {}, "message": "x"},
        {"log": "x"},
        {"MESSAGE": "x"},
        {},
    ],
)
def test_what_is_no_envelope(document: dict[str, Any]) -> None:
    assert open_envelope(document, "UTC", CREATED) is None
