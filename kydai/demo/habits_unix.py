"""What Linux hosts do on an ordinary day: cron, administrators, mistyped passwords, probes, auditd, names."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import orjson

from core.clock import MINUTE, SECOND, Micros, iso
from kydai.demo.curve import Curve
from kydai.demo.emission import Given
from kydai.demo.folk import SITES, citizen, machine, port
from kydai.demo.habit import Habit
from kydai.demo.lines_unix import (
    audit,
    audit_exec,
    audit_user,
    bind_query,
    cron,
    daemon,
    squid,
    ssh_accepted,
    ssh_failed,
    ssh_left,
    sshd,
    sudo,
    systemd,
)
from kydai.demo.world import Host, World

_CHORES = (
    ("root", "cd / && run-parts --report /etc/cron.hourly"),
    ("root", "command -v debian-sa1 > /dev/null && debian-sa1 1 1"),
    ("root", "[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean"),
    ("root", "/usr/local/sbin/kiem-tra-dich-vu.sh >/dev/null 2>&1"),
)
_ADMIN = (
    "/usr/bin/systemctl status rsyslog",
    "/usr/bin/journalctl -u nginx -n 50",
    "/usr/bin/apt-get update",
    "/usr/bin/systemctl reload nginx",
    "/usr/bin/tail -n 100 /var/log/syslog",
    "/usr/bin/df -h",
)


def linux_hosts(world: World) -> list[Host]:
    """Hosts whose sshd and cron are heard."""
    return [h for h in world.hosts.values() if h.sends and "system.auth" in h.speaks]


def chores(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = random.choice(linux_hosts(world))
    pid = random.randrange(2_000, 60_000)
    user, command = random.choice(_CHORES)
    yield daemon(host, at, f"CRON[{pid}]", f"pam_unix(cron:session): session opened for user {user}(uid=0) by (uid=0)")
    yield cron(host, at + 2_000, pid + 1, user, command)
    yield daemon(host, at + SECOND, f"CRON[{pid}]", f"pam_unix(cron:session): session closed for user {user}")


def units(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = random.choice(linux_hosts(world))
    name = random.choice(
        (
            "logrotate.service - Rotate log files",
            "apt-daily.service - Daily apt download activities",
            "man-db.service - Daily man-db regeneration",
            "fstrim.service - Discard unused blocks",
        )
    )
    yield systemd(host, at, f"Starting {name}...")
    yield systemd(host, at + 2 * SECOND, f"Finished {name}.")


def administration(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The sysadmin signs in from the jump host by key, runs a few commands as root and leaves."""
    host, source = random.choice([h for h in linux_hosts(world) if h.name != "jump01"]), world.host("jump01").address
    pid, sport = random.randrange(2_000, 60_000), port(random)
    yield from ssh_accepted(host, at, pid, "duclm", source, sport, "publickey")
    when = at
    for _ in range(random.randrange(1, 4)):
        when += random.randrange(20, 200) * SECOND
        yield from sudo(host, when, "duclm", random.choice(_ADMIN))
    yield from ssh_left(host, when + MINUTE, pid, "duclm", source, sport)


def mistyped(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A person mistypes a password once or twice and then gets in; never enough to look like guessing."""
    host = world.host("jump01")
    pc, _ = machine(world, random)
    pid, sport = random.randrange(2_000, 60_000), port(random)
    when = at
    for _ in range(random.randrange(1, 3)):
        yield from ssh_failed(host, when, pid, "duclm", pc.address, sport, known=True)
        when += random.randrange(4, 12) * SECOND
    yield from ssh_accepted(host, when, pid, "duclm", pc.address, sport, "password")
    yield from ssh_left(host, when + 9 * MINUTE, pid, "duclm", pc.address, sport)


def knocks(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """Port 22 of the press crawler is open to the internet: someone tries one name and goes away."""
    host, source = world.host("baochi-crawl01"), citizen(random)
    user = random.choice(("admin", "ubuntu", "pi", "support", "test", "oracle"))
    yield from ssh_failed(host, at, random.randrange(2_000, 60_000), user, source, port(random), known=False)


def probes(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The monitoring system looks whether sshd answers."""
    host = random.choice(linux_hosts(world))
    pid = random.randrange(2_000, 60_000)
    yield sshd(host, at, pid, f"Connection closed by {world.others['monitor']} port {port(random)}")


def failing_service(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A backup script on the camera manager still has the old password; nobody has looked into it."""
    host = world.host("cam-vms01")
    yield from ssh_failed(
        host, at, random.randrange(2_000, 60_000), world.accounts["backup"], "10.20.16.41", port(random), known=True
    )


def audited(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """auditd on the databases and the jump host: commands of administrators, services, log-ons."""
    host = world.host(random.choice(("csdl-db01", "csdl-db01", "csdl-db02", "jump01", "jump01")))
    serial, pid = at // SECOND % 900_000, random.randrange(2_000, 60_000)
    kind = random.random()
    if kind < 0.5:
        argv = random.choice(
            (
                ["/usr/bin/psql", "-c", "select 1"],
                ["/usr/bin/ls", "-l", "/var/lib/postgresql"],
                ["/usr/bin/systemctl", "status", "postgresql"],
                ["/usr/bin/vim", "/etc/postgresql/16/main/pg_hba.conf"],
            )
        )
        yield audit_exec(host, at, serial, argv, pid=pid, ppid=pid - 3)
    elif kind < 0.75:
        unit = random.choice(("logrotate", "apt-daily", "sysstat-collect", "fstrim"))
        inner = f'unit={unit} comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'
        yield audit(
            host,
            at,
            serial,
            [("SERVICE_START", f"pid=1 uid=0 auid=4294967295 ses=4294967295 subj=unconfined msg='{inner}'")],
        )
    else:
        yield audit_user(host, at, serial, "USER_LOGIN", "duclm", world.host("jump01").address, good=True, pid=pid)


def names(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An office machine opens a page: two or three names."""
    host = world.host("dns01")
    pc, _ = machine(world, random)
    for number in range(random.randrange(1, 4)):
        yield bind_query(
            host,
            at + number * 40_000,
            pc.address,
            port(random),
            random.choice(SITES),
            random.choice(("A", "A", "AAAA", "HTTPS")),
        )


def proxied(world: World, random: Random, at: Micros) -> Iterator[Given]:
    host = world.host("proxy01")
    pc, who = machine(world, random)
    site, size = random.choice(SITES), int(random.paretovariate(1.2) * 2000) % 9_000_000
    if random.random() < 0.85:
        yield squid(
            host,
            at,
            pc.address,
            "CONNECT",
            f"{site}:443",
            200,
            size,
            random.randrange(30, 60_000),
            peer="198.51.100.80",
            user=who.account,
        )
    else:
        yield squid(
            host,
            at,
            pc.address,
            "GET",
            f"http://{site}/",
            304 if random.random() < 0.5 else 200,
            size,
            random.randrange(2, 900),
            result="TCP_MEM_HIT",
            kind="text/html",
            user=who.account,
        )


def press(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The press crawler fetches a page through its own Squid and writes what it found."""
    host, site = world.host("baochi-crawl01"), random.choice(SITES[:4])
    size = random.randrange(9_000, 400_000)
    url = f"http://{site}/tin/{at // SECOND % 100_000}"
    yield squid(
        host,
        at,
        "127.0.0.1",
        "GET",
        url,
        200,
        size,
        random.randrange(80, 2_000),
        result="TCP_MISS",
        peer="198.51.100.81",
        kind="text/html",
    )
    found = {
        "@timestamp": iso(host.clock(at + SECOND)),
        "event.dataset": "baochi.crawl",
        "event.action": "fetched",
        "url.original": url,
        "http.response.body.bytes": size,
        "message": "Đã thu thập tin, không có từ khóa cần theo dõi",
    }
    yield daemon(host, at + SECOND, "baochi", orjson.dumps(found).decode())


HABITS = (
    Habit("chores", 1500, Curve.FLAT, chores),
    Habit("units", 160, Curve.FLAT, units),
    Habit("administration", 45, Curve.OFFICE, administration),
    Habit("mistyped", 14, Curve.OFFICE, mistyped),
    Habit("knocks", 150, Curve.FLAT, knocks),
    Habit("probes", 1400, Curve.FLAT, probes),
    Habit("failing-service", 144, Curve.FLAT, failing_service),
    Habit("audited", 1700, Curve.FLAT, audited),
    Habit("names", 3600, Curve.OFFICE, names),
    Habit("proxied", 4200, Curve.OFFICE, proxied),
    Habit("press", 1000, Curve.FLAT, press),
)
