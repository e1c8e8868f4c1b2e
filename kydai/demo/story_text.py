"""The demonstration told as text: functions that take real figures and give lines; nothing is made up here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.clock import Micros
from core.words import duration, moment, say
from kydai.demo.truth import Expected, Truth
from kydai.demo.world import Words, World

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """A vụ việc as the story names it; texts in the reader's language, ``level`` one of common.level."""

    number: str
    title: str
    sentence: str
    level: str
    priority: int


@dataclass(frozen=True, slots=True)
class Silent:
    source: str
    start: Micros
    end: Micros


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be seen. ``clocks`` and ``zones`` are (source, offset in µs), ``datasets`` (source, data set)."""

    silent: Sequence[Silent] = ()
    never: Sequence[str] = ()
    clocks: Sequence[tuple[str, Micros]] = ()
    zones: Sequence[tuple[str, Micros]] = ()
    datasets: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a playbook did: None where it has not come to that."""

    playbook: str
    address: str
    person: str | None = None
    approved_at: Micros | None = None
    until: Micros | None = None
    is_real: bool = False
    undone_at: Micros | None = None
    another_waits: bool = False
    again: str = ""
    """The addresses when they are named a second time."""


def opening(world: World, seed: int, lang: str, *, dry_reason: str | None) -> list[str]:
    """What this is. ``dry_reason`` says why nothing is really blocked, None when blocks are real."""
    mode = say("demo.mode.real", lang) if dry_reason is None else say("demo.mode.plain", lang, reason=dry_reason)
    return [
        say("demo.banner", lang, mark=say("common.demo_data", lang), place=say("common.demo_place", lang)),
        say("demo.opening", lang, hosts=len(world.hosts), systems=len(world.systems), seed=str(seed)),
        mode,
    ]


def past(lang: str, *, events: int, flows: int, start: Micros, end: Micros, took: Micros) -> list[str]:
    """The replayed day in one sentence."""
    return _part(
        "demo.part.past",
        lang,
        [
            say(
                "demo.past",
                lang,
                events=events,
                flows=flows,
                start=moment(start, lang, seconds=False),
                end=moment(end, lang, seconds=False),
                took=duration(took, lang),
            )
        ],
    )


def incidents(lang: str, *, alerts: int, found: Sequence[IncidentLine]) -> list[str]:
    """The alerts and the incidents they make."""
    if not alerts:
        return [_INDENT + say("demo.past.none", lang)]
    lines = [_INDENT + say("demo.past.alerts", lang, alerts=alerts, incidents=len(found))]
    for one in found:
        level = say(f"common.level.{one.level}", lang)
        lines.append(_INDENT * 2 + say("demo.incident", lang, number=one.number, level=level, title=one.title))
        facts = say("demo.incident.facts", lang, priority=one.priority, sentence=one.sentence)
        lines.append(_INDENT * 3 + facts.rstrip())
    return lines


def live(
    lang: str,
    *,
    start: Micros,
    host: str,
    addresses: int,
    guesses: int,
    noise: int,
    first: tuple[str, Micros] | None,
) -> list[str]:
    """The live minute; ``first`` is the first alert's title and how long after the first attempt it was there."""
    when = moment(start, lang)
    lines = [
        say("demo.live", lang, start=when, addresses=addresses, host=host, guesses=guesses),
        say("demo.live.noise", lang, events=noise),
        say("demo.live.none", lang)
        if first is None
        else say("demo.live.first", lang, title=first[0], after=duration(first[1], lang)),
    ]
    return _part("demo.part.live", lang, lines)


def against_truth(lang: str, title: Words, truth: Truth, seen: Collection[Expected]) -> list[str]:
    """How much of a story was found; ``seen`` are those of ``truth.expects`` that have an alert on their host."""
    missed = [x.idea[lang] for x in truth.expects if x not in seen]
    all_of = len(truth.expects)
    lines = [_INDENT + say("demo.truth", lang, story=title[lang], seen=all_of - len(missed), all=all_of)]
    if missed:
        lines.append(_INDENT * 2 + say("demo.truth.missed", lang, missed="; ".join(missed)))
    return lines


def answered(lang: str, answer: Answer) -> list[str]:
    """What the playbook asked, who approved, what was done and undone."""
    lines = [say("demo.answer.waits", lang, playbook=answer.playbook, address=answer.address)]
    if answer.person is not None and answer.approved_at is not None:
        at = moment(answer.approved_at, lang)
        lines.append(say("demo.answer.approved", lang, person=answer.person, at=at))
    if answer.until is not None:
        key = "demo.answer.blocked" if answer.is_real else "demo.answer.tried"
        lines.append(say(key, lang, address=answer.again or answer.address, until=moment(answer.until, lang)))
    if answer.undone_at is not None:
        lines.append(say("demo.answer.undone", lang, at=moment(answer.undone_at, lang)))
    if answer.another_waits:
        lines.append(say("demo.answer.waiting", lang))
    return _part("demo.part.answer", lang, lines)


def unseen(lang: str, what: Unseen) -> list[str]:
    """The page of what could not be seen: sources that never sent first."""
    lines = []
    if what.never:
        lines.append(say("demo.unseen.never", lang, sources=", ".join(what.never)))
    for one in what.silent:
        lasted = duration(one.end - one.start, lang)
        start, end = moment(one.start, lang, seconds=False), moment(one.end, lang, seconds=False)
        lines.append(say("demo.unseen.silent", lang, source=one.source, lasted=lasted, start=start, end=end))
    lines += [say("demo.unseen.clock", lang, source=s, offset=duration(o, lang)) for s, o in what.clocks]
    lines += [say("demo.unseen.zone", lang, source=s, offset=duration(o, lang)) for s, o in what.zones]
    lines += [say("demo.unseen.dataset", lang, source=s, dataset=d) for s, d in what.datasets]
    return _part("common.could_not_be_seen", lang, lines or [say("demo.unseen.none", lang)])


def balance(
    lang: str, *, received: int, parsed: int, unparsed: int, ignored: int, duplicates: int, waiting: int
) -> str:
    """Whether every raw is accounted for."""
    counted = parsed + unparsed + ignored + duplicates + waiting
    if counted != received:
        return say("demo.balance.odd", lang, received=received, counted=counted)
    return say("demo.balance.even", lang, received=received, parsed=parsed, unparsed=unparsed)


def closing(lang: str, steps: Sequence[tuple[str, Sequence[str]]], *, console: str = "", link: str = "") -> list[str]:
    """What to do next: words under ``demo.next.`` with the commands as they work; the console while it is there."""
    lines = []
    if console:
        lines += [say("demo.console", lang, url=console), say("demo.link", lang, url=link)]
    for number, (key, commands) in enumerate(steps, 1):
        lines.append(f"{number}. {say(f'demo.next.{key}', lang)}")
        lines += [_INDENT * 2 + c for c in commands]
    return _part("demo.part.next", lang, lines)


def _part(key: str, lang: str, lines: Sequence[str]) -> list[str]:
    return ["", say(key, lang), *(_INDENT + line for line in lines)]
