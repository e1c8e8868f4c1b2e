"""Hunts that are kept: what was asked, what was found and how far it got, a file of JSON lines each.

The first line is the question. Then, portion by portion (core/store/portions.py), the hits and a line that says the
portion is done; hits behind the last such line were cut off by a stop and count for nothing. Hits name events by their
id and copy no text of theirs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.clock import HOUR, Micros
from core.durable import make_folder, write_durably
from core.errors import BadInput, NotFound, Place, Refused, cause, failure
from core.event import Event
from core.store.contract import EventStore, Missing, Query, Span, Truth
from core.store.portions import Portion, portions
from core.store.segments_files import try_lock
from core.store.telling import Counting, TellCount
from detections.hunting import Hunter
from detections.rule import Rule

SUFFIX = ".jsonl"


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
    """What a portion lacks."""

    what: str
    detail: str = ""


class Part(msgspec.Struct, tag="hour", frozen=True):
    """A portion that is done: events read, hits, and what its answer says of itself. ``extra`` and ``lacking`` count
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
    """All portions that are done, together."""

    next: Micros
    read: int = 0
    hits: int = 0
    exact: bool = True
    missing: dict[Gap, None] = field(default_factory=dict)
    extra: Counter[str] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    suspended: dict[str, str] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        self.next = part.end
        self.read += part.read
        self.hits += part.hits
        self.exact &= part.exact
        self.missing.update(dict.fromkeys(part.missing))
        self.extra.update(part.extra)
        self.lacking.update(part.lacking)
        self.suspended.update(part.suspended)

    @property
    def truth(self) -> Truth:
        """Whether the portions that are done were answered whole."""
        missing = tuple(Missing(gap.what, gap.detail) for gap in self.missing)
        complete = not missing and not self.lacking and not self.suspended
        return Truth(exact=self.exact, complete=complete, missing=missing)


_LINE: msgspec.json.Decoder[Asked | Found | Part] = msgspec.json.Decoder(Asked | Found | Part)


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
                elif isinstance(line, Part) and asked is not None:
                    self.progress.add(line)
                    self.size = end
        except OSError as error:
            raise failure(BadInput, "common.error.read", place=Place(str(path)), why=cause(error)) from error
        if asked is None:
            raise failure(BadInput, "hunts.broken", file=path)
        self.asked = asked

    def _lines(self) -> Iterator[tuple[Asked | Found | Part, int]]:
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
        """Whole hours done, and all of them."""
        whole = -((self.asked.start - self.asked.end) // HOUR)
        return whole if self.is_done else (self.progress.next - self.asked.start) // HOUR, whole

    def hits(self) -> Iterator[Found]:
        """The hits of the portions that are done."""
        for line, end in self._lines():
            if end > self.size:
                return
            if isinstance(line, Found):
                yield line

    def go_on(self, store: EventStore, hunter: Hunter, tell: TellCount) -> None:
        """Hunt what is left; ``tell`` hears of it after each portion. What ends it early, a stop too, keeps
        the portions that are done. Raises Refused while another process hunts."""
        if self.is_done:
            return
        mark = try_lock(self.path.with_suffix(".lock"))
        if mark is None:
            raise failure(Refused, "hunts.busy", id=self.asked.id)
        try:
            with self.path.open("r+b") as file:
                file.truncate(self.size)
                file.seek(self.size)
                before = store.count(Query(span=Span(self.asked.start, self.progress.next))).count
                for portion in portions(store, self.progress.next, self.asked.end):
                    part = _read(store, hunter, file, portion)
                    file.write(msgspec.json.encode(part) + b"\n")
                    file.flush()
                    self.size = file.tell()
                    self.progress.add(part)
                    tell(Counting(before + portion.done, before + portion.whole, self.progress.hits))
        finally:
            mark.release()


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


def _read(store: EventStore, hunter: Hunter, file: BinaryIO, portion: Portion) -> Part:
    """Read a portion and write its hits."""
    before = Counter(hunter.extra), Counter(hunter.lacking)
    read = hits = 0
    scan = store.scan(Query(hunter.where, Span(portion.start, portion.end)))
    for batch in scan:
        read += len(batch)
        for event, rules in hunter.judge(batch):
            hits += len(rules)
            file.writelines(msgspec.json.encode(_found(event, rule)) + b"\n" for rule in rules)
    truth = scan.truth
    gaps = tuple(Gap(m.what, m.detail) for m in truth.missing)
    extra, lacking = (dict(now - then) for now, then in zip((hunter.extra, hunter.lacking), before, strict=True))
    suspended = dict(hunter.suspended)
    return Part(portion.start, portion.end, read, hits, truth.exact, gaps, extra, lacking, suspended)


def _found(event: Event, rule: str) -> Found:
    host, user = (str(value) if (value := event.get(name)) is not None else "" for name in ("host.name", "user.name"))
    return Found(rule, str(event["@timestamp"]), str(event["event.id"]), host, user)
