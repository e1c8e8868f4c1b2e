"""Story 13: what nobody could see. Not an attack: a firewall that was silent, wrong clocks, a lost audit policy."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from core.clock import HOUR, MINUTE, Micros
from kydai.demo.emission import Emission, Given
from kydai.demo.lines_unix import audit
from kydai.demo.story import Story
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import World

NAME = "blind"
SILENT_HOST = "fw-ttdl"
UNAUDITED_HOST = "csdl-db02"
SILENCE: Micros = 50 * MINUTE
AUDIT_LOST_AFTER: Micros = 2 * HOUR
"""How far into the past day the audit policy of csdl-db02 is lost."""


def play(world: World, random: Random, start: Micros) -> Iterator[Given]:
    """The one record there is: the audit rules of csdl-db02 are removed and auditing is switched off."""
    yield audit(
        world.host(UNAUDITED_HOST),
        start,
        41_877,
        [
            ("CONFIG_CHANGE", 'auid=4294967295 ses=4294967295 subj=unconfined op=remove_rule key="exec" list=4 res=1'),
            ("CONFIG_CHANGE", "op=set audit_enabled=0 old=1 auid=4294967295 ses=4294967295 subj=unconfined res=1"),
        ],
        NAME,
    )


def hidden(emission: Emission, silence: tuple[Micros, Micros], audit_lost: Micros) -> bool:
    """Whether an emission never came: the firewall's within its silence, auditd's of csdl-db02 after its policy
    was lost."""
    if emission.host == SILENT_HOST:
        return silence[0] <= emission.at < silence[1]
    return emission.host == UNAUDITED_HOST and emission.at > audit_lost and b" audit: type=" in emission.data[:80]


STORY = Story(
    name=NAME,
    title={"vi": "Những phần không giám sát được", "en": "What could not be seen"},
    hours=(),
    lasts=MINUTE,
    play=play,
    truth=Truth(
        hosts=("fw-ttdl", "motcua-app01", "esx01", "esx02", "csdl-db02", "thedt-pay01", "rt-xa14"),
        outside=(),
        accounts=(),
        expects=(
            Expected({"vi": "nguồn mất tín hiệu 50 phút", "en": "source silent for 50 minutes"}, "fw-ttdl", "T1562"),
            Expected({"vi": "đồng hồ nhanh bảy phút", "en": "clock seven minutes fast"}, "motcua-app01", "T1070.006"),
            Expected(
                {"vi": "sai múi giờ: giờ UTC bị hiểu là giờ địa phương", "en": "wrong zone: UTC read as local"},
                "esx01",
                "T1070.006",
            ),
            Expected(
                {"vi": "hết bản ghi auditd trong khi máy vẫn gửi", "en": "audit records stop while the host goes on"},
                "csdl-db02",
                "T1562.012",
            ),
            Expected(
                {"vi": "nguồn đã khai báo chưa từng gửi", "en": "declared source never sent"}, "thedt-pay01", "T1562"
            ),
            Expected({"vi": "nguồn đã khai báo chưa từng gửi", "en": "declared source never sent"}, "rt-xa14", "T1562"),
        ),
        summary={
            "vi": "Tường lửa biên mất tín hiệu 50 phút; đồng hồ motcua-app01 nhanh 7 phút; máy ảo hóa ghi "
            "giờ UTC nhưng bị hiểu "
            "là giờ địa phương; csdl-db02 mất chính sách ghi nhật ký; hai nguồn đã khai báo chưa từng gửi.",
            "en": "The border firewall silent for 50 minutes; the clock of motcua-app01 seven minutes "
            "fast; hypervisors in UTC "
            "read as local; csdl-db02 without its audit policy; two declared sources never sent.",
        },
        is_incident=False,
    ),
)
