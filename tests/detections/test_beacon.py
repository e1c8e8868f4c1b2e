"""Connections in a rhythm are found, those without are not, and the numbers explain themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random, randrange
from typing import Any

import orjson
import pytest

from core.clock import HOUR, MINUTE, SECOND, Micros
from core.errors import BadInput
from detections.beacon import all_beacons, beacon_of, facts_of
from detections.beyond_sigma import as_sigma
from detections.correlation_items import Item
from detections.correlation_rules import Pattern, resolve
from tests.detections.correlation_cases import BASE, document, pattern_set, rule

ASKED: dict[str, Any] = {
    "rules": ["a"],
    "timespan": "24h",
    "connections": 24,
    "lasting": "6h",
    "tolerance": 0.2,
    "regular": 0.8,
}
GROUP = ("10.0.0.1", "192.0.2.1", "443")
PAIRS = 1_500


def pattern(**more: Any) -> Pattern:
    return pattern_set(document("beacon", type="beacon", **(ASKED | more))).by_id["id-beacon"]


STEADY = pattern()


def item(at: Micros, port: int, size: float = 800) -> Item:
    return Item(BASE + at, f"e{at}-{port}", 1, orjson.dumps([str(port), str(size)]).decode())


def connections(gaps: Sequence[Micros], size: Callable[[int], float] = lambda number: 800) -> list[Item]:
    at, made = 0, [item(0, 40_000, size(0))]
    for number, gap in enumerate(gaps, 1):
        at += gap
        made.append(item(at, 40_000 + number, size(number)))
    return made


def test_the_numbers_of_a_beacon() -> None:
    # every half hour; one came ten minutes late, which makes two intervals odd
    gaps = [30 * MINUTE] * 10 + [40 * MINUTE, 20 * MINUTE] + [30 * MINUTE] * 18 + [31 * MINUTE] * 5
    found = beacon_of(STEADY, GROUP, reversed(connections(gaps, lambda number: 5_000 if number == 3 else 800)))
    assert found is not None
    assert facts_of(STEADY, found, BASE, BASE + 24 * HOUR) == {
        "at": BASE + sum(gaps),
        "type": "beacon",
        "group": {"source.ip": "10.0.0.1", "destination.ip": "192.0.2.1", "destination.port": "443"},
        "connections": 36,
        "interval": 30 * MINUTE,
        "spread": 0.0,
        "regular": round(33 / 35, 4),
        "bytes": 800,
        "alike": round(35 / 36, 4),
        "start": BASE,
        "end": BASE + 24 * HOUR,
        "rules": [],
        "explained": {
            "vi": "36 kết nối từ 24/11/2025 23:00 đến 25/11/2025 16:35, cách nhau 30 phút (trung vị); "
            "94 % khoảng cách lệch không quá 20 %. Mỗi kết nối 800 B (trung vị); 97 % số kết nối xấp xỉ mức đó.",
            "en": "36 connections from 2025-11-24 23:00 to 2025-11-25 16:35, 30 min apart (median); "
            "94 % of the intervals within 20 %. 800 B each (median); 97 % of the connections are about that large.",
        },
    }


@pytest.mark.parametrize(
    ("gaps", "is_one"),
    [
        ([20 * MINUTE] * 23, True),
        ([20 * MINUTE] * 22, False),  # too few
        ([15 * MINUTE] * 24, True),
        ([15 * MINUTE - 1] + [15 * MINUTE] * 23, False),  # not for six hours
        ([20 * MINUTE] * 24 + [26 * MINUTE] * 6, True),  # 24 of 30 are regular
        ([20 * MINUTE] * 23 + [26 * MINUTE] * 7, False),
        ([20 * MINUTE] * 16 + [24 * MINUTE] * 8, True),  # a fifth longer is still in time
        ([1] * 80 + [6 * HOUR] + [1] * 80, False),  # two bursts
    ],
)
def test_where_the_border_lies(gaps: list[Micros], is_one: bool) -> None:
    assert (beacon_of(STEADY, GROUP, connections(gaps)) is not None) is is_one


@pytest.mark.parametrize("seed", range(20))
def test_a_sleep_that_is_shaken_is_found(seed: int) -> None:
    """The usual implants sleep for a time that they shorten by up to so many percent, drawn anew each time."""
    random = Random(seed)
    sleep, shaken = random.uniform(MINUTE, 30 * MINUTE), random.uniform(0, 0.3)
    gaps = [round(sleep * (1 - random.random() * shaken)) for _ in range(round(12 * HOUR / sleep))]
    missed = {random.randrange(len(gaps)) for _ in range(len(gaps) // 20)}
    gaps = [2 * gap if number in missed else gap for number, gap in enumerate(gaps)]
    assert beacon_of(STEADY, GROUP, connections(gaps)) is not None


def test_one_long_connection_is_no_beacon() -> None:
    """Exporters cut a long connection at the same interval: each piece has its source port."""
    pieces = [item(at, 51_000) for at in range(0, 24 * HOUR, 30 * MINUTE)]
    assert beacon_of(STEADY, GROUP, pieces) is None
    # ports used again later are other connections, and their bytes are added up
    again = [
        item(at + cut * MINUTE, 50_000 + at // HOUR % 2, 100) for at in range(0, 24 * HOUR, HOUR) for cut in (0, 1)
    ]
    found = beacon_of(STEADY, GROUP, again)
    assert found is not None
    assert (len(found.connections), found.size) == (24, 200)


def test_chance_is_no_beacon() -> None:
    """Of pairs whose connections come by chance, none: at a constant rate, in sessions, with heavy tails."""
    seed = randrange(2**32)
    print("seed", seed)
    random = Random(seed)
    false = 0
    for number in range(PAIRS):
        rate = random.uniform(1, 30) / HOUR
        if number % 3 == 0:
            gaps = [round(random.expovariate(rate)) for _ in range(24, 120)]
        elif number % 3 == 1:  # a person reads: a few at once, then nothing for a while
            gaps = [
                round(random.lognormvariate(1, 1) * SECOND)
                if random.random() < 0.8
                else round(random.expovariate(rate))
                for _ in range(200)
            ]
        else:  # heavy tails
            gaps = [round(random.paretovariate(1.2) * MINUTE) for _ in range(random.randint(24, 150))]
        at = 0
        inside = [gap for gap in gaps if (at := at + gap) < 24 * HOUR]
        false += beacon_of(STEADY, GROUP, connections(inside)) is not None
    assert false == 0


def test_over_a_whole_input_it_is_told_once_while_it_goes_on() -> None:
    steady = connections([20 * MINUTE] * 24 * 3 * 3)
    later = [each._replace(time=each.time + 10 * 24 * HOUR, id=f"l{each.id}") for each in steady]
    first, second = all_beacons(STEADY, GROUP, [*later, *steady])
    assert first.at < BASE + 10 * HOUR and second.at > BASE + 10 * 24 * HOUR


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"group_by": ["source.ip"]}, "beacon has no key group-by; there are: connections, lasting, regular"),
        ({"connections": 3}, "beacon needs connections from 4, a tolerance between 0 and 1, regular from 0.5 to 1."),
        ({"tolerance": 1}, "beacon needs connections from 4, a tolerance between 0 and 1, regular from 0.5 to 1."),
        ({"regular": 0.4}, "beacon needs connections from 4, a tolerance between 0 and 1, regular from 0.5 to 1."),
        ({"connections": "many"}, "connections: 'many' is no number."),
        ({"lasting": "long"}, "the timespan 'long' is not a number and one of s, m, h, d, w, M, y."),
    ],
)
def test_what_is_wrong_is_said(body: dict[str, Any], said: str) -> None:
    (error,) = resolve([rule("a")], [document("beacon", type="beacon", **(ASKED | body))]).errors
    assert error.said["en"].startswith(said)


def test_lacking_keys_are_named() -> None:
    with pytest.raises(BadInput, match="beacon lacks rules, connections"):
        as_sigma({"correlation": {"type": "beacon", "timespan": "1h", "lasting": "1h", "tolerance": 0.1, "regular": 1}})


def test_nobody_judges_by_rules_that_only_beacons_read() -> None:
    beacon = document("beacon", type="beacon", **ASKED)
    assert pattern_set(beacon).only_asked == {"id-a"}
    other = document("other", type="event_count", rules=["a"], timespan="1h", condition={"gte": 1})
    assert pattern_set(beacon, other).only_asked == frozenset()
