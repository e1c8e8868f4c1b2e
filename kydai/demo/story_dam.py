"""Story 6: an office machine that never spoke to the dams' control writes to it; the gauges' values stand still."""

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

NAME = "dam"
STRANGER, CONTROL = "pc-0044", "hodap-scada01"
WRITES = 6


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Six writes in six minutes, each its own conversation; the control system logs them, its own way."""
    source, control = world.host(STRANGER).address, world.host(CONTROL)
    for number in range(WRITES):
        at = start + number * MINUTE
        yield Flow(at, "sw-core01", source, control.address, port(random), 502, 6, 1_240, 16, at - SECOND, 0x1B, NAME)
        text = f"modbus write unit=3 fc=16 addr=4012{number} count=2 from {source} ok"
        yield daemon(control, at, "scada[733]", text, NAME)


STORY = Story(
    name=NAME,
    title={
        "vi": "Máy lạ ghi lệnh vào hệ thống điều khiển hồ đập",
        "en": "A strange machine writes to the dams' control",
    },
    hours=("16:20", "03:20"),
    lasts=10 * MINUTE,
    play=play,
    truth=Truth(
        hosts=(CONTROL, STRANGER),
        outside=(),
        accounts=(),
        expects=(
            Expected(
                {"vi": "máy lạ nói giao thức điều khiển", "en": "a stranger speaks a control protocol"},
                "sw-core01",
                "T0855",
            ),
            Expected({"vi": "lệnh ghi Modbus", "en": "Modbus write"}, CONTROL, "T0855"),
        ),
        summary={
            "vi": "pc-0044 chưa từng kết nối tới hodap-scada01, nay ghi sáu lệnh Modbus; giá trị cảm biến đứng yên.",
            "en": "pc-0044 never spoke to hodap-scada01 and now writes six Modbus commands; the gauges stand still.",
        },
    ),
)
