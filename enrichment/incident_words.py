"""An incident's title and its one sentence, from its facts, in both languages; what is not known is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.clock import Micros
from core.words import LANGUAGES, moment, number, say

SHOWN = 3

_TACTICS_IN = frozenset({"attack.initial-access", "attack.initial_access"})
_TACTICS_OUT = frozenset({"attack.exfiltration"})


@dataclass(frozen=True, slots=True)
class Story:
    """The facts of an incident that its words are made from. Lists are in order of importance."""

    rules: Sequence[Mapping[str, str]]
    """Titles of its rules, the leading one first."""
    hosts: Sequence[str]
    origins: Sequence[str]
    """Addresses that it came from, outside ones first."""
    targets: Sequence[str]
    """Outside addresses that something of ours went to."""
    users: Sequence[str]
    outcomes: frozenset[str]
    tags: frozenset[str]
    alerts: int
    events: int
    first_at: Micros
    last_at: Micros
    at_least: frozenset[str] = frozenset()
    """Which of hosts, origins, targets, users, events there are more of, perhaps."""


def title(story: Story) -> dict[str, str]:
    """``<leading rule> trên <hosts>``."""
    made = {}
    for lang in LANGUAGES:
        rule = story.rules[0][lang] if story.rules else ""
        made[lang] = say("incident.title_on", lang, rule=rule, hosts=_hosts(story, lang)) if story.hosts else rule
    return made


def sentence(story: Story) -> dict[str, str]:
    """Who, from where, against what, what, since when, and what is not known."""
    return {lang: _sentence(story, lang) for lang in LANGUAGES}


def _sentence(story: Story, lang: str) -> str:
    parts = []
    if story.origins:
        parts.append(say("incident.from", lang, addresses=_some(story, "origins", "incident.addresses_more", lang)))
    if story.hosts:
        key = "incident.against" if story.origins else "incident.on"
        parts.append(say(key, lang, hosts=_hosts(story, lang)))
    if parts and story.users:
        parts.append(say("incident.by_user", lang, users=_some(story, "users", "incident.users_more", lang)))
    head = " ".join(parts) + ": " if parts else ""
    what = _joined([rule[lang] for rule in story.rules], "incident.rules_more", lang, joint="; ")
    if story.targets:
        what += f", {say('incident.towards', lang, addresses=_some(story, 'targets', 'incident.addresses_more', lang))}"
    text = f"{head}{what} ({_amount(story, lang)}), {_when(story, lang)}."
    if unknown := missing(story):
        text += " " + say("incident.not_known", lang, what="; ".join(say(key, lang) for key in unknown))
    return text


def missing(story: Story) -> list[str]:
    """Keys of what the facts do not tell; at most three, the weightiest first."""
    found = []
    if not story.origins:
        found.append("incident.unknown.origin")
    if not story.users:
        found.append("incident.unknown.account")
    if "success" not in story.outcomes and not story.targets:
        found.append("incident.unknown.outcome")
    if not story.tags & _TACTICS_IN and "success" in story.outcomes:
        found.append("incident.unknown.entry")
    if not story.tags & _TACTICS_OUT:
        found.append("incident.unknown.data")
    found.append("incident.unknown.extent")
    return found[:3]


def _hosts(story: Story, lang: str) -> str:
    return _some(story, "hosts", "incident.hosts_more", lang)


def _some(story: Story, what: str, more: str, lang: str) -> str:
    return _joined(getattr(story, what), more, lang, is_floor=what in story.at_least)


def _joined(values: Sequence[str], more: str, lang: str, joint: str = ", ", *, is_floor: bool = False) -> str:
    """The first three, and how many more (at least, where that is all that is known)."""
    shown = joint.join(values[:SHOWN])
    left = len(values) - SHOWN
    if left <= 0:
        return shown
    name = more.removeprefix("incident.").removesuffix("_more")
    return say(more, lang, **{name: shown, "count": _number(left, lang, is_floor=is_floor)})


def _number(count: int, lang: str, *, is_floor: bool) -> str:
    return say("common.at_least", lang, count=count) if is_floor else number(count, lang)


def _amount(story: Story, lang: str) -> str:
    events = _number(story.events, lang, is_floor="events" in story.at_least)
    return say("incident.amount", lang, alerts=story.alerts, events=events)


def _when(story: Story, lang: str) -> str:
    start = moment(story.first_at, lang)
    if story.last_at - story.first_at < 1_000_000:
        return say("incident.at", lang, start=start)
    last = moment(story.last_at, lang)
    if last.split(" ")[0] == start.split(" ")[0]:
        last = last.split(" ")[1]
    return say("incident.since", lang, start=start, last=last)
