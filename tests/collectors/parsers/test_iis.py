"""IIS: known layouts, the directive before the line, and lines that fit nothing."""

from __future__ import annotations

import pytest

from collectors.parser import ParserSet
from collectors.parsers.iis import LAYOUTS, is_needed
from core.clock import to_micros
from core.event import Event, Frame

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")
DEFAULT = (
    "2026-11-25 01:25:59 10.20.3.10 POST /upload/a.aspx id=1&x=%27 443 - 192.0.2.7 Mozilla/5.0+(Windows+NT+10.0) "
    "https://cong.example/a 500 0 64 1250"
)


def parse(raw: str, zone: str = "Asia/Ho_Chi_Minh") -> tuple[Event, str]:
    found = PARSERS.parse(Frame("x", CREATED, raw.encode()), zone=zone)
    assert not PARSERS.counts.errors
    return found.events[0], found.parser


def test_the_default_layout_is_in_utc() -> None:
    made, parser = parse(DEFAULT)
    assert parser == "iis"
    expected = {
        "@timestamp": "2026-11-25T01:25:59.000000Z", "destination.ip": "10.20.3.10", "destination.port": 443,
        "http.request.method": "POST", "url.path": "/upload/a.aspx", "url.query": "id=1&x=%27",
        "url.extension": "aspx", "source.ip": "192.0.2.7", "user_agent.original": "Mozilla/5.0 (Windows NT 10.0)",
        "http.request.referrer": "https://cong.example/a", "http.response.status_code": 500,
        "event.outcome": "failure", "event.duration": 1_250_000_000, "iis.access.sc_win32_status": "64",
    }  # fmt: skip
    assert {name: made.get(name) for name in expected} == expected
    assert "user.name" not in made


def test_a_directive_before_the_line_names_its_columns() -> None:
    raw = (
        "#Fields: date time cs-host c-ip cs-method cs-uri-stem sc-status cs(X-Custom)\n"
        "2026-11-25 01:25:59 cong.example 192.0.2.7 GET / 200 v"
    )
    made, parser = parse(raw)
    assert parser == "iis"
    assert (made["url.domain"], made["http.response.status_code"]) == ("cong.example", 200)
    assert made["iis.access.cs_x_custom"] == "v"
    assert made["event.original"] == raw


@pytest.mark.parametrize(
    ("directive", "expected"),
    [
        ("#Fields: " + " ".join(LAYOUTS[0]), False),
        ("#Fields: date time c-ip cs-method sc-status", True),
        ("#Fields: date-time,session-id,c-ip", False),
        ("#Fields:", False),
    ],
)
def test_a_directive_is_needed_where_its_columns_are_no_common_layout(directive: str, expected: bool) -> None:
    assert is_needed(directive) is expected


def test_directives_alone_are_kept_as_such() -> None:
    for raw in ("#Software: Microsoft Internet Information Services 10.0", "#Fields: date time s-ip"):
        made, parser = parse(raw)
        assert (parser, made["event.dataset"]) == ("iis", "iis.directive")


def test_behind_a_balancer() -> None:
    made, parser = parse(DEFAULT + " 203.0.113.9")
    assert parser == "iis"
    assert made["source.ip"] == "192.0.2.7"
    assert made["http.request.forwarded_for"] == ["203.0.113.9"]


def test_http_sys_errors() -> None:
    made, parser = parse("2018-05-05 05:05:55 149.42.83.135 12345 192.168.101.101 443 HTTP/0.9 t3 12.2.1 400 - URL -")
    assert parser == "iis"
    assert (made["event.dataset"], made["http.version"], made["source.port"]) == ("iis.error", "0.9", 12345)
    assert made["iis.access.s_reason"] == "URL"


@pytest.mark.parametrize(
    "raw",
    [
        "2026-11-25 01:25:59 a b c d e f g h i j k l m n",
        "2026-11-25 01:25:59",
        "2026-13-45 99:99:99 10.20.3.10 GET / - 443 - 192.0.2.7 x - 200 0 0 1",
        "20 " * 100_000,
        "#Fieldsets: x",
    ],
)
def test_what_fits_nothing_is_left(raw: str) -> None:
    assert parse(raw)[1] != "iis"
