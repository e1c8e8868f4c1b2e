"""Story 4: by night, from a VPN session of a stolen administrator account, everything that could restore is removed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.emission import Flow, Given
from kydai.demo.lines_network import fortigate_traffic, fortigate_vpn
from kydai.demo.lines_windows import (
    kerberos,
    logoff,
    logon,
    process,
    service_installed,
    service_state,
    special,
    windows,
)
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "ransom"
REMOTE = "203.0.113.45"
TUNNEL = "10.20.250.17"
_LOGON = "0x8f21ac"
_CMD = r"C:\Windows\System32\cmd.exe"

_DESTRUCTION = (
    ("vssadmin.exe delete shadows /all /quiet", r"C:\Windows\System32\vssadmin.exe"),
    ("wmic.exe shadowcopy delete /nointeractive", r"C:\Windows\System32\wbem\WMIC.exe"),
    ("wbadmin.exe delete catalog -quiet", r"C:\Windows\System32\wbadmin.exe"),
    ("wbadmin.exe delete systemstatebackup -keepversions:0", r"C:\Windows\System32\wbadmin.exe"),
    ("bcdedit.exe /set {default} recoveryenabled no", r"C:\Windows\System32\bcdedit.exe"),
    ("bcdedit.exe /set {default} bootstatuspolicy ignoreallfailures", r"C:\Windows\System32\bcdedit.exe"),
)
_STOPPED = (
    ("backup01", "VeeamBackupSvc", "Veeam Backup Service"),
    ("vanban-app01", "MSSQLSERVER", "SQL Server (MSSQLSERVER)"),
    ("cong-web01", "W3SVC", "World Wide Web Publishing Service"),
    ("dc01", "VSS", "Volume Shadow Copy"),
    ("dc02", "VSS", "Volume Shadow Copy"),
    ("pc-0005", "WinDefend", "Microsoft Defender Antivirus Service"),
)
"""Six hosts: (host, service, its display name)."""


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Nine minutes of VPN and log-on before 02:40, then eight minutes of destruction."""
    yield from _entering(world, random, start)
    yield from _destroying(world, start + 9 * MINUTE)
    yield from _stopping(world, start + 12 * MINUTE)
    yield from _leaving(world, start + 19 * MINUTE)


def _entering(world: World, random: Random, start: Micros) -> Iterator[Given]:
    fw, dc, backup = world.host("fw-ttdl"), world.host("dc01"), world.host("backup01")
    account, domain = world.accounts["administrator"], world.windows_domain
    yield fortigate_vpn(
        fw,
        start,
        action="ssl-login-fail",
        user=account,
        remote=REMOTE,
        tunnel_ip="",
        reason="sslvpn_login_permission_denied",
        level="alert",
        story=NAME,
    )
    yield fortigate_vpn(
        fw,
        start + 21 * SECOND,
        action="tunnel-up",
        user=account,
        remote=REMOTE,
        tunnel_ip=TUNNEL,
        reason="login successfully",
        tunnel_id=1_702_113,
        story=NAME,
    )
    at = start + 3 * MINUTE
    yield windows(dc, at, kerberos(4768, account, TUNNEL, 49711), 5_210_011, NAME)
    yield windows(dc, at + 40_000, kerberos(4769, account, TUNNEL, 49712, "TERMSRV/backup01"), 5_210_012, NAME)
    at += 2 * SECOND
    yield windows(backup, at, logon(account, domain, 10, TUNNEL, 0, _LOGON, "backup01"), 880_410, NAME)
    yield windows(backup, at + 4_000, special(account, domain, _LOGON), 880_411, NAME)
    yield Flow(at + 2 * MINUTE, "sw-core01", TUNNEL, backup.address, 49720, 3389, 6, 1_840_233, 2_911, at, 0x18, NAME)
    yield fortigate_traffic(
        fw,
        at + 2 * MINUTE,
        src=TUNNEL,
        sport=49720,
        dst=backup.address,
        dport=3389,
        proto=6,
        session=7_430_007,
        action="accept",
        policy=(31, "VPN-QUANTRI"),
        service="RDP",
        sent=402_211,
        received=1_840_233,
        duration=120,
        zones=("ssl.root", "lan"),
        story=NAME,
    )
    for turn, (command, image) in enumerate(
        (
            ("whoami /groups", r"C:\Windows\System32\whoami.exe"),
            ('net group "Domain Computers" /domain', r"C:\Windows\System32\net.exe"),
        )
    ):
        yield _ran(
            world, at + (60 + turn * 25) * SECOND, "backup01", image, command, _CMD, 5100 + turn * 8, 880_412 + turn
        )


def _destroying(world: World, start: Micros) -> Iterator[Given]:
    for turn, (command, image) in enumerate(_DESTRUCTION):
        at = start + turn * 17 * SECOND
        yield _ran(
            world,
            at,
            "backup01",
            _CMD,
            f'"{_CMD}" /c {command}',
            r"C:\Windows\explorer.exe",
            5300 + turn * 16,
            880_430 + turn * 2,
        )
        yield _ran(world, at + 60_000, "backup01", image, command, _CMD, 5304 + turn * 16, 880_431 + turn * 2)


def _stopping(world: World, start: Micros) -> Iterator[Given]:
    backup = world.host("backup01")
    account, domain = world.accounts["administrator"], world.windows_domain
    records = count(880_460)
    for turn, (name, service, shown) in enumerate(_STOPPED):
        at = start + turn * 40 * SECOND
        host = world.host(name)
        if host is backup:
            yield _ran(
                world, at, name, r"C:\Windows\System32\net.exe", f"net stop {service} /y", _CMD, 5600, next(records)
            )
        else:
            yield _ran(
                world,
                at,
                "backup01",
                r"C:\Users\Public\PsExec64.exe",
                f"PsExec64.exe -accepteula \\\\{name} -s cmd /c net stop {service} /y",
                _CMD,
                5610 + turn * 4,
                next(records),
            )
            at += SECOND
            yield windows(
                host,
                at,
                logon(account, domain, 3, backup.address, 50100 + turn, f"0x9a{turn:02x}11"),
                640_100 + turn * 10,
                NAME,
            )
            yield windows(host, at + 3_000, special(account, domain, f"0x9a{turn:02x}11"), 640_101 + turn * 10, NAME)
            yield windows(
                host,
                at + 200_000,
                service_installed("PSEXESVC", r"%SystemRoot%\PSEXESVC.exe", "LocalSystem"),
                640_102 + turn * 10,
                NAME,
            )
            yield windows(
                host,
                at + 400_000,
                process(
                    f"{name.upper()}$",
                    domain,
                    "0x3e7",
                    r"C:\Windows\System32\net.exe",
                    f"net stop {service} /y",
                    r"C:\Windows\System32\cmd.exe",
                    7100 + turn * 4,
                    7090,
                ),
                640_103 + turn * 10,
                NAME,
            )
        yield windows(host, at + 2 * SECOND, service_state(shown, "stopped"), 640_104 + turn * 10, NAME)


def _leaving(world: World, start: Micros) -> Iterator[Given]:
    account, domain = world.accounts["administrator"], world.windows_domain
    yield windows(world.host("backup01"), start, logoff(account, domain, 10, _LOGON), 880_480, NAME)
    yield fortigate_vpn(
        world.host("fw-ttdl"),
        start + 20 * SECOND,
        action="tunnel-down",
        user=account,
        remote=REMOTE,
        tunnel_ip=TUNNEL,
        tunnel_id=1_702_113,
        story=NAME,
    )


def _ran(world: World, at: Micros, host: str, image: str, command: str, parent: str, pid: int, record: int) -> Given:
    account, domain = world.accounts["administrator"], world.windows_domain
    return windows(
        world.host(host), at, process(account, domain, _LOGON, image, command, parent, pid, pid - 4), record, NAME
    )


STORY = Story(
    name=NAME,
    title={
        "vi": "Xóa bản sao lưu trong đêm từ phiên VPN của tài khoản quản trị bị lộ",
        "en": "Backups destroyed by night over a stolen administrator's VPN",
    },
    hours=("02:31", "03:31", "01:31"),
    lasts=20 * MINUTE,
    play=play,
    truth=Truth(
        hosts=tuple(name for name, _, _ in _STOPPED),
        outside=(REMOTE,),
        accounts=("adm.khanhnv",),
        expects=(
            Expected(
                {
                    "vi": "phiên VPN quản trị lúc nửa đêm từ địa chỉ mới",
                    "en": "administrator's VPN session at night from a new address",
                },
                "fw-ttdl",
                "T1133",
            ),
            Expected({"vi": "xóa bản sao bóng", "en": "shadow copies deleted"}, "backup01", "T1490"),
            Expected({"vi": "xóa danh mục sao lưu", "en": "backup catalogue deleted"}, "backup01", "T1490"),
            Expected({"vi": "tắt khôi phục khởi động", "en": "boot recovery disabled"}, "backup01", "T1490"),
            Expected({"vi": "cài dịch vụ PsExec", "en": "PsExec service installed"}, "vanban-app01", "T1569.002"),
            Expected(
                {
                    "vi": "một tài khoản dừng dịch vụ trên nhiều máy",
                    "en": "services stopped on several hosts by one account",
                },
                "backup01",
                "T1489",
            ),
        ),
        summary={
            "vi": "Từ một phiên VPN lúc nửa đêm của tài khoản quản trị bị lộ: xóa bản sao bóng và danh mục "
            "sao lưu trên backup01, tắt khôi phục khởi động, dừng dịch vụ trên sáu máy.",
            "en": "From a night VPN session of a stolen administrator account: shadow copies and backup catalogue "
            "deleted on backup01, boot recovery disabled, services stopped on six hosts.",
        },
    ),
)
