"""The verdict over what arrives, the gravest first, and waiting for it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from collectors.parser import ParserSet
from collectors.parsers.iis import LAYOUTS
from core.arrival import ENOUGH, EXPECTED, LOOKED_AT, Finding, heard_count, judge, look, wait_for_next
from core.clock import HOUR, SECOND, Micros, SystemClock, iso, to_micros
from core.db.database import Database
from core.db.models import Activity
from core.event import Frame, new_ulid
from core.store.contract import Batch
from core.store.segments import SegmentStore
from tests.collectors.parsers.test_windows import NXLOG

PACKS = Path(__file__).parents[2] / "collectors" / "parsers"
AT = "2026-11-25T01:26:00.000000Z"


def event(dataset: str = "nginx.access", at: str = AT, **fields: Any) -> dict[str, Any]:
    return {"@timestamp": at, "event.created": AT, "event.ingested": AT, "event.dataset": dataset, **fields}


WHOLE: dict[str, Any] = {"source.ip": "192.0.2.7", "url.original": "/", "http.response.status_code": 200}


def test_each_finding() -> None:
    assert judge([]).finding is Finding.NOTHING
    assert judge([event("kydai.unparsed")]).finding is Finding.UNPARSED
    wrong = judge([event(at="2026-11-24T18:26:00.000000Z", **WHOLE)])
    assert (wrong.finding, wrong.zone_minutes) == (Finding.ZONE, -420)
    assert judge([event(**WHOLE)] * ENOUGH).finding is Finding.GOOD


def stored(at: Micros, received: Micros, count: int) -> Batch:
    segment = new_ulid(received)
    own = {"@timestamp": iso(at), "event.created": iso(received), "event.ingested": iso(received), "kydai.source": "a"}
    made = [event(**WHOLE) | own | {"event.id": f"{segment}.{n}.0", "kydai.retention": "default"} for n in range(count)]
    return Batch(made)


def test_what_just_came_in_a_wrong_zone_is_found_behind_older_events(tmp_path: Path) -> None:
    now = to_micros(AT)
    store = SegmentStore(tmp_path / "store", SystemClock(), memory_mb=64)
    store.append(stored(now - HOUR, now - HOUR, LOOKED_AT))
    store.append(stored(now - 7 * HOUR, now, 1))
    found = look(store, "a", now)
    assert (found.finding, found.zone_minutes) == (Finding.ZONE, -420)
    assert look(store, "b", now).finding is Finding.NOTHING
    store.close()


def test_fields_are_missed_in_all_of_several_events_only() -> None:
    bare = event(**{"source.ip": "192.0.2.7"})
    assert judge([bare] * (ENOUGH - 1)).finding is Finding.GOOD, "too few to say"
    found = judge([bare] * ENOUGH)
    assert (found.finding, found.lacking) == (Finding.FIELDS, ("url.original", "http.response.status_code"))
    assert judge([*[bare] * ENOUGH, event(**WHOLE)]).finding is Finding.GOOD


def test_the_newest_to_arrive_is_judged_whatever_its_time() -> None:
    late = event("system.auth", "2026-11-25T01:20:01.000000Z") | {"event.ingested": "2026-11-25T01:27:00.000000Z"}
    assert judge([event(**WHOLE), late]).event == late


def test_what_is_expected_is_what_our_parsers_read(parsed: dict[str, set[str]]) -> None:
    assert EXPECTED.keys() - parsed.keys() == set()
    assert {kind: set(names) - parsed[kind] for kind, names in EXPECTED.items() if set(names) - parsed[kind]} == {}


@pytest.fixture(scope="module")
def parsed() -> dict[str, set[str]]:
    """The fields that the samples of our parsers have, by data set."""
    parsers = ParserSet.load()
    found: dict[str, set[str]] = defaultdict(set)
    iis = "2026-11-25 01:25:59 10.20.5.20 GET /a id=1 443 - 203.0.113.9 Mozilla/5.0 - 404 0 2 15"
    assert len(iis.split()) == len(LAYOUTS[0])
    packs = [yaml.safe_load(file.read_text("utf-8")) for file in PACKS.glob("[a-z]*.yml")]
    raws = [sample["raw"] for pack in packs for sample in pack["accepts"]]
    for raw in [*raws, iis, orjson.dumps(NXLOG).decode()]:
        for made in parsers.parse(Frame("udp:192.0.2.1", to_micros(AT), raw.encode()), zone="UTC").events:
            found[str(made["event.dataset"])].update(made)
    return found


def test_waiting_ends_with_the_next_event_or_the_time(database: Database) -> None:
    with database.write() as session:
        session.add(Activity(source="a", host="", dataset="", first_at=1, last_at=1, count=3))
    clock = [0]

    def sleep(seconds: float) -> None:
        clock[0] += int(seconds * SECOND)
        if clock[0] == 3 * SECOND:
            with database.write() as session:
                session.get_one(Activity, ("a", "", "")).count += 1

    def count() -> int:
        with database.read() as session:
            return heard_count(session, "a")

    assert wait_for_next(count, 10 * SECOND, lambda: clock[0], sleep)
    assert clock[0] == 3 * SECOND
    assert not wait_for_next(count, 10 * SECOND, lambda: clock[0], sleep)
    assert clock[0] == 13 * SECOND
    with database.read() as session:
        assert heard_count(session, "nobody") == 0
