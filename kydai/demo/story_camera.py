"""Story 5: a recorder with its factory password is taken over by telnet, scans its network and floods outwards."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, SECOND, Micros
from kydai.demo.emission import Flow, Given
from kydai.demo.folk import port
from kydai.demo.lines_unix import daemon
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "camera"
TAKER, VICTIM = "198.51.100.63", "203.0.113.64"
RECORDER = "cam-nvr03"
SCANNED = 120


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """A log-on, telnet from outside, a scan of the cameras, twenty minutes of flood."""
    nvr = world.host(RECORDER)
    yield daemon(nvr, start, "nvrd[412]", f"user admin logged in from {TAKER} (web), password is the default", NAME)
    at = start + MINUTE
    yield Flow(at, "fw-ttdl", TAKER, nvr.address, port(random), 23, 6, 18_400, 210, at - 40 * SECOND, 0x1B, NAME)
    for number in range(SCANNED):
        at = start + 3 * MINUTE + number * SECOND
        target = f"10.20.{8 + number // 60}.{20 + number % 60}"
        yield Flow(at, "sw-core01", nvr.address, target, port(random), 23, 6, 44, 1, at, 0x02, NAME)
    for minute in range(20):
        at = start + (8 + minute) * MINUTE
        yield Flow(at, "fw-ttdl", nvr.address, VICTIM, 40_112, 80, 17, 1_300_000_000, 920_000, at - MINUTE, story=NAME)


STORY = Story(
    name=NAME,
    title={
        "vi": "Đầu ghi camera bị chiếm và tấn công ra ngoài",
        "en": "A camera recorder taken over and used to attack",
    },
    hours=("13:20", "04:10"),
    lasts=30 * MINUTE,
    play=play,
    truth=Truth(
        hosts=(RECORDER,),
        outside=(TAKER, VICTIM),
        accounts=("admin",),
        expects=(
            Expected({"vi": "telnet từ Internet", "en": "telnet from the internet"}, "fw-ttdl", "T1021"),
            Expected({"vi": "quét mạng từ bên trong", "en": "scan from inside"}, "sw-core01", "T1046"),
            Expected({"vi": "gửi ồ ạt gói UDP", "en": "UDP flood"}, "fw-ttdl", "T1498.001"),
        ),
        summary={
            "vi": "cam-nvr03 còn mật khẩu mặc định, bị telnet từ Internet, quét dải camera rồi gửi ồ ạt gói UDP.",
            "en": "cam-nvr03 has its factory password, is reached by telnet, scans the cameras and floods an address.",
        },
    ),
)
