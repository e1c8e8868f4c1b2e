"""Lines of Linux hosts as the programs write them: sshd, sudo, cron, auditd, PostgreSQL, BIND, Squid, mail."""

from __future__ import annotations

from core.clock import SECOND, Micros
from kydai.demo.emission import Emission, Transport
from kydai.demo.voice import (
    AUTHPRIV_INFO,
    CRON_INFO,
    DAEMON_INFO,
    LOCAL0_INFO,
    local,
    millis,
    seconds,
    syslog,
)
from kydai.demo.world import Host

MAIL_INFO = 22


def sshd(host: Host, at: Micros, pid: int, text: str, story: str | None = None) -> Emission:
    return syslog(host, at, f"sshd[{pid}]", text, pri=AUTHPRIV_INFO, story=story)


def ssh_failed(
    host: Host,
    at: Micros,
    pid: int,
    user: str,
    source: str,
    port: int,
    *,
    known: bool,
    took: Micros = SECOND,
    story: str | None = None,
) -> list[Emission]:
    """One wrong password: PAM's line and, when it ``took`` its time, sshd's own; before them sshd's line for a name
    it does not know."""
    who = f"{user} " if known else f"invalid user {user} "
    pam = f"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={source} "
    made = [] if known else [sshd(host, at, pid, f"Invalid user {user} from {source} port {port}", story)]
    made.append(sshd(host, at + min(took, 2_000), pid, pam + (f" user={user}" if known else ""), story))
    made.append(sshd(host, at + took, pid, f"Failed password for {who}from {source} port {port} ssh2", story))
    return made


def ssh_closed(
    host: Host, at: Micros, pid: int, user: str, source: str, port: int, story: str | None = None
) -> Emission:
    """The client goes away before it has signed in."""
    return sshd(host, at, pid, f"Connection closed by authenticating user {user} {source} port {port} [preauth]", story)


def ssh_accepted(
    host: Host, at: Micros, pid: int, user: str, source: str, port: int, method: str, story: str | None = None
) -> list[Emission]:
    """A sign-in by ``password`` or ``publickey`` and the PAM session that follows."""
    key = ": ED25519 SHA256:7mE1vQk0y6mXqkJ5s1d2n3rP8hTzWcUoLbYfGaViKxE" if method == "publickey" else ""
    return [
        sshd(host, at, pid, f"Accepted {method} for {user} from {source} port {port} ssh2{key}", story),
        sshd(
            host, at + 3_000, pid, f"pam_unix(sshd:session): session opened for user {user}(uid=1001) by (uid=0)", story
        ),
    ]


def ssh_left(
    host: Host, at: Micros, pid: int, user: str, source: str, port: int, story: str | None = None
) -> list[Emission]:
    return [
        sshd(host, at, pid, f"Received disconnect from {source} port {port}:11: disconnected by user", story),
        sshd(host, at + 1_000, pid, f"pam_unix(sshd:session): session closed for user {user}", story),
    ]


def sudo(
    host: Host, at: Micros, user: str, command: str, *, tty: str = "pts/0", folder: str = "", story: str | None = None
) -> list[Emission]:
    """A command as root, and its session."""
    where = folder or f"/home/{user}"
    return [
        syslog(host, at, "sudo", f"   {user} : TTY={tty} ; PWD={where} ; USER=root ; COMMAND={command}", story=story),
        syslog(
            host,
            at + 1_000,
            "sudo",
            f"pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1001)",
            story=story,
        ),
    ]


def cron(host: Host, at: Micros, pid: int, user: str, command: str, story: str | None = None) -> Emission:
    return syslog(host, at, f"CRON[{pid}]", f"({user}) CMD ({command})", pri=CRON_INFO, story=story)


def systemd(host: Host, at: Micros, text: str, story: str | None = None) -> Emission:
    return syslog(host, at, "systemd[1]", text, pri=DAEMON_INFO, story=story)


def daemon(host: Host, at: Micros, tag: str, text: str, story: str | None = None) -> Emission:
    return syslog(host, at, tag, text, pri=DAEMON_INFO, story=story)


def mail(host: Host, at: Micros, tag: str, text: str, story: str | None = None) -> Emission:
    return syslog(host, at, tag, text, pri=MAIL_INFO, story=story)


def audit(host: Host, at: Micros, serial: int, records: list[tuple[str, str]], story: str | None = None) -> Emission:
    """The records of one audit event (pairs of type and fields), joined by newlines as one message."""
    shown = host.clock(at)
    head = f"msg=audit({seconds(shown)}.{millis(shown):03d}:{serial}):"
    text = "\n".join(f"type={kind} {head} {fields}" for kind, fields in records)
    return syslog(host, at, "audit", text, pri=DAEMON_INFO, transport=Transport.SYSLOG_TCP, story=story)


def audit_exec(
    host: Host,
    at: Micros,
    serial: int,
    argv: list[str],
    *,
    pid: int,
    ppid: int,
    auid: int = 1001,
    uid: int = 0,
    folder: str = "/root",
    key: str = "exec",
    story: str | None = None,
) -> Emission:
    """execve as auditd records it: SYSCALL, EXECVE, CWD, PATH."""
    name = argv[0].rsplit("/", 1)[-1]
    args = " ".join(
        f'a{i}="{a}"' if a.isascii() and " " not in a else f"a{i}={a.encode().hex().upper()}"
        for i, a in enumerate(argv)
    )
    return audit(
        host,
        at,
        serial,
        [
            (
                "SYSCALL",
                f"arch=c000003e syscall=59 success=yes exit=0 a0=55d0c0ffee10 a1=55d0c0ffee50 a2=55d0c0ffee90 a3=8 "
                f"items=2 ppid={ppid} pid={pid} auid={auid} uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} "
                f"egid={uid} sgid={uid} "
                f'fsgid={uid} tty=pts0 ses=31 comm="{name[:15]}" exe="{argv[0]}" subj=unconfined key="{key}"',
            ),
            ("EXECVE", f"argc={len(argv)} {args}"),
            ("CWD", f'cwd="{folder}"'),
            (
                "PATH",
                f'item=0 name="{argv[0]}" inode=131222 dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL',
            ),
        ],
        story,
    )


def audit_user(
    host: Host,
    at: Micros,
    serial: int,
    kind: str,
    account: str,
    source: str,
    *,
    good: bool,
    pid: int,
    story: str | None = None,
) -> Emission:
    """USER_LOGIN, USER_AUTH and the like."""
    inner = (
        f'op=login acct="{account}" exe="/usr/sbin/sshd" hostname={source} addr={source} terminal=ssh '
        f"res={'success' if good else 'failed'}"
    )
    return audit(
        host,
        at,
        serial,
        [(kind, f"pid={pid} uid=0 auid=1001 ses=31 subj=unconfined msg='{inner}'")],
        story,
    )


def postgres(
    host: Host,
    at: Micros,
    *,
    pid: int,
    user: str,
    database: str,
    client: str,
    line: int,
    tag: str,
    message: str,
    app: str = "",
    level: str = "LOG",
    state: str = "00000",
    started: Micros | None = None,
    story: str | None = None,
) -> Emission:
    """One line of PostgreSQL's csvlog (26 columns of version 14 and later, as sent by rsyslog's imfile)."""
    shown = host.clock(at)
    second = seconds(shown)
    begun = seconds(shown if started is None else host.clock(started))
    quoted = message.replace('"', '""')
    text = (
        f'{local(second, host.spoken_zone, "%Y-%m-%d %H:%M:%S")}.{millis(shown):03d} +07,"{user}","{database}",{pid},'
        f'"{client}",{begun:x}.{pid:x},{line},"{tag}",{local(begun, host.spoken_zone, "%Y-%m-%d %H:%M:%S")} +07,'
        f'{pid % 60}/{line},0,{level},{state},"{quoted}",,,,,,,,,"{app}","client backend",,0'
    )
    return syslog(host, at, "postgresql", text, pri=LOCAL0_INFO, story=story)


def bind_query(
    host: Host, at: Micros, client: str, port: int, name: str, kind: str, story: str | None = None
) -> Emission:
    """BIND 9's query log, category ``queries``."""
    shown = host.clock(at)
    stamp = f"{local(seconds(shown), host.spoken_zone, '%d-%b-%Y %H:%M:%S')}.{millis(shown):03d}"
    text = (
        f"{stamp} queries: info: client @0x7f3a5c0{port:05x} {client}#{port} ({name}): "
        f"query: {name} IN {kind} +E(0)K ({host.address})"
    )
    return syslog(host, at, "named[712]", text, pri=DAEMON_INFO, story=story)


def squid(
    host: Host,
    at: Micros,
    client: str,
    method: str,
    url: str,
    status: int,
    size: int,
    took_ms: int,
    *,
    result: str = "TCP_TUNNEL",
    peer: str = "-",
    kind: str = "-",
    user: str = "-",
    story: str | None = None,
) -> Emission:
    """Squid's native access.log format."""
    shown = host.clock(at)
    way = "HIER_NONE" if peer == "-" else "HIER_DIRECT"
    text = (
        f"{seconds(shown)}.{millis(shown):03d} {took_ms:6d} {client} {result}/{status} {size} {method} {url} {user} "
        f"{way}/{peer} {kind}"
    )
    return syslog(host, at, "squid[1044]", text, pri=LOCAL0_INFO, story=story)
