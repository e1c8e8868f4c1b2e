"""Audit lines of one serial become one raw, whatever interleaves."""

from __future__ import annotations

from collectors.joining import OPEN_RECORDS, AuditJoiner
from core.clock import SECOND

SYSCALL = b'type=SYSCALL msg=audit(1764000000.123:501): arch=c000003e syscall=59 success=yes exe="/bin/sh"'
EXECVE = b'type=EXECVE msg=audit(1764000000.123:501): argc=1 a0="sh"'
EOE = b"type=EOE msg=audit(1764000000.123:501): "
OTHER = b"type=SYSCALL msg=audit(1764000000.124:502): arch=c000003e syscall=2"


def test_lines_of_a_serial_are_joined_at_its_end_and_others_pass_through() -> None:
    joiner = AuditJoiner()
    got = [joiner.feed("h", line, 0) for line in (SYSCALL, b"plain", OTHER, EXECVE, EOE)]
    assert got == [[], [b"plain"], [], [], [SYSCALL + b"\n" + EXECVE]]
    assert list(joiner.due(0)) == []
    assert list(joiner.due(3 * SECOND)) == [("h", OTHER)]


def test_user_messages_stand_alone() -> None:
    line = b"type=USER_LOGIN msg=audit(1764000000.123:503): pid=1 uid=0 res=success"
    assert AuditJoiner().feed("h", line, 0) == [line]


def test_one_serial_on_two_hosts_is_two_records() -> None:
    joiner = AuditJoiner()
    joiner.feed("a", SYSCALL, 0)
    joiner.feed("b", SYSCALL, 0)
    assert joiner.feed("a", EOE, 0) == [SYSCALL]
    assert joiner.feed("b", EOE, 0) == [SYSCALL]


def test_only_the_first_line_keeps_its_syslog_header() -> None:
    head = b"<13>Nov 25 14:00:00 web01 audispd: node=web01 "
    joiner = AuditJoiner()
    joiner.feed("h", head + SYSCALL, 0)
    joiner.feed("h", head + EXECVE, 0)
    assert joiner.feed("h", head + EOE, 0) == [head + SYSCALL + b"\n" + EXECVE]


def test_what_is_open_is_bounded() -> None:
    joiner = AuditJoiner()
    out = [
        raw
        for serial in range(OPEN_RECORDS + 5)
        for raw in joiner.feed("h", b"type=SYSCALL msg=audit(1.000:%d): x" % serial, 0)
    ]
    assert len(out) == 5
    assert len(joiner.open) == OPEN_RECORDS


def test_a_line_goes_on_with_an_open_record_only() -> None:
    joiner = AuditJoiner()
    first, other = (b"type=SYSCALL msg=audit(1764000000.123:%d): x" % n for n in (1, 2))
    joiner.feed("", first, 0)
    assert [joiner.goes_on("", line) for line in (first, other, b"text")] == [True, False, False]
    assert not joiner.goes_on("another", first)
