"""Hunts that are kept: what was asked, what was found and how far it got, a file of JSON lines each.

The first line is the question. Then, hour by hour, the hits and a line that says the hour is done; hits behind the last
such line were cut off by a stop and count for nothing. Hits name events by their id and copy no text of theirs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.clock import HOUR, Micros, hour_of
from core.durable import make_folder, write_durably
from core.errors import BadInput, NotFound, Place, Refused, cause, failure
from core.event import Event
from core.store.contract import EventStore, Missing, Query, Span, Truth
from core.store.segments_files import try_lock
from detections.hunting import Hunter
from detections.rule import Rule

SUFFIX = ".jsonl"
MAX_STEPS = 1_000
"""Reads that a hunt takes at most."""


class Asked(msgspec.Struct, tag="asked", frozen=True):
    """The question of a hunt. ``rules_print`` changes when one of its rules does."""

    id: str
    rules: tuple[str, ...]
    title: str
    start: Micros
    end: Micros
    rules_print: str
    at: Micros
    by: str


class Found(msgspec.Struct, tag="hit", frozen=True):
    """An event and a rule that matches it."""

    rule: str
    time: str
    event: str
    host: str = ""
    user: str = ""


class Gap(msgspec.Struct, frozen=True):
    """What an hour lacks."""

    what: str
    detail: str = ""


class Hour(msgspec.Struct, tag="hour", frozen=True):
    """An hour that is done: events read, hits, and what its answer says of itself. ``extra`` and ``lacking`` count
    events by rule where query and engine disagree, ``suspended`` names rules that took too long."""

    start: Micros
    end: Micros
    read: int
    hits: int
    exact: bool = True
    missing: tuple[Gap, ...] = ()
    extra: dict[str, int] = {}
    lacking: dict[str, int] = {}
    suspended: dict[str, str] = {}


@dataclass(slots=True)
class Progress:
    """All hours that are done, together."""

    next: Micros
    read: int = 0
    hits: int = 0
    exact: bool = True
    missing: dict[Gap, None] = field(default_factory=dict)
    extra: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    suspended: dict[str, str] = field(default_factory=dict)

    def add(self, hour: Hour) -> None:
        self.next = hour.end
        self.read += hour.read
        self.hits += hour.hits
        self.exact &= hour.exact
        self.missing.update(dict.fromkeys(hour.missing))
        self.extra.update(hour.extra)
        self.lacking.update(hour.lacking)
        self.suspended.update(hour.suspended)

    @property
    def truth(self) -> Truth:
        """Whether the hours that are done were answered whole."""
        missing = tuple(Missing(gap.what, gap.detail) for gap in self.missing)
        complete = not missing and not self.lacking and not self.suspended
        return Truth(exact=self.exact, complete=complete, missing=missing)


_LINE: msgspec.json.Decoder[Asked | Found | Hour] = msgspec.json.Decoder(Asked | Found | Hour)


class HuntFile:
    """One hunt on disk."""

    def __init__(self, path: Path) -> None:
        """Raises NotFound when there is none, BadInput when the file cannot be read or is no hunt's."""
        self.path = path
        if not path.is_file():
            raise failure(NotFound, "hunts.unknown", id=path.stem[:60])
        asked: Asked | None = None
        try:
            for line, end in self._lines():
                if isinstance(line, Asked):
                    asked, self.size, self.progress = line, end, Progress(line.start)
                elif isinstance(line, Hour) and asked is not None:
                    self.progress.add(line)
                    self.size = end
        except OSError as error:
            raise failure(BadInput, "common.error.read", place=Place(str(path)), why=cause(error)) from error
        if asked is None:
            raise failure(BadInput, "hunts.broken", file=path)
        self.asked = asked

    def _lines(self) -> Iterator[tuple[Asked | Found | Hour, int]]:
        """Each line and where it ends, up to the first that was not written whole."""
        end = 0
        with self.path.open("rb") as file:
            for line in file:
                try:
                    read = _LINE.decode(line if line.endswith(b"\n") else b"")
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    return
                end += len(line)
                yield read, end

    @property
    def is_done(self) -> bool:
        return self.progress.next >= self.asked.end

    @property
    def hours(self) -> tuple[int, int]:
        """Hours done, and all of them."""
        start = self.asked.start
        return -((start - self.progress.next) // HOUR), -((start - self.asked.end) // HOUR)

    def hits(self) -> Iterator[Found]:
        """The hits of the hours that are done."""
        for line, end in self._lines():
            if end > self.size:
                return
            if isinstance(line, Found):
                yield line

    def go_on(self, store: EventStore, hunter: Hunter, tell: Callable[[], object]) -> None:
        """Hunt the hours that are left; ``tell`` is called after each batch and hour. What ends it early, a stop too,
        keeps the hours that are done. Raises Refused while another process hunts."""
        mark = try_lock(self.path.with_suffix(".lock"))
        if mark is None:
            raise failure(Refused, "hunts.busy", id=self.asked.id)
        try:
            with self.path.open("r+b") as file:
                file.truncate(self.size)
                file.seek(self.size)
                # of many years so many hours at a time that it ends
                step = HOUR * -(-self.hours[1] // MAX_STEPS)
                while not self.is_done:
                    start = self.progress.next
                    span = Span(start, min(hour_of(start) + step, self.asked.end))
                    hour = self._hour(store, hunter, file, span, tell)
                    file.write(msgspec.json.encode(hour) + b"\n")
                    file.flush()
                    self.size = file.tell()
                    self.progress.add(hour)
                    tell()
        finally:
            mark.release()

    def _hour(self, store: EventStore, hunter: Hunter, file: BinaryIO, span: Span, tell: Callable[[], object]) -> Hour:
        assert span.start is not None and span.end is not None
        before = Counter(hunter.extra), Counter(hunter.lacking)
        read = hits = 0
        scan = store.scan(Query(hunter.where, span))
        for batch in scan:
            read += len(batch)
            for event, rules in hunter.judge(batch):
                hits += len(rules)
                file.writelines(msgspec.json.encode(_found(event, rule)) + b"\n" for rule in rules)
            tell()
        truth = scan.truth
        gaps = tuple(Gap(m.what, m.detail) for m in truth.missing)
        extra, lacking = (dict(now - then) for now, then in zip((hunter.extra, hunter.lacking), before, strict=True))
        return Hour(
            span.start, span.end, read, hits, truth.exact, gaps, extra, lacking, suspended=dict(hunter.suspended)
        )


def make(folder: Path, asked: Asked) -> HuntFile:
    """A new hunt, of which no hour is done yet."""
    make_folder(folder, mode=0o700)
    path = folder / (asked.id + SUFFIX)
    write_durably(path, msgspec.json.encode(asked) + b"\n")
    return HuntFile(path)


def hunt_file(folder: Path, hunt_id: str) -> HuntFile:
    """A hunt by its id. Raises NotFound, BadInput."""
    if not hunt_id.isalnum():
        raise failure(NotFound, "hunts.unknown", id=hunt_id[:60])
    return HuntFile(folder / (hunt_id + SUFFIX))


def all_hunts(folder: Path) -> tuple[list[HuntFile], list[BadInput]]:
    """The hunts that are kept, oldest first, and the files that are none or cannot be read."""
    found: list[HuntFile] = []
    broken: list[BadInput] = []
    for path in sorted(folder.glob("*" + SUFFIX)):
        try:
            found.append(HuntFile(path))
        except BadInput as error:
            broken.append(error)
    return sorted(found, key=lambda each: each.asked.at), broken


def rules_print(rules: Iterable[Rule]) -> str:
    """Changes when one of the rules does."""
    digest = hashlib.blake2b(digest_size=8)
    for rule in sorted(rules, key=lambda each: each.id):
        digest.update(repr((rule.id, rule.logsource, rule.condition, rule.predicates)).encode())
    return digest.hexdigest()


def _found(event: Event, rule: str) -> Found:
    host, user = (str(value) if (value := event.get(name)) is not None else "" for name in ("host.name", "user.name"))
    return Found(rule, str(event["@timestamp"]), str(event["event.id"]), host, user)
