"""Story 10: a tunnel from pc-0031 through the resolver: long random names, hundreds of them, under one domain."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterator
from random import Random

from core.clock import MINUTE, Micros
from kydai.demo.emission import Given
from kydai.demo.folk import port
from kydai.demo.lines_unix import bind_query
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "dns"
DESK = "pc-0031"
DOMAIN = "t.dongbo-cdn.example"
ASKED = 900


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """Forty minutes, a name every two to three seconds, each as long as a name may be."""
    for number in range(ASKED):
        at = start + number * 40 * MINUTE // ASKED + random.randrange(900_000)
        labels = [b32encode(random.randbytes(35)).decode().lower().rstrip("=") for _ in range(3)]
        name = f"{number:04x}.{'.'.join(labels)}.{DOMAIN}"
        kind = "TXT" if number % 5 else "NULL"
        yield bind_query(world.host("dns01"), at, world.host(DESK).address, port(random), name, kind, NAME)


STORY = Story(
    name=NAME,
    title={"vi": "Đường hầm DNS từ một máy trạm", "en": "DNS tunnel from an office machine"},
    hours=("18:30", "11:40", "06:10", "00:40"),
    lasts=41 * MINUTE,
    play=play,
    truth=Truth(
        hosts=("dns01", DESK),
        outside=(),
        accounts=(),
        expects=(
            Expected(
                {
                    "vi": "nhiều tên miền con dài, ngẫu nhiên dưới một tên miền",
                    "en": "many long random names under one domain",
                },
                "dns01",
                "T1071.004",
            ),
            Expected(
                {
                    "vi": "một máy truy vấn nhiều bản ghi TXT hoặc NULL",
                    "en": "one machine asks many TXT or NULL records",
                },
                "dns01",
                "T1048.003",
            ),
        ),
        summary={
            "vi": "pc-0031 gửi 900 truy vấn DNS dài và ngẫu nhiên dưới t.dongbo-cdn.example trong 40 phút.",
            "en": "pc-0031 sends 900 long random DNS queries under t.dongbo-cdn.example in 40 minutes.",
        },
    ),
)
