"""The stories that are told: which of the past day, which live, and when each of them happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import DAY, HOUR, MINUTE, Micros
from kydai.demo import (
    story_camera,
    story_citizen,
    story_dam,
    story_deface,
    story_dns,
    story_insider,
    story_mail,
    story_ransom,
    story_ssh,
    story_supply,
    story_vpn,
    story_webshell,
)
from kydai.demo.story import Story, place

PAST: tuple[Story, ...] = (story_webshell.STORY, story_ransom.STORY)
"""What the demonstration's past day tells."""
MORE: tuple[Story, ...] = (story_citizen.STORY, story_insider.STORY, story_dns.STORY)
"""Told in the test bed only: the demonstration shows four incidents at most."""
APART: tuple[Story, ...] = (
    story_mail.STORY,
    story_camera.STORY,
    story_dam.STORY,
    story_deface.STORY,
    story_vpn.STORY,
    story_supply.STORY,
)
"""Told to the rules one at a time: a day has no room for them besides."""
LIVE: Story = story_ssh.STORY


@dataclass(frozen=True, slots=True)
class Placed:
    """A story with the time it begins."""

    story: Story
    start: Micros

    @property
    def end(self) -> Micros:
        return self.start + self.story.lasts


KNOWN_AFTER = 3 * HOUR
"""So long after the past day has begun a gap is a silence to be told of (core/sources.py, KNOWN_EVENTS)."""


def past_stories(now: Micros, tales: Sequence[Story] = PAST) -> list[Placed]:
    """The past day's stories, none touching another, all within the 24 hours before ``now``."""
    placed: list[Placed] = []
    for story in tales:
        placed.append(Placed(story, place(story.hours, story.lasts, now, [(p.start, p.end) for p in placed])))
    return placed


def silence(now: Micros) -> tuple[Micros, Micros]:
    """The 50 minutes in which fw-ttdl sends nothing (story 13), clear of the others and when its rhythm is known."""
    lasts = 50 * MINUTE
    taken = [(p.start - HOUR // 2, p.end + HOUR // 2) for p in past_stories(now)]
    taken.append((now - DAY, now - DAY + KNOWN_AFTER))
    start = place(("15:10", "10:05", "18:20", "05:30", "07:40", "23:30"), lasts, now, taken)
    return start, start + lasts
