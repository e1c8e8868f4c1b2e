"""Our correlations on the stories of the demonstration, through the real parsers and rules."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from random import Random

from collectors.parser import ParserSet
from core.clock import SECOND, iso
from core.event import Event, Frame
from detections.correlate_replay import settled
from detections.correlation_rules import PatternSet, resolve
from detections.correlation_state import Alarm
from detections.hit_blocks import Placed, hit_of, rows_of
from kydai.demo import story_ransom, story_ssh, story_webshell
from kydai.demo.emission import Flow, Given
from kydai.demo.world import load_world
from tests.detections.test_own_rules import matcher, own

MINE = frozenset(
    {
        "kydai_ssh_guessed",
        "kydai_ssh_guessing_spread",
        "kydai_windows_guessed",
        "kydai_inside_scan",
        "kydai_password_spraying",
        "kydai_web_shell_outbound",
    }
)
"""The correlations that these stories are about; others may see more in them."""
START = 1_795_600_000 * SECOND


@cache
def patterns() -> PatternSet:
    return resolve(own().rules, own().correlations)


@cache
def parsers() -> ParserSet:
    return ParserSet.load()


def events(given: Iterable[Given]) -> list[Event]:
    found: list[Event] = []
    for each in given:
        if isinstance(each, Flow):
            made: list[Event] = [
                {
                    "@timestamp": iso(each.at),
                    "event.created": iso(each.at),
                    "event.dataset": "netflow.flow",
                    "network.transport": "tcp" if each.proto == 6 else "udp",
                    "network.packets": each.packets,
                    "network.bytes": each.octets,
                    "source.ip": each.src,
                    "source.port": each.sport,
                    "destination.ip": each.dst,
                    "destination.port": each.dport,
                }
            ]
        else:
            frame = Frame("relay:127.0.0.1:x", each.at, each.data)
            made = parsers().parse(frame, zone="Asia/Ho_Chi_Minh").events
        for event in made:
            found.append(event | {"event.id": f"01KB00000000000000000000AA.{len(found)}.0"})
    return found


def alarms(given: Iterable[Given]) -> dict[str, list[Alarm]]:
    rows: list[Placed] = []
    made = events(given)
    for event, (_, rules) in zip(made, matcher().judge(made), strict=True):
        rows += [row for row in rows_of(hit_of(event, rules), patterns()) if row is not None]
    end = max((row.item.time for row in rows), default=0)
    found: dict[str, list[Alarm]] = {}
    for alarm in settled(rows, patterns(), end):
        if alarm.pattern.name in MINE:
            found.setdefault(alarm.pattern.name, []).append(alarm)
    return found


def test_guessed_passwords() -> None:
    found = alarms(story_ssh.play(load_world(), Random(7), START))
    (guessed,) = found.pop("kydai_ssh_guessed")
    assert guessed.group == ("baochi-crawl01", story_ssh.WINNER)
    (spread,) = found.pop("kydai_ssh_guessing_spread")
    assert spread.group == ("baochi-crawl01",)
    assert set(found) <= {"kydai_inside_scan"}


def test_a_web_shell_and_what_left() -> None:
    found = alarms(story_webshell.play(load_world(), Random(7), START))
    (shell,) = found.pop("kydai_web_shell_outbound")
    assert shell.group == (load_world().host("cong-web01").address,)
    (scan,) = found.pop("kydai_inside_scan")
    assert scan.group == shell.group
    assert not found


def test_the_other_night_has_none_of_these() -> None:
    assert not alarms(story_ransom.play(load_world(), Random(7), START))
