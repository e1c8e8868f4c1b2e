"""Numbers of senders are counted once, whatever is repeated and whoever dies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from collectors.decoders.templates import Domain
from core.clock import HOUR, SECOND
from core.db.models import DecoderState, Source, SpoolPosition
from core.event import Frame, FrameKind
from core.listed import OTHERS
from core.query.tree import Equals
from core.said import KERNEL, REFUSED, Numbered, Statement, read_said
from core.sources import SourceBook
from core.store.contract import Query
from kydai import said_stage
from kydai.context import Context
from kydai.pipeline import Parts, Pipeline
from kydai.said_stage import SaidBatch, message_number
from tests.kydai.test_pipeline import Died, balances, count, data, flow, run, spool_of, template

AT = 1_795_568_402 * SECOND
EXPORTER = "flow:192.0.2.254"


def message(number: int, host: str = "fw01", source: str = "udp:192.0.2.1", at: int = AT) -> Frame:
    text = f'<13>1 2026-11-25T08:00:00+07:00 {host} app 7 - [x@1 a="]"][meta sequenceId="{number}"] hello'
    return Frame(source, at, text.encode(), meta={"receiver": "syslog"})


def said(context: Context, *, receivers: bool = False) -> dict[str, Statement]:
    with context.database.read() as session:
        return read_said(session, receivers=receivers)


def again(context: Context, parts: Parts) -> Pipeline:
    pipeline = Pipeline("gateway", context.settings.spool_folder / "gateway", parts)
    while pipeline.step():
        pass
    return pipeline


def add(context: Context, *frames: Frame) -> None:
    spool = spool_of(context)
    spool.append(frames)
    spool.close()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (message(7).data, ("fw01", 7)),
        (b'<13>1 - h a - - [origin ip="1"][meta sysUpTime="5" sequenceId="3" language="vi"] x', ("h", 3)),
        (b'<13>1 - h a - - [meta sequenceId="0"] x', None),
        (b'<13>1 - h a - - [meta sequenceId="2147483648"] x', None),
        (b'<13>1 - h a - - [metadata sequenceId="3"] x', None),
        (b'<13>1 - h a - - - it said sequenceId="3"', None),
        (b'<13>Nov 25 08:00:00 h a: [meta sequenceId="3"]', None),
        (b'[meta sequenceId="', None),
        (b'<13>1 - h a - - - they typed [meta sequenceId="3"] x', None),
        (b'<13>1 - h a - - [x a="[meta sequenceId=\\"3\\"]"] x', None),
        (b"<13>1 - h a - - " + b"[meta " * 300 + b'sequenceId="3"', None),
    ],
)
def test_the_number_of_a_message(raw: bytes, told: tuple[str, int] | None) -> None:
    assert message_number(raw) == told


def test_gaps_of_syslog_are_told_apart_by_sender_and_host(context: Context, parts: Parts) -> None:
    frames = [m for n in range(1, 6) for m in (message(n), message(n * 2, "fw02"), message(n, source="tcp:192.0.2.1"))]
    run(context, parts, *frames)
    found = said(context)
    assert found["udp:192.0.2.1"].streams == {("syslog", "messages"): Numbered(checked=8, lost=4, jumps=4)}
    assert found["tcp:192.0.2.1"].lost == {"messages": 0}


def test_a_message_too_long_was_received(context: Context, parts: Parts) -> None:
    long = message(2)
    door = Frame(long.source, AT, long.data, FrameKind.DOOR, meta={"reason": "too_long"})
    run(context, parts, message(1), door, message(3))
    assert said(context)["udp:192.0.2.1"].lost == {"messages": 0}


def test_messages_without_numbers_say_nothing(context: Context, parts: Parts) -> None:
    run(context, parts, Frame("udp:192.0.2.1", AT, b"<13>Nov 25 08:00:00 h a: x", meta={"receiver": "syslog"}))
    assert said(context) == {}


def test_where_the_numbers_stand_survives_a_restart(context: Context, parts: Parts) -> None:
    run(context, parts, message(1), flow(template(), AT))
    add(context, message(4), flow(data(3), AT))
    again(context, parts)
    found = said(context)
    assert found["udp:192.0.2.1"].lost == {"messages": 2}
    assert found[EXPORTER].streams == {("netflow9 7", "datagrams"): Numbered(checked=1, lost=2, jumps=1)}


def test_datagrams_that_only_wait_are_not_lost_after_a_restart(context: Context, parts: Parts) -> None:
    run(context, parts, flow(data(0), AT))
    for number in range(1, 4):
        add(context, flow(data(number), AT))
        again(context, parts)
    assert said(context)[EXPORTER].streams == {("netflow9 7", "datagrams"): Numbered(checked=3)}


@pytest.mark.parametrize("where", ["_remember", "_bury"])
def test_a_batch_that_is_repeated_says_the_same_once(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    pipeline = run(context, parts, message(1), flow(template(), AT))
    add(context, message(5), flow(data(9), AT), Frame("netflow:2055", AT, msgspec.json.encode((9, 4)), FrameKind.SAID))

    def die(session: Session, *rest: Any) -> None:
        raise Died

    monkeypatch.setattr(pipeline, where, die)
    for _ in range(3):
        with pytest.raises(Died):
            pipeline.step()
    assert said(context) == {}, "a first number says nothing, and nothing is half done"
    monkeypatch.undo()
    assert pipeline.step() == 3
    with context.database.write() as session:
        for row in session.scalars(select(SpoolPosition)):
            session.delete(row)
    again(context, parts)
    found = said(context)
    assert found["udp:192.0.2.1"].lost == {"messages": 3}
    assert found[EXPORTER].lost == {"datagrams": 8}
    drops = said(context, receivers=True)["netflow:2055"]
    assert (drops.checked, drops.lost) == (9, {"datagrams": 4})


def test_what_the_spool_refused_is_told_beside_what_the_kernel_dropped(context: Context, parts: Parts) -> None:
    run(context, parts, Frame("syslog:5514", AT, msgspec.json.encode((9, 4, 7)), FrameKind.SAID))
    told = said(context, receivers=True)["syslog:5514"]
    assert (told.checked, told.lost_in(KERNEL), told.lost_in(REFUSED)) == (9, 4, 7)


def test_what_a_receiver_says_is_no_raw(context: Context, parts: Parts) -> None:
    run(context, parts, Frame("netflow:2055", AT, msgspec.json.encode((9, 4)), FrameKind.SAID))
    assert balances(context) == {}
    assert count(context) == 0


def test_a_declared_source_says_it_under_its_name(context: Context, parts: Parts) -> None:
    with context.database.write() as session:
        session.add(Source(name="fw", keys=["192.0.2.1"], is_declared=True, zone="UTC", expected=[]))
    run(context, parts, message(1), message(3))
    assert said(context)["fw"].lost == {"messages": 1}


def test_domains_that_anyone_makes_up_are_bounded() -> None:
    batch = SaidBatch({}, {})
    numbered = {(Domain("192.0.2.1", 10, n), AT - AT % HOUR): Numbered(checked=1) for n in range(200)}
    batch.flows(numbered, SourceBook([]))
    assert len(batch.streams["flow:192.0.2.1"]) == said_stage.MAX_STREAMS
    assert sum(1 for key in batch.tally._said) == said_stage.MAX_STREAMS + 1


def test_senders_are_bounded(context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said_stage, "MAX_SENDERS", 3)
    pipeline = run(context, parts, *(message(1, f"h{n}") for n in range(9)))
    assert [host for _, host in pipeline.said.lines] == ["h6", "h7", "h8"]
    with context.database.read() as session:
        assert len(session.scalars(select(DecoderState.key)).all()) == 1


def test_forged_exporters_make_so_many_rows_and_both_balances_hold(
    context: Context, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.listed.LISTED", 3)
    forged = [f"flow:198.51.100.{n}" for n in range(30)]
    run(context, parts, *(Frame(name, AT, data(0), FrameKind.FLOW) for name in forged))
    add(context, *(Frame(name, AT, template(), FrameKind.FLOW) for name in forged))
    again(context, parts)
    add(context, *(Frame(name, AT, data(9), FrameKind.FLOW) for name in forged), *map(message, (1, 3)))
    again(context, parts)
    found, told = balances(context), said(context)
    assert found.keys() == told.keys() == {*forged[:3], OTHERS}
    assert all(balance.holds and not balance.raws["waiting"] for balance in found.values())
    assert (found[OTHERS].raws["received"], found[OTHERS].raws["parsed"]) == (3 * 27 + 2, 3 * 27 + 2)
    assert told[OTHERS].lost["messages"] == 1
    assert count(context) == 62, "an event names its own source"
    assert context.store.count(Query(Equals("kydai.source", forged[29]))).count == 2
