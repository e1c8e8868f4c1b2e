"""What Windows machines do on an ordinary day: tickets, log-ons, programs, services, one account that fails."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.curve import Curve
from kydai.demo.emission import Given
from kydai.demo.folk import machine, port
from kydai.demo.habit import Habit
from kydai.demo.lines_windows import (
    kerberos,
    logoff,
    logon,
    logon_failed,
    process,
    service_state,
    special,
    sysmon_process,
    utc_time,
    windows,
)
from kydai.demo.world import World

_PROGRAMS = (
    (r"C:\Program Files\Google\Chrome\Application\chrome.exe", "chrome.exe --type=renderer"),
    (r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE", "WINWORD.EXE /n /dde"),
    (r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE", "EXCEL.EXE /dde"),
    (r"C:\Program Files\UniKey\UniKeyNT.exe", "UniKeyNT.exe"),
    (r"C:\Windows\System32\notepad.exe", "notepad.exe"),
    (r"C:\Program Files\VGCA\kyso.exe", "kyso.exe -tray"),
)
_SERVICES = (
    "Windows Update",
    "Background Intelligent Transfer Service",
    "Windows Modules Installer",
    "Group Policy Client",
)


def _record(at: Micros) -> int:
    return 1_000_000 + at // 100_000 % 90_000_000


def _id(random: Random) -> str:
    return hex(random.randrange(0x10_0000, 0xFFF_FFFF))


def ticket(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """A machine or its officer asks the domain for a ticket, and signs on over the network."""
    dc = world.host(random.choice(("dc01", "dc02")))
    pc, who = machine(world, random)
    sport, number = port(random), _id(random)
    yield windows(dc, at, kerberos(4768, who.account, pc.address, sport), _record(at))
    yield windows(
        dc,
        at + 200_000,
        kerberos(
            4769, who.account, pc.address, sport + 1, random.choice(("cifs/dc01", "ldap/dc02", "http/vanban-app01"))
        ),
        _record(at) + 2,
    )
    if random.random() < 0.5:
        yield windows(
            dc,
            at + 300_000,
            logon(who.account, world.windows_domain, 3, pc.address, sport + 2, number),
            _record(at) + 3,
        )
        yield windows(dc, at + 40 * SECOND, logoff(who.account, world.windows_domain, 3, number), _record(at) + 400)


def wrong_password(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An officer mistypes at the desk, once or twice, and gets in."""
    pc, who = machine(world, random)
    when = at
    for _ in range(random.randrange(1, 3)):
        yield windows(world.host("dc01"), when, kerberos(4771, who.account, pc.address, port(random)), _record(when))
        yield windows(
            pc,
            when + 100_000,
            logon_failed(who.account, world.windows_domain, 2, "127.0.0.1", 0, pc.name.upper()),
            _record(when),
        )
        when += random.randrange(5, 20) * SECOND
    yield windows(
        pc,
        when,
        logon(who.account, world.windows_domain, 2, "127.0.0.1", 0, _id(random), pc.name.upper()),
        _record(when),
    )


def failing_service(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The inventory scan's service account: its password was changed and the scheduled task was forgotten."""
    yield windows(
        world.host("dc01"),
        at,
        logon_failed(
            world.accounts["service"], world.windows_domain, 3, world.others["monitor"], port(random), "MONITOR"
        ),
        _record(at),
    )


def desk(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """An officer starts a program or two."""
    pc, who = machine(world, random)
    number = _id(random)
    for turn in range(random.randrange(1, 4)):
        image, command = random.choice(_PROGRAMS)
        when = at + turn * 20 * SECOND
        yield windows(
            pc,
            when,
            process(
                who.account,
                world.windows_domain,
                number,
                image,
                command,
                r"C:\Windows\explorer.exe",
                random.randrange(2_000, 30_000),
                3_204,
            ),
            _record(when),
        )


def sign_on(world: World, random: Random, at: Micros) -> Iterator[Given]:
    pc, who = machine(world, random)
    number = _id(random)
    yield windows(
        pc, at, logon(who.account, world.windows_domain, 2, "127.0.0.1", 0, number, pc.name.upper()), _record(at)
    )
    if random.random() < 0.5:
        yield windows(
            pc,
            at + random.randrange(4, 55) * MINUTE,
            logoff(who.account, world.windows_domain, 2, number),
            _record(at) + 9_000,
        )


def services(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """Services of the servers start and stop as they like; the system signs itself on."""
    host = world.host(random.choice(("vanban-app01", "backup01", "dc01", "dc02", "cong-web01")))
    name = random.choice(_SERVICES)
    if random.random() < 0.5:
        yield windows(host, at, logon("SYSTEM", "NT AUTHORITY", 5, "-", 0, "0x3e7"), _record(at))
        yield windows(host, at + 4_000, special("SYSTEM", "NT AUTHORITY", "0x3e7"), _record(at) + 1)
    else:
        yield windows(host, at, service_state(name, "running"), _record(at))
        yield windows(host, at + random.randrange(2, 40) * MINUTE, service_state(name, "stopped"), _record(at) + 7_000)


def watched(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """What Sysmon sees on the portal on any day: scheduled tasks, and ASP.NET compiling a page."""
    host = world.host("cong-web01")
    services = r"C:\Windows\System32\svchost.exe"
    image, command, parent, parent_line, user = random.choice(
        (
            (
                r"C:\Windows\System32\taskhostw.exe",
                "taskhostw.exe",
                services,
                "svchost.exe -k netsvcs",
                r"NT AUTHORITY\SYSTEM",
            ),
            (
                r"C:\Windows\System32\wermgr.exe",
                "wermgr.exe -upload",
                services,
                "svchost.exe -k netsvcs",
                r"NT AUTHORITY\SYSTEM",
            ),
            (
                r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\csc.exe",
                r'csc.exe /noconfig @"C:\Windows\Temp\trang.cmdline"',
                r"C:\Windows\System32\inetsrv\w3wp.exe",
                'w3wp.exe -ap "CongTTDT"',
                r"IIS APPPOOL\CongTTDT",
            ),
        )
    )
    pid = random.randrange(2_000, 30_000)
    folder = "C:\\Windows\\system32\\"
    event = sysmon_process(utc_time(at), user, image, command, folder, parent, parent_line, pid, 1_044)
    yield windows(host, at, event, _record(at))


def backups(world: World, random: Random, at: Micros) -> Iterator[Given]:
    """The nightly backup looks at its own shadow copies and catalogue: it lists, it never deletes."""
    host, account = world.host("backup01"), world.accounts["backup"]
    number = _id(random)
    yield windows(host, at, logon(account, world.windows_domain, 5, "-", 0, number), _record(at))
    for turn, (image, command) in enumerate(
        (
            (r"C:\Windows\System32\vssadmin.exe", "vssadmin.exe list shadows"),
            (r"C:\Windows\System32\wbadmin.exe", "wbadmin.exe get versions"),
            (r"C:\Program Files\Veeam\Backup\Veeam.Backup.Manager.exe", "Veeam.Backup.Manager.exe startjob"),
        )
    ):
        yield windows(
            host,
            at + (turn + 1) * 3 * SECOND,
            process(
                account,
                world.windows_domain,
                number,
                image,
                command,
                r"C:\Windows\System32\svchost.exe",
                random.randrange(2_000, 30_000),
                1_044,
            ),
            _record(at) + 10 + turn,
        )


HABITS = (
    Habit("ticket", 1500, Curve.OFFICE, ticket),
    Habit("wrong-password", 40, Curve.OFFICE, wrong_password),
    Habit("failing-windows-service", 144, Curve.FLAT, failing_service),
    Habit("desk", 1500, Curve.OFFICE, desk),
    Habit("sign-on-desk", 240, Curve.OFFICE, sign_on),
    Habit("services", 700, Curve.FLAT, services),
    Habit("watched", 300, Curve.FLAT, watched),
    Habit("backups", 24, Curve.NIGHT, backups),
)
