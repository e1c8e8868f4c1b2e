"""What goes in comes out once, is counted, and is judged, whatever dies on the way."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import DAY, HOUR, SECOND, StillClock
from core.db.models import Alert, DeadLetter, JudgedRange, Source, SpoolPosition
from core.errors import recalled
from core.event import Frame, FrameKind, Stored
from core.ledger import Balance, read_balances
from core.query.language import parse
from core.spool import Spool
from core.store.admission import CLASH, Rejection
from core.store.contract import AppendResult, Batch, EventStore, Query
from kydai.context import Context
from kydai.pipeline import Parts, Pipeline
from tests.core.dead_letters import event_in

FAILED = "<38>Nov 25 08:00:0{n} web01 sshd[7{n}]: Failed password for root from 203.0.113.{n} port 4022 ssh2"


def failed(number: int, source: str = "udp:192.0.2.1") -> Frame:
    return Frame(source, 1_795_568_402 * SECOND, FAILED.format(n=number).encode(), meta={"receiver": "syslog"})


def spool_of(context: Context, name: str = "gateway") -> Spool:
    return Spool(context.settings.spool_folder / name, context.clock, reserve_bytes=0)


def run(context: Context, parts: Parts, *frames: Frame) -> Pipeline:
    spool = spool_of(context)
    spool.append(frames)
    spool.close()
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    while pipeline.step():
        pass
    return pipeline


def count(context: Context, text: str = "") -> int:
    return context.store.count(Query(parse(text, now=context.clock.now()))).count


def balances(context: Context) -> dict[str, Balance]:
    with context.database.read() as session:
        return read_balances(session)


def alerts(context: Context) -> list[tuple[str, int, list[str]]]:
    with context.database.read() as session:
        return [(a.host, a.count, a.event_ids) for a in session.scalars(select(Alert).order_by(Alert.id))]


def test_raws_become_events_alerts_and_a_balance_that_holds(context: Context, parts: Parts) -> None:
    junk = Frame("udp:192.0.2.1", 1_795_568_402 * SECOND, b"\xff\xfe nobody parses this", meta={"receiver": "syslog"})
    run(context, parts, failed(1), failed(2), junk)
    assert count(context) == 3
    assert count(context, "event.dataset: kydai.unparsed") == 1
    assert count(context, "kydai.rules: 11111111-1111-4111-8111-111111111111") == 2
    balance = balances(context)["udp:192.0.2.1"]
    assert balance.holds
    assert dict(balance.raws) == {"received": 3, "parsed": 2, "unparsed": 1}
    assert dict(balance.events) == {"made": 3, "stored": 3}
    assert [(host, number) for host, number, _ in alerts(context)] == [("web01", 2)]


def test_what_the_door_turned_away_is_counted_with_its_reason_and_kept(context: Context, parts: Parts) -> None:
    door = [
        Frame("token:a", SECOND, b"x", FrameKind.DOOR, meta={"reason": "duplicate"}),
        Frame("token:a", SECOND, b"no json \xff", FrameKind.DOOR, meta={"reason": "not_json"}),
        Frame("udp:192.0.2.1", SECOND, b"\r\n", FrameKind.DOOR, meta={"reason": "empty"}),
    ]
    run(context, parts, *door)
    balance = balances(context)["token:a"]
    assert dict(balance.raws) == {"received": 2, "duplicates": 1, "ignored": 1}
    assert balance.reasons == {("raws", "ignored", "not_json"): 1}
    assert dict(balance.events) == {"made": 1, "stored": 1}
    assert all(b.holds for b in balances(context).values())
    (kept,) = context.store.search(Query()).events
    assert (kept["event.dataset"], kept["event.reason"], kept["event.original"]) == (
        "kydai.refused", "not_json", "no json \\xff",
    )  # fmt: skip
    assert base64.b64decode(str(kept["kydai.original_b64"])) == b"no json \xff"


def test_events_behind_a_relay_belong_to_the_host_they_name(context: Context, parts: Parts) -> None:
    common: dict[str, Any] = {"is_declared": True, "is_replay": False, "zone": "Asia/Ho_Chi_Minh", "expected": []}
    with context.database.write() as session:
        session.add(Source(name="relay", keys=["192.0.2.9"], is_relay=True, **common))
        session.add(Source(name="web01", keys=["host:web01"], is_relay=False, system="Cổng", level=3, **common))
    run(context, parts, failed(1, "tcp:192.0.2.9"))
    assert set(balances(context)) == {"web01"}
    found = context.store.search(Query()).events[0]
    assert (found["kydai.source"], found["kydai.system"], found["kydai.retention"]) == ("web01", "Cổng", "level3")


class Died(Exception):
    pass


class DiesAfterAppend:
    """A store that the process does not survive, once the batch is in it."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def append(self, batch: Batch) -> AppendResult:
        self.store.append(batch)
        raise Died

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_a_death_between_the_two_steps_changes_nothing(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "store", DiesAfterAppend(context.store))
    with pytest.raises(Died):
        run(context, parts, failed(1), failed(2))
    assert count(context) == 2
    assert balances(context) == {}
    monkeypatch.setattr(parts, "store", context.store)
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    while pipeline.step():
        pass
    assert count(context) == 2
    assert dict(balances(context)["udp:192.0.2.1"].events) == {"made": 2, "stored": 2}
    assert [number for _, number, _ in alerts(context)] == [2]


def test_how_far_it_is_behind_is_said_while_the_store_is_away(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = run(context, parts, failed(1))
    spool = spool_of(context)
    spool.append([failed(2)])
    spool.close()
    now = context.clock.now()
    monkeypatch.setattr(parts, "clock", StillClock(now + 300 * SECOND))
    monkeypatch.setattr(parts, "store", DiesAfterAppend(context.store))
    with pytest.raises(Died):
        pipeline.step()
    pipeline.say_behind()
    with context.database.read() as session:
        row = session.get_one(SpoolPosition, "gateway")
        assert 290 * SECOND < row.lag < 310 * SECOND
        assert row.heartbeat_at == now + 300 * SECOND
    monkeypatch.setattr(parts, "store", context.store)
    assert pipeline.step() == 1
    pipeline.say_behind()
    with context.database.read() as session:
        assert session.get_one(SpoolPosition, "gateway").lag == 0


def test_a_death_within_step_two_leaves_nothing_of_it(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = run(context, parts, failed(1))
    spool = spool_of(context)
    spool.append([failed(2)])
    spool.close()

    def die(session: Session, frames: object) -> None:
        raise Died

    monkeypatch.setattr(pipeline, "_remember", die)
    with pytest.raises(Died):
        pipeline.step()
    assert [number for _, number, _ in alerts(context)] == [1]
    assert dict(balances(context)["udp:192.0.2.1"].raws) == {"received": 1, "parsed": 1}
    monkeypatch.undo()
    again = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    assert again.step() == 1
    assert [number for _, number, _ in alerts(context)] == [2]
    assert count(context) == 2


def test_records_judged_before_are_duplicates(context: Context, parts: Parts) -> None:
    pipeline = run(context, parts, failed(1), failed(2))
    with context.database.write() as session:
        for row in session.scalars(select(SpoolPosition)):
            session.delete(row)
    again = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    while again.step():
        pass
    assert again.position == pipeline.position
    assert dict(balances(context)["udp:192.0.2.1"].raws) == {"received": 4, "parsed": 2, "duplicates": 2}
    assert count(context) == 2
    assert [number for _, number, _ in alerts(context)] == [2]
    with context.database.read() as session:
        assert [(r.first, r.last) for r in session.scalars(select(JudgedRange))] == [(0, 1)]


def test_another_raw_under_an_id_that_was_judged_is_a_duplicate_too(context: Context, parts: Parts) -> None:
    run(context, parts, failed(1))
    other = spool_of(context, "other")
    other.append([failed(2)])
    other.close()
    (judged,) = (context.settings.spool_folder / "gateway").glob("*.spool")
    (exchanged,) = other.folder.glob("*.spool")
    exchanged.rename(exchanged.with_name(judged.name))
    assert Pipeline("other", other.folder, parts).step() == 1
    balance = balances(context)["udp:192.0.2.1"]
    assert balance.holds
    assert dict(balance.raws) == {"received": 2, "parsed": 1, "duplicates": 1}
    assert [event["event.original"] for event in context.store.search(Query()).events] == [failed(1).data.decode()]
    with context.database.read() as session:
        assert not session.scalars(select(DeadLetter)).all(), "docs/reliability.md says so"


def test_what_the_store_rejects_is_buried_with_its_reason(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.event import parse_event_id

    def append(batch: Batch) -> AppendResult:
        event = batch.events[0]
        return AppendResult(0, 0, [Rejection(parse_event_id(str(event["event.id"])), "too strange", event)])

    monkeypatch.setattr(context.store, "append", append)
    run(context, parts, failed(1))
    balance = balances(context)["udp:192.0.2.1"]
    assert balance.holds
    assert dict(balance.events) == {"made": 1, "rejected": 1}
    with context.database.read() as session:
        letter = session.scalars(select(DeadLetter)).one()
    kept = event_in(letter)
    assert (letter.reason, kept["event.original"]) == ("too strange", failed(1).data.decode())


def test_of_two_raws_of_one_id_ledger_and_letters_say_what_the_store_did(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_of(context)
    spool.append([failed(1), failed(2), failed(3)])
    spool.close()
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    batch = pipeline.reader.read(pipeline.position)
    segment, record, _ = batch.frames[0]
    batch.frames[1] = Stored(segment, record, batch.frames[1].frame)
    monkeypatch.setattr(pipeline.reader, "read", lambda *given, **options: batch)
    assert pipeline.step() == 3
    balance = balances(context)["udp:192.0.2.1"]
    assert balance.holds
    assert dict(balance.events) == {"made": 3, "stored": 2, "rejected": 1}
    assert count(context) == 2
    with context.database.read() as session:
        letter = session.scalars(select(DeadLetter)).one()
    assert (letter.event_id, letter.reason) == (f"{segment}.{record}.0", CLASH)
    assert event_in(letter)["event.original"] == failed(2).data.decode()


def test_what_is_damaged_in_the_spool_is_buried_and_the_rest_goes_on(context: Context, parts: Parts) -> None:
    spool = spool_of(context)
    spool.append([failed(0)])
    (file,) = spool.folder.glob("*.spool")
    begins = file.stat().st_size
    spool.append([failed(1), failed(2)])
    spool.append([failed(3)])
    spool.close()
    data = bytearray(file.read_bytes())
    data[begins] ^= 1
    file.write_bytes(data)
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    while pipeline.step():
        pass
    assert count(context) == 2
    assert balances(context)["udp:192.0.2.1"].holds
    with context.database.read() as session:
        (letter,) = session.scalars(select(DeadLetter))
    assert (letter.event_id, letter.stage, letter.source) == (f"{file.stem}.1.0", "spool", "spool:gateway")
    assert (
        recalled(letter.reason)["en"]
        == f"the spool gateway is damaged: 2 records from {file.stem}.1 on cannot be read."
    )


def template() -> bytes:
    fields = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4)]
    body = b"".join(struct.pack("!HH", *f) for f in fields)
    flowset = struct.pack("!HHHH", 0, 8 + len(body), 256, len(fields)) + body
    return struct.pack("!HHIIII", 9, 1, 1000, 1_795_568_400, 0, 7) + flowset


def data(sequence: int) -> bytes:
    record = bytes([192, 0, 2, 1, 198, 51, 100, 1]) + struct.pack("!HHBII", 4000, 443, 6, 5000, 10)
    padded = record + b"\0" * (-len(record) % 4)
    flowset = struct.pack("!HH", 256, 4 + len(padded)) + padded
    return struct.pack("!HHIIII", 9, 1, 1000, 1_795_568_400, sequence, 7) + flowset


def flow(payload: bytes, at: int) -> Frame:
    return Frame("flow:192.0.2.254", at, payload, FrameKind.FLOW, meta={"receiver": "netflow"})


def test_datagrams_wait_for_their_template_over_a_restart(context: Context, parts: Parts) -> None:
    now = context.clock.now()
    run(context, parts, flow(data(0), now), flow(data(1), now))
    assert dict(balances(context)["flow:192.0.2.254"].raws) == {"received": 2, "waiting": 2}
    run(context, parts, flow(template(), now))
    balance = balances(context)["flow:192.0.2.254"]
    assert balance.holds
    assert {k: n for k, n in balance.raws.items() if n} == {"received": 3, "parsed": 3}
    assert dict(balance.events) == {"made": 2, "stored": 2}
    assert count(context, "destination.port: 443 and source.ip: 192.0.2.1") == 2


def test_a_template_that_never_comes_ends_as_ignored(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = context.clock.now()
    pipeline = run(context, parts, flow(data(0), now))
    monkeypatch.setattr(type(context.clock), "now", lambda self: now + 2 * HOUR)
    pipeline.step()
    balance = balances(context)["flow:192.0.2.254"]
    assert {k: n for k, n in balance.raws.items() if n} == {"received": 1, "ignored": 1}
    assert balance.reasons[("raws", "ignored", "no template")] == 1


def test_at_the_end_nothing_waits_any_more(context: Context, parts: Parts) -> None:
    pipeline = run(context, parts, flow(data(0), context.clock.now()))
    pipeline.end()
    pipeline.end()
    balance = balances(context)["flow:192.0.2.254"]
    assert {k: n for k, n in balance.raws.items() if n} == {"received": 1, "ignored": 1}
    assert balance.reasons[("raws", "ignored", "no template")] == 1
    assert pipeline.without_template == 1


def test_a_rule_that_is_disabled_meanwhile_no_longer_alerts(context: Context, parts: Parts) -> None:
    from core.db.models import Meta, RuleMode

    pipeline = run(context, parts, failed(1))
    with context.database.write() as session:
        session.add(RuleMode(rule_id="11111111-1111-4111-8111-111111111111", mode="disabled", reason="", by="x", at=1))
        session.merge(Meta(key="rules", value="2"))
    spool = spool_of(context)
    spool.append([failed(2)])
    spool.close()
    assert pipeline.step() == 1
    assert [number for _, number, _ in alerts(context)] == [1]


def test_idle_pipelines_move_the_watermark(context: Context, parts: Parts) -> None:
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    assert pipeline.step() == 0
    with context.database.read() as session:
        row = session.get(SpoolPosition, "gateway")
    assert row is not None
    assert 0 <= context.clock.now() - row.arrival_at < 10 * SECOND


def test_a_clock_that_went_back_takes_the_watermark_back(context: Context, parts: Parts) -> None:
    parts.clock = clock = StillClock()
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)

    def arrived() -> int:
        pipeline.step()
        with context.database.read() as session:
            row = session.get(SpoolPosition, "gateway")
        assert row is not None
        return clock.now() - row.arrival_at

    clock.at += 3 * DAY
    assert arrived() == 5 * SECOND
    clock.at -= 3 * DAY
    assert arrived() == 5 * SECOND
