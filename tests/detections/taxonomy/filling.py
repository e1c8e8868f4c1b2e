"""What our parsers fill, from their samples, as ``detections/taxonomy/filled.yml`` keeps it.

``python -m tests.detections.taxonomy.filling`` writes the file anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from collectors.decoders.flow_table import ALWAYS
from collectors.parser import ParserSet
from collectors.parser_pack import Pack
from collectors.parser_windows import inserts
from core import followed
from core.clock import LOCAL_ZONE, to_micros
from core.event import Event, Frame
from detections.ecs_binding import ATTRIBUTES, EcsBinding

RECEIVED = to_micros("2026-11-25T02:01:00Z")
ENTRY: dict[str, Any] = {
    "seq": 7, "at": "2026-11-25T02:00:39.000000Z", "actor": "an", "channel": "console", "session": "6f1c", "object": "",
    "before": None, "after": None, "reason": "", "is_demo": False, "prev_hash": "0" * 64, "hash": "1" * 64,
}  # fmt: skip
"""What is usual of an entry of the journal."""
TESTS = Path(__file__).parents[1]
FILE = TESTS.parents[1] / "detections" / "taxonomy" / "filled.yml"
HEAD = """\
# Written by `python -m tests.detections.taxonomy.filling`, not by hand: the kinds of events that our parsers make of
# their samples, with all fields that any sample of the kind has, the columns of flows, and the event data of Windows by
# channel and event id.
"""
CHANNELS = {
    "Microsoft-Windows-Sysmon": "microsoft-windows-sysmon/operational",
    "Microsoft-Windows-Security-Auditing": "security",
}
_CLIENT = ("ClientProcessStartKey", "ClientProcessId", "ParentProcessId")
NEWER = {
    ("Microsoft-Windows-Sysmon", "15"): ("Contents",),
    ("Microsoft-Windows-Security-Auditing", "4697"): _CLIENT,
    ("Microsoft-Windows-Security-Auditing", "4698"): _CLIENT,
    ("Microsoft-Windows-Security-Auditing", "4702"): _CLIENT,
}
"""Fields that newer versions add to the manifests that we have."""


def filled() -> dict[str, Any]:
    """What the file holds."""
    kinds: dict[str, tuple[dict[str, Any], set[str]]] = {}
    for event in _events():
        if "winlog.channel" not in event and event["event.module"] != "json":
            kind = _kind(event)
            kinds.setdefault(repr(kind), (kind, set()))[1].update(event)
    told = [{**kind, "fields": " ".join(sorted(names))} for _, (kind, names) in sorted(kinds.items())]
    flows = " ".join(sorted(name for name in ALWAYS if "#" not in name))
    return {"kinds": told, "flows": flows, "windows": _windows()}


def _kind(event: Event) -> dict[str, Any]:
    (key,) = EcsBinding().keys([event])
    parts = zip(ATTRIBUTES, key, strict=True)
    return {name: list(part) if isinstance(part, tuple) else part for name, part in parts if part}


def _windows() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for (provider, code), names in sorted(inserts().items()):
        if channel := CHANNELS.get(provider):
            found[channel][code] = " ".join((*names, *NEWER.get((provider, code), ())))
    return dict(found)


def _events() -> Iterator[Event]:
    parsers = ParserSet.load()
    for frame in _frames(parsers):
        parsed = parsers.parse(frame, zone=LOCAL_ZONE)
        if not parsed.unparsed:
            yield from parsed.events


def frame_of(sample: dict[str, Any]) -> Frame | None:
    """The raw of a sample of ours; None of one that is an event."""
    if (entry := sample.get("journal")) is not None:
        return followed.frame_of(ENTRY | entry, followed.BEGINNING, RECEIVED)
    if (raw := sample.get("raw")) is None:
        return None
    return _received(raw.encode() if isinstance(raw, str) else orjson.dumps(raw))


def _received(raw: bytes) -> Frame:
    return Frame("relay:127.0.0.1:x", RECEIVED, raw, meta={"receiver": "syslog"})


def _frames(parsers: ParserSet) -> Iterator[Frame]:
    """The samples of the packs, of our own rules, and those that the rules of SigmaHQ meet."""
    for parser in parsers.parsers.values():
        if isinstance(parser, Pack):
            yield from (_received(sample.raw.encode()) for sample in parser.accepts)
    shipped = yaml.load((Path(__file__).parent / "shipped.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    yield from (_received(each["raw"].encode()) for each in shipped if "raw" in each)
    for path in sorted((TESTS / "rules").rglob("*.yml")):
        samples = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for sample in (*samples.get("match", ()), *samples.get("no_match", ())):
            if (frame := frame_of(sample)) is not None:
                yield frame


if __name__ == "__main__":
    text = yaml.dump(filled(), Dumper=yaml.CSafeDumper, sort_keys=False, width=1_000_000, allow_unicode=True)
    FILE.write_text(HEAD + text, encoding="utf-8")
