"""The parser of last resort: a header with a time and a host or program is enough, less is not."""

from __future__ import annotations

import pytest

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Frame

PARSERS = ParserSet.load()


def parse(raw: str) -> tuple[str, dict[str, object]]:
    found = PARSERS.parse(Frame("x", to_micros("2026-11-25T01:26:00Z"), raw.encode()), zone="UTC")
    return found.parser, dict(found.events[0])


def test_a_program_nobody_knows() -> None:
    parser, made = parse("<30>Nov 25 01:26:00 canhbao-gw01 smsd[77]: gửi 12 tin")
    assert parser == "linux_syslog"
    assert made["event.dataset"] == "system.syslog"
    assert (made["process.name"], made["process.pid"], made["message"]) == ("smsd", 77, "gửi 12 tin")


def test_structured_data_are_kept() -> None:
    _, made = parse('<165>1 2026-11-25T01:26:00Z h app p1 ID47 [x@1 a="b"] hello')
    assert made["log.syslog.structured_data.x@1.a"] == "b"
    assert (made["log.syslog.procid"], made["log.syslog.msgid"], made["log.syslog.version"]) == ("p1", "ID47", "1")


@pytest.mark.parametrize("raw", ["<30>no time", "no header", "<30>prog: no time either"])
def test_less_is_unparsed(raw: str) -> None:
    assert parse(raw)[0] == ""
