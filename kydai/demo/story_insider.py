"""Story 8: an officer reads citizens' records by night, packs them and carries them to a cloud drive."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import HOUR, MINUTE, SECOND, Micros
from kydai.demo.emission import Flow, Given
from kydai.demo.lines_unix import squid
from kydai.demo.lines_web import api_access
from kydai.demo.lines_windows import logon, process, windows
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "insider"
OFFICER, DESK = "phucdv", "pc-0020"
DRIVE, DRIVE_ADDRESS = "drive.luutru.example", "198.51.100.220"
READ = 1_150
CARRIED = 640_000_000
_LOGON = "0x4c1177"


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """35 minutes of reading, an archive, an upload."""
    pc = world.host(DESK)
    yield windows(
        pc, start, logon(OFFICER, world.windows_domain, 2, "127.0.0.1", 0, _LOGON, DESK.upper()), 77_001, NAME
    )
    for number in range(READ):
        at = start + 2 * MINUTE + number * 35 * MINUTE // READ + random.randrange(SECOND)
        yield api_access(
            world.host("lgsp01"),
            at,
            "lgsp.access",
            client=pc.address,
            method="GET",
            path=f"/dan-cu/v1/cong-dan/{46_000_000_000 + random.randrange(10**9):012d}",
            status=200,
            size=random.randrange(2_000, 9_000),
            took_ms=random.randrange(20, 90),
            agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
            account=OFFICER,
            story=NAME,
        )
    at = start + 40 * MINUTE
    line = r"7z.exe a -p -mhe D:\tam\anh-cuoi.7z D:\tam\cong-dan"
    archive = process(
        OFFICER,
        world.windows_domain,
        _LOGON,
        r"C:\Program Files\7-Zip\7z.exe",
        line,
        r"C:\Windows\System32\cmd.exe",
        6_100,
        6_044,
    )
    yield windows(pc, at, archive, 77_002, NAME)
    at += 6 * MINUTE
    yield squid(
        world.host("proxy01"),
        at,
        pc.address,
        "CONNECT",
        f"{DRIVE}:443",
        200,
        18_400,
        300_000,
        peer=DRIVE_ADDRESS,
        user=OFFICER,
        story=NAME,
    )
    for number in range(4):
        when = at + number * MINUTE
        yield Flow(
            when,
            "fw-ttdl",
            world.host("proxy01").address,
            DRIVE_ADDRESS,
            51002,
            443,
            6,
            CARRIED // 4,
            116_000,
            when - MINUTE,
            0x18,
            NAME,
        )


STORY = Story(
    name=NAME,
    title={"vi": "Công chức lấy dữ liệu công dân trong đêm", "en": "An officer takes citizens' records by night"},
    hours=("23:10", "22:20", "04:40", "12:10"),
    lasts=HOUR,
    play=play,
    truth=Truth(
        hosts=("lgsp01", DESK, "proxy01"),
        outside=(DRIVE_ADDRESS,),
        accounts=(OFFICER,),
        expects=(
            Expected(
                {
                    "vi": "một tài khoản đọc hàng nghìn hồ sơ công dân",
                    "en": "one account reads a thousand citizens' records",
                },
                "lgsp01",
                "T1213",
            ),
            Expected({"vi": "nén tệp có mật khẩu", "en": "archive with a password"}, DESK, "T1560.001"),
            Expected(
                {"vi": "tải lượng lớn lên kho lưu trữ đám mây", "en": "large upload to a cloud drive"},
                "proxy01",
                "T1567.002",
            ),
        ),
        summary={
            "vi": "Một công chức đọc 1.150 hồ sơ công dân trong đêm, nén có mật khẩu và tải 640 MB lên kho "
            "lưu trữ đám mây.",
            "en": "An officer reads 1,150 citizens' records by night, packs them with a password and uploads 640 MB.",
        },
    ),
)
