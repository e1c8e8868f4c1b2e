"""What every event has: its times, what its syslog header says, the host behind a relay."""

from __future__ import annotations

from typing import Any

import pytest

from collectors import syslog
from collectors.parser_contract import Record
from collectors.parser_finish import FIRST_TIME, LAST_TIME, MAX_AHEAD, MAX_BEHIND, finish, oldest
from core.clock import SECOND, iso, to_micros
from core.ecs import VERSION

CREATED = to_micros("2026-11-25T01:26:00Z")


def finished(fields: dict[str, Any], text: str = "", source: str = "udp:192.0.2.1") -> dict[str, Any]:
    header = syslog.read(text, "UTC", CREATED)
    return finish(fields, Record(text, text, header, None, CREATED, "UTC", source), "any")


@pytest.mark.parametrize(
    ("at", "told", "flag"),
    [
        (None, CREATED, "missing"),
        (CREATED + MAX_AHEAD, CREATED + MAX_AHEAD, None),
        (CREATED + MAX_AHEAD + 1, CREATED + MAX_AHEAD + 1, "future"),
        (FIRST_TIME, FIRST_TIME, None),
        (FIRST_TIME - 1, CREATED, "unreadable"),
        (LAST_TIME + 1, CREATED, "unreadable"),
    ],
)
def test_the_time_and_what_is_said_of_it(at: int | None, told: int, flag: str | None) -> None:
    made = finished({} if at is None else {"@timestamp": at})
    assert (made["@timestamp"], made.get("kydai.time_flag")) == (iso(told), flag)
    assert (made["event.created"], made["ecs.version"], made["kydai.parser"]) == (iso(CREATED), VERSION, "any")


def test_the_header_fills_what_the_fields_do_not_say() -> None:
    text = "<38>1 2026-11-25T01:25:59Z 192.0.2.9 sshd 77 ID1 - words"
    made = finished({}, text)
    assert (made["host.name"], made["host.ip"], made["process.name"]) == ("192.0.2.9", ["192.0.2.9"], "sshd")
    assert (made["process.pid"], made["log.syslog.priority"], made["log.syslog.msgid"]) == (77, 38, "ID1")
    assert (made["@timestamp"], made["message"]) == (iso(CREATED - SECOND), "words")
    own = {"host.name": "web01", "process.name": "a", "process.pid": 1, "message": "m", "@timestamp": CREATED}
    assert {name: finished(dict(own), text)[name] for name in own} == own | {"@timestamp": iso(CREATED)}


def test_the_host_behind_a_relay() -> None:
    assert finished({}, source="relay:192.0.2.1:sw-acc01")["host.name"] == "sw-acc01"


def test_what_is_long_past() -> None:
    assert oldest(CREATED) == iso(CREATED - MAX_BEHIND)
