"""The file of a hunt: portions count when they are done, and what a stop left behind them does not."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from core.clock import HOUR, MINUTE, Micros, StillClock
from core.errors import BadInput, NotFound, Refused
from core.event import Event
from core.query.to_match import compile_match
from core.store.contract import Bucket, Buckets, Count, EventStore, Missing, Query, Scan, Span, Truth
from core.store.segments_files import try_lock
from core.store.telling import Counting
from detections.hunting import Hunter
from kydai.hunts import Asked, HuntFile, all_hunts, hunt_file, make, rules_print
from tests.core.store.conformance import START, event
from tests.detections.sigma_samples import rule_id, rule_text, ruleset_of

END = START + 2 * HOUR + MINUTE


class _Store:
    """Answers from a list of events; the second hour lacks something."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.asked: list[int] = []

    def scan(self, query: Query) -> Scan:
        start, end = query.span.start, query.span.end
        assert start is not None
        assert end is not None
        self.asked.append(start)
        test = compile_match(query.where)
        found = [e for e in self.events if start <= _at(e) < end and test(e)]
        lacks = (Missing("quarantined", "f1"),) if start <= START + HOUR < end else ()
        return Scan(iter([found]), Truth(complete=not lacks, missing=lacks))

    def histogram(self, query: Query, interval: Micros, *, zone: str) -> Buckets:
        counts = Counter(_at(e) // interval * interval for e in self._within(query.span))
        return Buckets([Bucket(key, n) for key, n in sorted(counts.items())], Truth())

    def count(self, query: Query) -> Count:
        return Count(len(self._within(query.span)), Truth())

    def _within(self, span: Span) -> list[Event]:
        assert span.start is not None
        assert span.end is not None
        return [e for e in self.events if span.start <= _at(e) < span.end]


def _at(made: Event) -> Micros:
    return START + int(str(made["kydai.at"]))


def _store(*at: int) -> _Store:
    more = {"event.module": "aws", "event.dataset": "aws.cloudtrail", "x": "a", "host.name": "h"}
    return _Store([event(n, 0, {**more, "kydai.at": t}) for n, t in enumerate(at)])


def _hunt(folder: Path, store: _Store) -> tuple[HuntFile, Hunter]:
    rules = ruleset_of(folder, [rule_text(1, "s: {x: a}\ncondition: s\n", "{product: aws}")]).rules
    asked = Asked("h1", (rules[0].id,), "t", START, END, rules_print(rules), START, "me")
    return make(folder / "hunts", asked), Hunter(rules, StillClock(START))


def _run(found: HuntFile, store: _Store, hunter: Hunter) -> list[Counting]:
    told: list[Counting] = []
    found.go_on(cast(EventStore, store), hunter, told.append)
    return told


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.portions.MOST", 2)


def test_portions_are_kept_with_what_they_lack(tmp_path: Path) -> None:
    store = _store(0, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR, 2 * HOUR + MINUTE)
    found, hunter = _hunt(tmp_path, store)
    assert found.hours == (0, 3)
    assert [(each.percent, each.found) for each in _run(found, store, hunter)] == [(40, 2), (80, 4), (100, 5)]
    for each in (found, hunt_file(tmp_path / "hunts", "h1")):
        assert each.is_done
        assert each.hours == (3, 3)
        assert (each.progress.read, each.progress.hits) == (5, 5), "the last is behind the end"
        assert [(hit.rule, hit.host) for hit in each.hits()] == [(rule_id(1), "h")] * 5
        assert each.progress.truth.missing == (Missing("quarantined", "f1"),)
        assert not each.progress.truth.complete
    assert _run(found, store, hunter) == []
    assert store.asked == [START, START + HOUR, START + 2 * HOUR], "what is done is not read again"


def test_hours_without_events_are_read_with_others(tmp_path: Path) -> None:
    store = _store(0, 2 * HOUR)
    found, hunter = _hunt(tmp_path, store)
    _run(found, store, hunter)
    assert store.asked == [START]
    assert (found.progress.hits, found.hours) == (2, (3, 3))
    assert not found.progress.truth.complete, "what they lack is told all the same"


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_what_a_stop_left_behind_the_last_hour_counts_for_nothing(tmp_path: Path, cut: int) -> None:
    store = _store(0, 1, HOUR, HOUR + 1, 2 * HOUR)
    found, hunter = _hunt(tmp_path, store)
    _run(found, store, hunter)
    whole, expected = found.path.read_bytes(), list(found.hits())
    found.path.write_bytes(whole[:-cut])
    torn = HuntFile(found.path)
    assert not torn.is_done
    assert torn.progress.hits == len(list(torn.hits())) < len(expected)
    assert _run(torn, store, hunter)[-1] == Counting(5, 5, 5)
    assert found.path.read_bytes() == whole
    assert list(torn.hits()) == expected


def test_one_process_hunts_and_others_are_told(tmp_path: Path) -> None:
    found, hunter = _hunt(tmp_path, _store())
    mark = try_lock(found.path.with_suffix(".lock"))
    assert mark is not None
    with pytest.raises(Refused, match="running elsewhere"):
        _run(found, _store(), hunter)
    mark.release()
    _run(found, _store(), hunter)


def test_files_that_are_no_hunts(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        hunt_file(tmp_path, "h2")
    for bad in (b"", b"\n", b'{"type": "hit"', b'{"a": 1}\n'):
        (tmp_path / "h2.jsonl").write_bytes(bad)
        with pytest.raises(BadInput, match="not the file of a hunt"):
            hunt_file(tmp_path, "h2")


def test_a_stop_while_the_question_is_written_leaves_no_hunt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", stops)
        with pytest.raises(KeyboardInterrupt):
            _hunt(tmp_path, _store())
    assert all_hunts(tmp_path / "hunts") == ([], [])
    found, _ = _hunt(tmp_path, _store())
    assert [each.path for each in all_hunts(tmp_path / "hunts")[0]] == [found.path]


def test_files_that_are_none_are_named_beside_the_others(tmp_path: Path) -> None:
    found, _ = _hunt(tmp_path, _store())
    (tmp_path / "hunts" / "h0.jsonl").touch()
    (tmp_path / "hunts" / "h2.jsonl").symlink_to("/proc/self/mem")
    kept, broken = all_hunts(tmp_path / "hunts")
    assert [each.path for each in kept] == [found.path]
    assert [str(each).partition(".jsonl")[0][-2:] for each in broken] == ["h0", "h2"]


def test_the_print_changes_with_a_rule(tmp_path: Path) -> None:
    def printed(detection: str, **more: Any) -> str:
        return rules_print(ruleset_of(tmp_path, [rule_text(1, detection, **more)]).rules)

    first = printed("s: {x: a}\ncondition: s\n")
    assert printed("s: {x: a}\ncondition: s\n") == first
    assert printed("s: {x: b}\ncondition: s\n") != first
    assert printed("s: {x: a}\ncondition: not s\n") != first
    assert printed("s: {x: a}\ncondition: s\n", logsource="{product: linux}") != first
