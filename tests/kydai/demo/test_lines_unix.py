"""Lines of Linux hosts look like the programs' own."""

from __future__ import annotations

import csv
import re

from core.clock import to_micros
from kydai.demo.emission import Transport
from kydai.demo.lines_unix import audit_exec, bind_query, postgres, squid, ssh_failed
from kydai.demo.world import load_world

AT = to_micros("2026-11-25T01:26:00.123456Z")


def test_ssh_failure_of_an_unknown_name_has_three_lines() -> None:
    lines = [e.data.decode() for e in ssh_failed(load_world().host("jump01"), AT, 9, "pi", "192.0.2.9", 5, known=False)]
    assert [line.split("]: ", 1)[1] for line in lines] == [
        "Invalid user pi from 192.0.2.9 port 5",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.9 ",
        "Failed password for invalid user pi from 192.0.2.9 port 5 ssh2",
    ]


def test_audit_event_is_one_message_of_several_records_with_one_serial() -> None:
    made = audit_exec(load_world().host("jump01"), AT, 77, ["/usr/bin/ls", "a b"], pid=5, ppid=4)
    assert made.transport is Transport.SYSLOG_TCP
    lines = made.data.decode().split(" audit: ", 1)[1].split("\n")
    assert [re.match(r"type=(\w+) msg=audit\(1795569960\.123:77\):", line)[1] for line in lines] == [  # type: ignore[index]
        "SYSCALL",
        "EXECVE",
        "CWD",
        "PATH",
    ]
    assert 'argc=2 a0="/usr/bin/ls" a1=612062' in lines[1]


def test_postgres_csv_has_its_26_columns_and_quotes_doubled() -> None:
    made = postgres(
        load_world().host("csdl-db01"),
        AT,
        pid=5,
        user="u",
        database="d",
        client="10.20.3.10:1",
        line=2,
        tag="COPY",
        message='say "x", y',
        app="pg_dump",
    )
    row = next(csv.reader([made.data.decode().split("postgresql: ", 1)[1]]))
    assert len(row) == 26
    assert (row[0], row[1], row[4], row[11], row[13], row[22]) == (
        "2026-11-25 08:26:00.123 +07",
        "u",
        "10.20.3.10:1",
        "LOG",
        'say "x", y',
        "pg_dump",
    )


def test_bind_and_squid_lines() -> None:
    world = load_world()
    query = bind_query(world.host("dns01"), AT, "10.20.32.11", 5353, "a.example", "A").data.decode()
    assert query.endswith("10.20.32.11#5353 (a.example): query: a.example IN A +E(0)K (10.20.2.53)")
    line = squid(
        world.host("proxy01"), AT, "10.20.32.11", "CONNECT", "a.example:443", 200, 9, 31, peer="192.0.2.1"
    ).data.decode()
    assert line.endswith(
        "1795569960.123     31 10.20.32.11 TCP_TUNNEL/200 9 CONNECT a.example:443 - HIER_DIRECT/192.0.2.1 -"
    )
