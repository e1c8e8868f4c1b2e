"""Linux audit: single records, joined events, hex, sockets, and damaged records."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.parser import ParserSet
from core.clock import to_micros
from core.event import Event, Frame

PARSERS = ParserSet.load()
CREATED = to_micros("2026-11-25T01:26:00Z")
EXEC = """\
type=SYSCALL msg=audit(1795569960.123:811): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 items=2 \
ppid=812 pid=9001 auid=1001 uid=0 gid=0 euid=0 tty=pts0 ses=31 comm="bash" exe="/usr/bin/bash" key="exec"
type=EXECVE msg=audit(1795569960.123:811): argc=3 a0="bash" a1="-c" \
a2=6375726C20687474703A2F2F3139322E302E322E372F7820 a3=61
type=CWD msg=audit(1795569960.123:811): cwd="/root"
type=PATH msg=audit(1795569960.123:811): item=0 name="/usr/bin/bash" inode=1 nametype=NORMAL
type=PATH msg=audit(1795569960.123:811): item=1 name="/lib64/ld-linux-x86-64.so.2" inode=2 nametype=NORMAL
type=PROCTITLE msg=audit(1795569960.123:811): proctitle=62617368002D63"""
CONNECT = """\
type=SYSCALL msg=audit(1795569961.5:812): arch=c000003e syscall=42 success=no exit=-115 pid=9002 auid=4294967295 \
uid=33 comm="php" exe="/usr/bin/php"
type=SOCKADDR msg=audit(1795569961.5:812): saddr=02000050C00002070000000000000000"""


def event(raw: str) -> Event:
    found = PARSERS.parse(Frame("x", CREATED, raw.encode()), zone="UTC")
    assert found.parser == "auditd", found.why
    return found.events[0]


def check(made: Event, expected: dict[str, object]) -> None:
    assert {name: made.get(name) for name in expected} == expected


def test_a_program_run() -> None:
    made = event(EXEC)
    check(made, {
        "@timestamp": "2026-11-25T01:26:00.123000Z", "event.action": "executed", "event.category": ["process"],
        "event.type": ["start"], "event.outcome": "success", "process.pid": 9001, "process.parent.pid": 812,
        "process.executable": "/usr/bin/bash", "process.name": "bash", "process.working_directory": "/root",
        "process.args": ["bash", "-c", "curl http://192.0.2.7/x", "61"], "process.title": "bash -c",
        "process.command_line": "bash -c curl http://192.0.2.7/x 61", "file.path": "/usr/bin/bash",
        "user.id": "0", "user.audit.id": "1001", "auditd.log.SYSCALL": "execve", "auditd.log.key": "exec",
        "auditd.log.sequence": "811",
    })  # fmt: skip
    assert made["auditd.log.type"] == ["SYSCALL", "EXECVE", "CWD", "PATH", "PROCTITLE"]
    assert made["auditd.log.a0"] == ["55d0", "bash"]


def test_a_connection() -> None:
    check(event(CONNECT), {
        "event.action": "connected-to", "event.outcome": "failure", "destination.ip": "192.0.2.7",
        "destination.port": 80, "network.direction": "egress", "process.name": "php", "process.exit_code": -115,
        "user.id": "33", "related.ip": ["192.0.2.7"], "event.category": ["network"],
        "event.type": ["connection", "start"],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("call", "nametype", "kinds"),
    [
        ("syscall=257 a2=241", "CREATE", ["creation"]),
        ("syscall=87", "DELETE", ["deletion"]),
        ("syscall=257 a2=80241", "NORMAL", ["change"]),
        ("syscall=2 a1=2", "NORMAL", ["change"]),
        ("syscall=90", "NORMAL", ["change"]),
    ],
)
def test_a_file_made_deleted_or_changed(call: str, nametype: str, kinds: list[str]) -> None:
    made = event(
        f'type=SYSCALL msg=audit(1.5:1): arch=c000003e {call} success=yes exe="/usr/bin/vim"\n'
        f'type=PATH msg=audit(1.5:1): item=0 name="/etc/cron.d/x" nametype={nametype}'
    )
    check(made, {"event.category": ["file"], "event.type": kinds, "file.path": "/etc/cron.d/x"})


def test_a_file_that_was_only_read_is_about_the_process() -> None:
    made = event(
        "type=SYSCALL msg=audit(1.5:1): arch=c000003e syscall=257 a2=80000 success=yes\n"
        'type=PATH msg=audit(1.5:1): item=0 name="/etc/shadow" nametype=NORMAL'
    )
    check(made, {"event.category": ["process"], "event.type": ["info"]})


def test_what_programs_report() -> None:
    raw = (
        "node=jump01 type=USER_AUTH msg=audit(1489636977.804:7): user pid=28395 uid=0 auid=700 ses=1 msg='op=PAM:"
        'authentication acct="root" exe="/bin/su" hostname=? addr=192.0.2.7 terminal=pts/0 res=failed\''
    )
    check(event(raw), {
        "event.action": "authenticated", "event.outcome": "failure", "user.name": "root", "user.id": "700",
        "source.ip": "192.0.2.7", "host.name": "jump01", "process.executable": "/bin/su",
    })  # fmt: skip


def test_hex_account_and_selinux() -> None:
    made = event("type=USER_LOGIN msg=audit(1.5:1): pid=1 uid=0 msg='op=login acct=6E677579E1BB85 res=failed'")
    assert made["user.name"] == "nguyễ"
    made = event(
        'type=AVC msg=audit(1226874073.147:96): avc:  denied  { getattr } for  pid=2465 comm="httpd" '
        'path="/var/www/html/file1" tclass=file'
    )
    check(made, {"auditd.log.seresult": "denied", "auditd.log.seperms": "getattr", "event.action": "avc"})


def test_through_syslog() -> None:
    made = event('<14>Nov 25 01:26:00 csdl-db01 audispd: type=CWD msg=audit(1795569960.123:811):  cwd="/root"')
    check(made, {"host.name": "csdl-db01", "event.action": "cwd", "log.syslog.priority": 14})


def test_enriched_names() -> None:
    made = event('type=SYSCALL msg=audit(1.5:1): arch=c000003e syscall=2 uid=0 euid=0\x1dUID="root" EUID="root"')
    check(made, {"user.name": "root", "user.effective.name": "root", "user.id": "0"})


@given(st.text(max_size=200))
def test_anything_after_the_head(tail: str) -> None:
    PARSERS.parse(Frame("x", CREATED, f"type=X msg=audit(1.5:1): {tail}".encode("utf-8", "replace")), zone="UTC")
    assert not PARSERS.counts.errors


def test_a_megabyte_takes_no_time() -> None:
    for body in ("a" * 1_000_000, "a=" * 500_000, "'" * 1_000_000, "avc: " * 200_000, "msg='" * 200_000):
        began = time.process_time()
        PARSERS.parse(Frame("x", CREATED, f"type=X msg=audit(1.5:1): {body}".encode()), zone="UTC")
        assert time.process_time() - began < 2
