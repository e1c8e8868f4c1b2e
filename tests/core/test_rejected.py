"""A mapping that conflicts ends in named dead letters; once it is gone they are stored, and counted as that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from sqlalchemy import select

from core.audit import Actor
from core.clock import DAY, HOUR, SECOND, StillClock
from core.db.models import Alert, Audit, DeadLetter, LetterStage
from core.errors import Unavailable
from core.event import Frame, FrameKind
from core.keeping import MAINTENANCE
from core.ledger import read_balances
from core.rejected import PATIENCE, Offered, barred, kind_of, letters, missing, offer, offer_barred, reasons
from core.spool import Spool
from core.store.admission import CLASH
from core.store.contract import Batch, Query, Span
from core.store.elastic import ElasticStore
from core.store.elastic_blocks import GAP
from kydai.context import Context
from kydai.pipeline import Pipeline
from kydai.pipeline_process import parts_of
from tests.core.dead_letters import bury, event_in
from tests.core.store.conformance import START, event, spool
from tests.core.store.elastic_stores import new_prefix, open_store, remove
from tests.kydai.conftest import with_rule
from tests.kydai.test_pipeline import data, failed, template
from tests.services.elasticsearch import Node

WHO = Actor("os:test", "cli")
CONFLICT = ("system.auth.ssh.method", "netflow.exporter.source_id")
"""Fields of the events below, which somebody else maps as addresses."""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    with with_rule(tmp_path / "data") as made:
        yield made


@pytest.fixture
def prefix(elastic: Node) -> Iterator[str]:
    made = new_prefix()
    yield made
    remove(elastic.url, made)


@pytest.fixture
def indices(elastic: Node, prefix: str) -> Iterator[ElasticStore]:
    opened = open_store(elastic.url, prefix)
    yield opened
    opened.close()


def test_a_mapping_conflict_ends_in_dead_letters_that_are_stored_once_it_is_gone(
    context: Context, indices: ElasticStore, prefix: str, elastic: Node
) -> None:
    parts = replace(parts_of(context), store=indices)
    now = context.clock.now()

    def flow(number: int) -> Frame:
        payload = data(number) if number else template()
        return Frame("flow:192.0.2.254", now, payload, FrameKind.FLOW, meta={"receiver": "netflow"})

    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)

    def take(*frames: Frame) -> None:
        spool = Spool(context.settings.spool_folder / "gateway", context.clock, reserve_bytes=0)
        spool.append(frames)
        spool.close()
        while pipeline.step():
            pass

    def counts(source: str) -> dict[str, int]:
        with context.database.read() as session:
            balance = read_balances(session)[source]
        assert balance.holds
        return {name: count for name, count in balance.events.items() if count}

    take(flow(0), flow(1), failed(1))
    with Elasticsearch(elastic.url) as es:
        where = f"{prefix}-*-*.*"
        es.indices.put_mapping(index=where, properties={name: {"type": "ip"} for name in CONFLICT})
        take(flow(2), failed(2), failed(3))
        assert counts("udp:192.0.2.1") == {"made": 3, "stored": 1, "rejected": 2}
        assert counts("flow:192.0.2.254") == {"made": 2, "stored": 1, "rejected": 1}
        with context.database.read() as session:
            waiting = list(letters(session))
            reasons = read_balances(session)["udp:192.0.2.1"].reasons
            assert sum(a.count for a in session.scalars(select(Alert))) == 3, "it was judged all the same"
        assert reasons == {("events", "rejected", "document_parsing_exception"): 2}
        assert [letter.source for letter in waiting if CONFLICT[0] in letter.reason] == ["udp:192.0.2.1"] * 2
        assert [letter.source for letter in waiting if CONFLICT[1] in letter.reason] == ["flow:192.0.2.254"]
        again = offer(context.database, indices, WHO, now)
        assert again == Offered(rejected=3)
        es.indices.delete(index=list(es.indices.get(index=where).body))
    assert offer(context.database, indices, WHO, now, source="flow:192.0.2.254") == Offered(stored=1)
    assert offer(context.database, indices, WHO, now) == Offered(stored=2)
    assert offer(context.database, indices, WHO, now) == Offered()
    assert counts("udp:192.0.2.1") == {"made": 3, "stored": 3}
    assert counts("flow:192.0.2.254") == {"made": 2, "stored": 2}
    assert (indices.stats().events, indices.stats().flows) == (2, 1), "what stood beside them went with the index"
    found = {str(e["event.id"]): e for e in indices.search(Query()).events}
    for letter in waiting:
        kept = event_in(letter)
        assert {**kept, "event.ingested": ""} == {**found[letter.event_id], "event.ingested": ""}
    with context.database.read() as session:
        assert {letter.stage for letter in session.scalars(select(DeadLetter))} == {LetterStage.STORED}
        assert sum(a.count for a in session.scalars(select(Alert))) == 3, "nothing is judged twice"
        entries = session.scalars(select(Audit).where(Audit.action == "replay.rejected").order_by(Audit.seq)).all()
    assert [entry.after for entry in entries] == [
        {"stored": 0, "rejected": 3}, {"stored": 1, "rejected": 0}, {"stored": 2, "rejected": 0}
    ]  # fmt: skip


def test_what_a_blocked_index_refused_for_long_is_stored_once_it_is_opened(
    context: Context, elastic: Node, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StillClock(context.clock.now() + 7 * DAY)
    store = ElasticStore([elastic.url], clock, prefix=prefix, patience=0.2)
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", replace(parts_of(context), store=store))

    def spooled(number: int) -> str:
        """The index that it goes into."""
        spool = Spool(context.settings.spool_folder / "gateway", context.clock, reserve_bytes=0)
        spool.append([failed(number)])
        spool.close()
        return store.parts()[0].name if store.stats().events else ""

    def events() -> dict[str, int]:
        with context.database.read() as session:
            balance = read_balances(session)["udp:192.0.2.1"]
        assert balance.holds
        return {name: count for name, count in balance.events.items() if count}

    spooled(1)
    assert pipeline.step() == 1
    where = spooled(2)
    with Elasticsearch(elastic.url) as es:
        es.indices.put_settings(index=where, settings={"index.blocks.write": True})
        for wait in (0, *[GAP] * int(PATIENCE // GAP)):
            with pytest.raises(Unavailable, match=where):
                pipeline.step()
            clock.advance(wait)
        assert events() == {"made": 1, "stored": 1}, "it waits in the spool"
        with monkeypatch.context() as full:
            full.setattr("core.rejected.MOST_BARRED", 0)
            with pytest.raises(Unavailable, match=where):
                pipeline.step()
        assert pipeline.step() == 1
        assert events() == {"made": 2, "stored": 1, "rejected": 1}
        with context.database.read() as session:
            (letter,) = letters(session)
            assert sum(a.count for a in session.scalars(select(Alert))) == 2, "it was judged all the same"
        assert where in letter.reason
        assert offer_barred(context.database, store, WHO, clock.now()) == Offered(rejected=1)
        es.indices.put_settings(index=where, settings={"index.blocks.write": None})
    assert offer_barred(context.database, store, WHO, clock.now()) == Offered(stored=1)
    assert offer_barred(context.database, store, WHO, clock.now()) == Offered()
    assert events() == {"made": 2, "stored": 2}
    assert store.stats().events == 2
    store.close()


def test_of_what_waits_only_what_is_taken_is_offered_whole(
    context: Context, indices: ElasticStore, prefix: str, elastic: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One index takes documents again, another one does not: of that one some are tried each time."""
    monkeypatch.setattr("core.rejected.AT_ONCE", 2)
    made = [event(number, 0, {"kydai.retention": f"level{1 + number % 2}"}) for number in range(10)]
    with Elasticsearch(elastic.url) as es:
        indices.append(Batch([event(20 + number, 0, {"kydai.retention": f"level{number}"}) for number in (1, 2)]))
        es.indices.put_settings(index=f"{prefix}-level1-2026.w48", settings={"index.blocks.write": True})
        with context.database.write() as session:
            for each in made:
                bury(session, each, "fw", f"blocked: {each['kydai.retention']}", START, is_barred=True)
        assert offer_barred(context.database, indices, MAINTENANCE, START) == Offered(stored=5, rejected=2)
        assert offer_barred(context.database, indices, MAINTENANCE, START).stored == 0
        es.indices.put_settings(index=f"{prefix}-level1-2026.w48", settings={"index.blocks.write": None})
    assert offer_barred(context.database, indices, MAINTENANCE, START).stored == 5
    with context.database.read() as session:
        told = session.scalars(select(Audit).where(Audit.action == "replay.rejected")).all()
    assert sum((entry.after or {})["stored"] for entry in told) == 10
    assert all((entry.after or {})["stored"] for entry in told), "what comes to nothing is not told each minute"


def test_letters_that_cannot_be_read_keep_no_other(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.rejected.AT_ONCE", 2)
    with context.database.write() as session:
        for number in range(7):
            bury(session, event(number), "fw", "blocked", START, is_barred=True)
        for letter in list(letters(session))[:3]:
            letter.raw = b"torn"
    assert offer_barred(context.database, context.store, MAINTENANCE, START) == Offered(stored=4, unreadable=3)
    with context.database.read() as session:
        assert (barred(session), len(list(letters(session)))) == (0, 3)


def test_an_answer_lacks_what_was_received_within_its_time_only(context: Context) -> None:
    with context.database.write() as session:
        for number, at in enumerate((START, START + DAY)):
            bury(session, event(number, segment=spool(at)), "fw", "blocked", START, is_barred=True)

    def lacks(start: int | None, end: int | None) -> bool:
        with context.database.read() as session:
            return bool(missing(session, Span(start, end), START + 9 * DAY))

    assert lacks(None, None)
    assert lacks(START + 2 * HOUR, START + 3 * HOUR), "between the two: nobody counts them by the hour"
    assert not lacks(None, START), "received later"
    assert not lacks(START + DAY + HOUR, None), "received before"


def test_what_waits_stays_with_the_others_once_it_is_looked_at(context: Context) -> None:
    """It was not looked at before: now it cannot be stored at all."""
    stored, other = (event(1, 0, {"event.original": raw, "kydai.source": "fw"}) for raw in "ab")
    context.store.append(Batch([stored]))
    with context.database.write() as session:
        bury(session, other, "fw", "blocked", START, is_barred=True)
        assert barred(session) == 1
    assert offer_barred(context.database, context.store, WHO, START) == Offered(rejected=1)
    with context.database.read() as session:
        (letter,) = letters(session)
        assert (letter.reason, letter.stage, barred(session)) == (CLASH, LetterStage.REJECTED, 0)


def test_an_index_that_takes_nothing_keeps_no_other_letter(
    context: Context, indices: ElasticStore, prefix: str, elastic: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offered by a process that knows of no block, in parts of two letters."""
    monkeypatch.setattr("core.store.elastic_append._SERVER_WAITS", "100ms")
    made = [event(number, 0, {"kydai.retention": f"level{number}"}) for number in (1, 2, 3, 4)]
    blocked, nowhere = (f"{prefix}-level{level}-2026.w48" for level in (1, 2))
    monkeypatch.setattr("core.rejected.AT_ONCE", 2)
    with Elasticsearch(elastic.url) as es, context.database.write() as session:
        indices.append(Batch([event(9, 0, {"kydai.retention": "level1"})]))
        es.indices.put_settings(index=blocked, settings={"index.blocks.write": True})
        settings = {"index.routing.allocation.require._name": "nowhere"}
        es.indices.create(index=nowhere, settings=settings, wait_for_active_shards="0")
        for each in made:
            bury(session, each, "fw", "a mapping", START)
    assert offer(context.database, indices, WHO, START) == Offered(stored=2, rejected=2)
    with context.database.read() as session:
        why = [(letter.event_id, letter.reason) for letter in letters(session)]
        (first, one), (second, another) = reasons(session, most=5)
        assert (one, another) == (1, 1)
        assert reasons(session, "web", most=5) == []
    assert why == [(str(made[0]["event.id"]), first), (str(made[1]["event.id"]), second)]
    assert first.startswith(f"cluster_block_exception: {blocked}: ")
    assert second.startswith(f"unavailable_shards_exception: {nowhere}: ")
    with Elasticsearch(elastic.url) as es:
        es.indices.put_settings(index=blocked, settings={"index.blocks.write": None})
        es.indices.put_settings(index=nowhere, settings={"index.routing.allocation.require._name": None})
        es.cluster.health(index=nowhere, wait_for_status="yellow", timeout="60s")
    assert offer(context.database, indices, WHO, START) == Offered(stored=2)


def test_a_death_before_the_count_changes_nothing(context: Context) -> None:
    whole = event(1)
    with context.database.write() as session:
        bury(session, whole, "fw", "too odd: 7", context.clock.now())
    context.store.append(Batch([whole]))  # and then it died
    assert offer(context.database, context.store, WHO, context.clock.now()) == Offered(stored=1)
    assert context.store.count(Query()).count == 1


def test_a_store_that_is_away_leaves_the_letters(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    with context.database.write() as session:
        bury(session, event(1), "fw", "no", context.clock.now())

    def away(batch: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(context.store, "append", away)
    with pytest.raises(Unavailable):
        offer(context.database, context.store, WHO, context.clock.now())
    with context.database.read() as session:
        assert [letter.event_id for letter in letters(session)] == [str(event(1)["event.id"])]


def test_two_raws_that_clash_with_what_is_stored_are_both_kept(context: Context) -> None:
    now = context.clock.now()
    stored, first, second = (event(1, 0, {"event.original": raw, "kydai.source": "fw"}) for raw in "abc")
    context.store.append(Batch([stored]))

    def waiting() -> dict[str, str]:
        with context.database.read() as session:
            return {one.event_id: str(event_in(one)["event.original"]) for one in letters(session)}

    for clashing in (first, second):
        with context.database.write() as session:
            bury(session, clashing, "fw", CLASH, now)
    id_ = str(stored["event.id"])
    assert waiting() == {id_: "b", f"{id_}#2": "c"}
    assert offer(context.database, context.store, WHO, now) == Offered(rejected=2)
    assert waiting() == {id_: "b", f"{id_}#2": "c"}


def test_of_two_letters_of_one_id_the_store_takes_the_first(context: Context) -> None:
    made = [event(1, 0, {"event.original": raw}) for raw in "ab"]
    with context.database.write() as session:
        for each in made:
            bury(session, each, "fw", "a mapping", START)
    assert offer(context.database, context.store, WHO, START) == Offered(stored=1, rejected=1)
    (found,) = context.store.search(Query()).events
    assert found["event.original"] == "a"
    with context.database.read() as session:
        (letter,) = letters(session)
    assert (event_in(letter)["event.original"], letter.reason) == ("b", CLASH)


def test_what_no_json_can_say_is_kept_all_the_same(context: Context) -> None:
    odd = event(1, 0, {"a": "\ud800", "b": 2**70, "c": float("inf")})
    with context.database.write() as session:
        bury(session, odd, "fw", "odd", 5 * SECOND)
        session.add(DeadLetter(event_id="x", source="fw", stage="store", reason="no", raw=b"<38>Nov 25", at=1))
    assert offer(context.database, context.store, WHO, context.clock.now()) == Offered(rejected=1, unreadable=1)
    with context.database.read() as session:
        assert len(list(letters(session, "fw"))) == 2
        assert list(letters(session, "other")) == []


def test_the_ledger_counts_by_the_kind_of_the_reason() -> None:
    assert kind_of("document_parsing_exception: [1:203] failed to parse") == "document_parsing_exception"
    assert kind_of("another raw has this event.id") == "another raw has this event.id"
