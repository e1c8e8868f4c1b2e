"""Syslog headers: the samples of the RFCs, the bends that devices send, and any text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import syslog
from core.clock import iso, to_micros

ZONE = "Asia/Ho_Chi_Minh"
CREATED = to_micros("2026-11-25T01:26:00Z")


def read(text: str) -> syslog.Header:
    header = syslog.read(text, ZONE, CREATED)
    assert header is not None
    return header


@pytest.mark.parametrize(
    ("text", "time", "host", "app", "pid", "message"),
    [
        pytest.param(
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            "2026-10-11T15:14:15.000000Z", "mymachine", "su", None, "'su root' failed for lonvick on /dev/pts/8",
            id="RFC 3164 §5.4 example 1",
        ),
        pytest.param(
            "Sep  6 09:57:21 bullseye sshd[581]: Accepted publickey",
            "2026-09-06T02:57:21.000000Z", "bullseye", "sshd", "581", "Accepted publickey", id="no PRI",
        ),
        pytest.param(
            "2018-08-14T14:30:02.203151+02:00 linux-sqrz systemd[4179]: Stopped",
            "2018-08-14T12:30:02.203151Z", "linux-sqrz", "systemd", "4179", "Stopped", id="ISO time",
        ),
        pytest.param(
            "1986-04-26T01:23:45.101+0400 rmbkmonitor04 shutdown[2649]: x",
            "1986-04-25T21:23:45.101000Z", "rmbkmonitor04", "shutdown", "2649", "x", id="offset without colon",
        ),
        pytest.param(
            "Nov 25 01:26:00 2026 h prog[1]: msg",
            "2026-11-24T18:26:00.000000Z", "h", "prog", "1", "msg", id="year last",
        ),
        pytest.param(
            "<189>2026 Nov 25 01:26:00 h prog: msg",
            "2026-11-24T18:26:00.000000Z", "h", "prog", None, "msg", id="year first",
        ),
        pytest.param(
            "<189>123: *Nov 25 01:26:00.123 ICT: %SYS-5-CONFIG_I: Configured",
            "2026-11-24T18:26:00.123000Z", None, None, None, "%SYS-5-CONFIG_I: Configured", id="Cisco IOS",
        ),
        pytest.param(
            "<189>45: R1: Nov 25 2026 01:26:00: %SYS-5-CONFIG_I: Configured",
            "2026-11-24T18:26:00.000000Z", "R1", None, None, "%SYS-5-CONFIG_I: Configured", id="Cisco IOS, host",
        ),
        pytest.param(
            "<166>Nov 25 2026 01:26:00 fw : %ASA-6-302013: Built",
            "2026-11-24T18:26:00.000000Z", "fw", None, None, "%ASA-6-302013: Built", id="Cisco ASA",
        ),
        pytest.param(
            "<166>Nov 25 2026 01:26:00: %ASA-6-302013: Built",
            "2026-11-24T18:26:00.000000Z", None, None, None, "%ASA-6-302013: Built", id="Cisco ASA, no host",
        ),
        pytest.param(
            "Jan  1 00:00:00 sshd[12]: no host",
            "2025-12-31T17:00:00.000000Z", None, "sshd", "12", "no host", id="no host",
        ),
        pytest.param(
            "Nov 25 01:26:00 mac com.apple.xpc.launchd[1] (com.apple.quicklook[22254]): Endpoint",
            "2026-11-24T18:26:00.000000Z", "mac", "com.apple.xpc.launchd", "1", "Endpoint", id="launchd",
        ),
        pytest.param(
            "2026-05-31T11:53:54+02:00 gw firewall,info input: in:WAN",
            "2026-05-31T09:53:54.000000Z", "gw", None, None, "firewall,info input: in:WAN", id="no tag",
        ),
        pytest.param(
            "<14>Nov 25 01:26:00 host CEF:0|a|b|c|d|e|f|",
            "2026-11-24T18:26:00.000000Z", "host", None, None, "CEF:0|a|b|c|d|e|f|", id="CEF is not a tag",
        ),
        pytest.param(
            "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time",
            "2003-08-24T12:14:15.000003Z", "192.0.2.1", "myproc", "8710", "%% It's time", id="RFC 5424 §6.5 2",
        ),
        pytest.param(
            "<165>1 2003-08-24T05:14:60Z h a - - -", "2003-08-24T05:14:59.000000Z", "h", "a", None, "", id="leap",
        ),
    ],
)  # fmt: skip
def test_headers(text: str, time: str, host: str | None, app: str | None, pid: str | None, message: str) -> None:
    header = read(text)
    assert header.time is not None
    assert (iso(header.time), header.hostname, header.app, header.pid, header.message) == (
        time, host, app, pid, message,
    )  # fmt: skip


def test_rsyslog_keeps_the_space_after_the_tag() -> None:
    assert read("<38>1 2026-11-25T08:26:00+07:00 web01 sshd 7 - -  Failed password").message == "Failed password"
    assert read('<38>1 2026-11-25T08:26:00+07:00 web01 sshd 7 - [a b="c"]   x').message == " x", "one space only"


def test_structured_data_with_bom() -> None:
    header = read(
        '<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut="3" eventID="1011"]'
        '[examplePriority@32473 class="high"][empty] \ufeffAn application event'
    )
    assert header.sd == {
        "exampleSDID@32473.iut": "3",
        "exampleSDID@32473.eventID": "1011",
        "examplePriority@32473.class": "high",
        "empty": "",
    }
    assert (header.msgid, header.message, header.had_zone) == ("ID47", "An application event", True)
    assert (header.facility, header.severity) == (20, 5)


def test_structured_data_with_escapes() -> None:
    header = read('<165>1 2003-10-11T22:14:15Z h a - - [x a="q\\"uo\\]te" b="c"] m')
    assert (header.sd, header.message) == ({"x.a": 'q"uo]te', "x.b": "c"}, "m")


@pytest.mark.parametrize("sd", ['[x a="1" m', "[x a=1] m", "[x", '[="1"] m', '[x a="1"'])
def test_broken_structured_data_stays_in_the_message(sd: str) -> None:
    header = read(f"<165>1 2003-10-11T22:14:15Z h a - - {sd}")
    assert header.message == sd
    assert header.sd == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no header",
        "<>",
        "<1",
        "<999>x",
        "<a>x",
        "<٣>x",
        "2018-12-31 12:02:53 10.44.0.136 GET / - 443",
        "2020-04-16T05:13:40Z 344 [Note] x",
        "2023-07-31T08:34:16Z        14 Connect   x",
    ],
)
def test_no_header(text: str) -> None:
    assert syslog.read(text, ZONE, CREATED) is None


def test_pri_alone_is_a_header_without_time() -> None:
    header = read("<189>date=2026-11-25 time=01:26:00")
    assert (header.time, header.hostname, header.app) == (None, None, None)
    assert header.message == "date=2026-11-25 time=01:26:00"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Nov 26 01:00:00", "2026-11-25T18:00:00.000000Z"),  # less than a day ahead
        ("Nov 29 01:00:00", "2025-11-28T18:00:00.000000Z"),  # more: it was last year
        ("Feb 29 12:00:00", "2024-02-29T05:00:00.000000Z"),  # the last year that had one
    ],
)
def test_the_year_is_inferred_from_the_day_of_receipt(text: str, time: str) -> None:
    found = read(f"<34>{text} h su: x").time
    assert found is not None
    assert iso(found) == time


def test_new_year_received_before_midnight() -> None:
    header = syslog.read("<34>Jan  1 00:00:03 h su: x", "UTC", to_micros("2026-12-31T23:59:58Z"))
    assert header is not None
    assert header.time == to_micros("2027-01-01T00:00:03Z")


@given(st.text())
def test_any_text(text: str) -> None:
    header = syslog.read(text, ZONE, CREATED)
    if header is not None:
        assert text.endswith(header.message)


@given(st.from_regex(r"\A<\d{1,3}>(1 )?[ -~]{0,80}\Z"))
def test_any_text_after_a_pri(text: str) -> None:
    syslog.read(text, ZONE, CREATED)


USUAL = st.from_regex(
    r"\A(<[0-9]{1,3}>)?(Nov|Feb|Abc) [ 0-9][0-9] [0-2][0-9]:[0-6][0-9]:[0-6][0-9] (2026 )?[a-z0-9.:\[=-]{1,8}:? "
    r"(%|CEF:)?[a-zA-Z./-]{1,8}(\[[0-9]{0,6}\])?:[ a-z]{0,9}\Z"
)


@given(USUAL)
def test_the_short_way_and_the_long_way_agree(text: str) -> None:
    assert syslog.read(text, ZONE, CREATED) == syslog._read_any(text, ZONE, CREATED)
