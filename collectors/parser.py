"""Raws to events: which parser takes a raw, and what every event has whatever its parser.

Parsers are pure: the same raw, source, ``created_at`` and zone give the same event. The choice among parsers is
pure too: it goes by program, first words, file name and JSON keys, in a fixed order; nothing is learnt.
"""

from __future__ import annotations

import base64
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, NamedTuple

import structlog

from collectors import parser_pack, syslog
from collectors.parser_contract import Hint, Parser, Record
from collectors.parser_document import json_text, read_document
from collectors.parser_envelope import Envelope, open_envelope
from collectors.parser_finish import finish, oldest
from collectors.parser_time import zone_of
from core.errors import BadConfig, NotFound, failure
from core.event import Event, Frame, FrameKind
from core.query.fold import MAX_CHARS, overlong

__all__ = ["Choice", "Counts", "Hint", "Parsed", "Parser", "ParserSet", "Record"]

log = structlog.get_logger(__name__)

MAX_TEXT = 1 << 20
"""A longer text is kept whole and not taken apart; a JSON document may be sixteen times as long."""
_EDGES = "\r\n\0\ufeff"
MAX_CHOICES = 4096
_GROWTH = 5
"""No value is longer than so many times the raw: ``1e15`` of JSON is 1000000000000000.0 where it is written again."""


class Parsed(NamedTuple):
    """What became of one raw. Events have no ``event.id`` yet; the n-th gets ``<segment>.<record>.<n>``."""

    events: list[Event]
    parser: str
    why: str
    unparsed: bool


class Choice(NamedTuple):
    """A parser to ask, and the reason in words."""

    parser: Parser
    why: str
    starts: tuple[str, ...] = ()
    needle: str = ""
    """The first, rarest part that the message must hold, tried alone."""
    contains: tuple[str, ...] = ()


@dataclass(slots=True)
class Counts:
    """What the parsers of this process met: errors inside parsers, by name (they count as "not ours")."""

    errors: Counter[str] = field(default_factory=Counter)


class ParserSet:
    """All parsers, and the choice among them."""

    def __init__(self, parsers: Iterable[Parser]) -> None:
        self.parsers: dict[str, Parser] = {}
        for parser in parsers:
            if parser.name in self.parsers:
                raise failure(BadConfig, "collectors.pack.twice", name=parser.name)
            self.parsers[parser.name] = parser
        self._ranked = sorted(self.parsers.values(), key=lambda p: (-p.hint.priority, p.name))
        self._json_choices = [
            (parser, wanted, "JSON with " + ", ".join(sorted(wanted)))
            for parser in self._ranked
            for wanted in parser.hint.json
        ]
        self._text_choices: dict[tuple[str, str, str], tuple[Choice, ...]] = {}
        self.counts = Counts()

    @classmethod
    def load(cls) -> ParserSet:
        """Every pack (``*.yml``) and module of ``collectors/parsers``. Raises BadConfig with its place."""
        found: list[Parser] = []
        package = importlib.import_module("collectors.parsers")
        for module in pkgutil.iter_modules(package.__path__, "collectors.parsers."):
            parser = getattr(importlib.import_module(module.name), "PARSER", None)
            if parser is not None:
                found.append(parser)
        folder = files("collectors.parsers")
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".yml") and not entry.name.startswith("_"):
                found.append(parser_pack.load(entry.read_text(encoding="utf-8"), entry.name))
        return cls(found)

    def get(self, name: str) -> Parser:
        """The parser of this name. Raises NotFound with the names that exist."""
        try:
            return self.parsers[name]
        except KeyError:
            names = ", ".join(sorted(self.parsers))
            raise failure(NotFound, "collectors.no_parser", name=name[:80], names=names) from None

    # --- one raw ------------------------------------------------------------------------------------------

    def parse(self, frame: Frame, *, zone: str, forced: str | None = None) -> Parsed:
        """One raw to its event. ``forced`` names the only parser that may take it (``frame.meta`` may, too).

        What was turned away at the door is not parsed: it is kept as one event in ``kydai.refused``, with the reason.
        Raises BadConfig for a zone that does not exist; nothing else, whatever the bytes.
        """
        data = frame.data
        exact = None
        try:
            original = data.decode()
        except UnicodeDecodeError:
            original = data.decode("utf-8", "backslashreplace")
            exact = base64.b64encode(data).decode("ascii")
        zone_of(zone)
        record = _record(original.strip(_EDGES), frame, zone)
        if exact is not None and record.document is None:
            again = _record(json_text(data).strip(_EDGES), frame, zone)
            record = record if again.document is None else again
        meta = frame.meta
        wanted = forced or (meta.get("parser") if meta else None)
        refused = meta.get("reason", "") if frame.kind is FrameKind.DOOR else ""
        if refused:
            fields, parser, why = None, "", f"refused at the door: {refused}"
        elif wanted:
            fields, parser, why = self._forced(record, wanted)
        else:
            fields, parser, why = self._choose(record)
        unparsed = fields is None
        if fields is None:
            fields = _unparsed_fields(record)
        if refused:
            fields |= {"event.dataset": "kydai.refused", "event.reason": refused}
        event = finish(fields, record, parser)
        event["event.original"] = original
        if exact is not None:
            event["kydai.original_b64"] = exact
        if fields.get("message") == original:
            del event["message"]  # it is event.original; kept once
        if _GROWTH * len(original) > MAX_CHARS and (long := overlong(event)):
            event["kydai.overlong"] = long
        if str(event["@timestamp"]) < oldest(frame.created_at) and not (meta and "replay" in meta):
            event.setdefault("kydai.time_flag", "past")
        if meta and "sender_id" in meta:
            event["kydai.sender_id"] = meta["sender_id"]
            if "id_reused" in meta:
                event["kydai.id_reused"] = True
        return Parsed([event], parser, why, unparsed)

    def parse_batch(self, frames: Iterable[Frame], *, zone: str, forced: str | None = None) -> list[Parsed]:
        """Several raws of one zone, in order."""
        parse = self.parse
        return [parse(frame, zone=zone, forced=forced) for frame in frames]

    # --- the choice ---------------------------------------------------------------------------------------

    def _forced(self, record: Record, name: str) -> tuple[dict[str, Any] | None, str, str]:
        parser = self.parsers.get(name)
        if parser is None:
            return None, "", f"no parser is named {name[:80]!r}"
        fields = self._ask(parser, record)
        if fields is None and record.document is not None:
            opened = open_envelope(record.document, record.zone, record.created_at)
            if opened is not None:
                fields = self._inside(record, opened, parser)[0]
        if fields is None:
            return None, "", f"parser {name} was asked for and did not recognise it"
        return fields, name, "asked for"

    def _choose(self, record: Record) -> tuple[dict[str, Any] | None, str, str]:
        if record.document is not None:
            return self._choose_json(record)
        if len(record.message) > MAX_TEXT:
            return None, "", f"longer than {MAX_TEXT} characters"
        return self._choose_text(record)

    def _choose_text(self, record: Record) -> tuple[dict[str, Any] | None, str, str]:
        message = record.message
        header = record.header
        key = ((header.app or "") if header is not None else "", message[:1], record.file)
        choices = self._text_choices.get(key)
        if choices is None:
            choices = self._rank(*key)
        for parser, why, starts, needle, contains in choices:
            if needle:
                if needle not in message or (contains and not _holds(message, contains)):
                    continue
            elif starts and not message.startswith(starts):
                continue
            fields = self._ask(parser, record)
            if fields is not None:
                return fields, parser.name, why
        return None, "", "no parser recognised it"

    def _rank(self, app: str, first: str, file: str) -> tuple[Choice, ...]:
        """The parsers to ask for such a raw, in order: by program, first words, file, contents; then by name."""
        program = app.lower()
        names = (program, program.rpartition("/")[2], program.partition("/")[0])
        by_program, by_start, by_file, by_content = [], [], [], []
        for parser in self._ranked:
            hint = parser.hint
            known = next((n for n in names if n in hint.programs), None) if program else None
            if known is not None:
                by_program.append(Choice(parser, f"program {known}"))
            starts = tuple(s for s in hint.starts if s[:1] == first)
            if starts:
                by_start.append(Choice(parser, "starts with " + " or ".join(map(repr, starts)), starts))
            named = next((n for n in hint.files if n in file), None) if file else None
            if named is not None:
                by_file.append(Choice(parser, f"file or source named {named}"))
            if hint.contains:
                words = " and ".join(map(repr, hint.contains))
                by_content.append(Choice(parser, f"holds {words}", (), hint.contains[0], hint.contains[1:]))
        by_header = [
            Choice(p, "syslog header of a program no other parser knows") for p in self._ranked if p.hint.syslog
        ]
        choices = (*by_program, *by_start, *by_file, *by_content, *by_header)
        if len(self._text_choices) >= MAX_CHOICES:  # program names are the sender's; do not grow for ever
            self._text_choices.clear()
        self._text_choices[(app, first, file)] = choices
        return choices

    def _choose_json(self, record: Record) -> tuple[dict[str, Any] | None, str, str]:
        opened = open_envelope(record.document or {}, record.zone, record.created_at)
        if opened is not None:
            fields, parser, why = self._inside(record, opened, None)
            if fields is not None:
                return fields, parser, f"inside {opened.kind}: {why}"
            if opened.kind == "message" and "@timestamp" not in (record.document or {}):
                return None, "", f"inside message: {why}"
        return self._ask_json(record)

    def _ask_json(self, record: Record) -> tuple[dict[str, Any] | None, str, str]:
        keys = (record.document or {}).keys()
        refused: Parser | None = None
        for parser, wanted, why in self._json_choices:
            if parser is not refused and wanted <= keys:
                fields = self._ask(parser, record)
                if fields is not None:
                    return fields, parser.name, why
                refused = parser
        return None, "", "JSON of no known shape"

    def _inside(self, record: Record, opened: Envelope, only: Parser | None) -> tuple[dict[str, Any] | None, str, str]:
        """Parse the text inside an envelope; the envelope's own fields fill what the text does not say."""
        header = opened.header or syslog.read(opened.text, record.zone, record.created_at)
        message = header.message if header is not None else opened.text
        inner = Record(
            opened.text, message, header, read_document(message), record.created_at, record.zone, record.source,
            opened.file or record.file,
        )  # fmt: skip
        if only is not None:
            fields, parser, why = self._ask(only, inner), only.name, "asked for"
        elif inner.document is not None and open_envelope(inner.document, record.zone, record.created_at):
            return self._ask_json(inner)
        else:
            fields, parser, why = self._choose(inner)
        if fields is None:
            return None, "", why
        record.header = header if record.header is None else record.header
        for name, value in opened.fields.items():
            fields.setdefault(name, value)
        if opened.time is not None and (header is None or header.time is None):
            fields.setdefault("@timestamp", opened.time)
        return fields, parser, why

    def _ask(self, parser: Parser, record: Record) -> dict[str, Any] | None:
        try:
            return parser.parse(record)
        except Exception:  # the parsers' boundary: counted, logged, and the raw is kept unparsed
            self.counts.errors[parser.name] += 1
            if self.counts.errors[parser.name] == 1:
                log.exception("A parser failed on a line; the line is kept unparsed.", parser=parser.name)
            return None


def _holds(message: str, parts: tuple[str, ...]) -> bool:
    return all(part in message for part in parts)


def _record(text: str, frame: Frame, zone: str) -> Record:
    header = None
    message = text
    if text[:1] != "{":
        header = syslog.read(text, zone, frame.created_at)
        if header is not None:
            message = header.message
    source = frame.source
    file = frame.meta.get("file", "") if frame.meta else ""
    if not file and source.startswith("file:"):
        file = source
    document = read_document(message) if message[:1] in _JSON_HEADS else None
    return Record(text, message, header, document, frame.created_at, zone, source, file.lower() if file else "")


_JSON_HEADS = ("{", "@", " ")


def _unparsed_fields(record: Record) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "event.module": "kydai",
        "event.dataset": "kydai.unparsed",
        "event.kind": "pipeline_error",
        "message": record.message,
    }
    opened = open_envelope(record.document, record.zone, record.created_at) if record.document else None
    if opened is not None:
        header = opened.header or syslog.read(opened.text, record.zone, record.created_at)
        fields |= opened.fields | {"message": opened.text if header is None else header.message}
        record.header = record.header or header
        if opened.time is not None:
            fields["@timestamp"] = opened.time
    header = record.header
    if header is not None and header.app:
        fields["log.syslog.appname"] = header.app
    return fields
