"""What the decoder must remember is in the database, and counts balance whatever waits."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.clock import HOUR
from core.db.models import DecoderState
from core.event import Frame, FrameKind, Stored, new_ulid
from core.ledger import Tally
from core.sources import SourceBook
from kydai.context import Context
from kydai.flow_stage import FlowStage
from tests.kydai.test_pipeline import data, flow, template

NOW = 1_795_568_402_000_000
BOOK = SourceBook([])


def stage_of(context: Context) -> FlowStage:
    with context.database.read() as session:
        return FlowStage("gateway", session)


def take(context: Context, stage: FlowStage, now: int, *payloads: bytes) -> dict[str, int]:
    tally = Tally()
    segment = new_ulid(now)
    batch = stage.take([Stored(segment, i, flow(p, NOW)) for i, p in enumerate(payloads)], BOOK, tally, now)
    if batch is not None:
        with context.database.write() as session:
            stage.save(session, batch, now)
        stage.settle(batch)
    return {key[3] if not key[4] else f"{key[3]}: {key[4]}": n for key, n in tally}


def test_templates_and_waiting_datagrams_survive_a_restart(context: Context) -> None:
    assert take(context, stage_of(context), NOW, data(0)) == {"received": 1, "waiting": 1}
    again = stage_of(context)
    assert again.is_holding
    assert take(context, again, NOW, template()) == {"received": 1, "parsed": 2, "waiting": -1}
    last = stage_of(context)
    assert not last.is_holding
    assert take(context, last, NOW, data(1)) == {"received": 1, "parsed": 1}


def test_nothing_is_remembered_before_settle(context: Context) -> None:
    stage = stage_of(context)
    stage.take([Stored(new_ulid(NOW), 0, flow(data(0), NOW))], BOOK, Tally(), NOW)
    assert not stage.is_holding


def test_an_hour_without_a_template_ends_the_waiting(context: Context) -> None:
    stage = stage_of(context)
    take(context, stage, NOW, data(0))
    assert take(context, stage, NOW + HOUR + 1) == {"ignored: no template": 1, "waiting": -1}
    assert not stage_of(context).is_holding


def test_behind_the_last_nothing_waits(context: Context) -> None:
    stage, tally = stage_of(context), Tally()
    take(context, stage, NOW, data(0))
    batch = stage.take([], BOOK, tally, NOW, is_last=True)
    assert batch is not None
    assert not batch.state.room.held
    assert {(key[3], key[4]): n for key, n in tally} == {("ignored", "no template"): 1, ("waiting", ""): -1}


def test_garbage_is_ignored_with_its_reason(context: Context) -> None:
    assert take(context, stage_of(context), NOW, b"\x00\x09") == {"received": 1, "ignored: short_header": 1}


def test_exporters_that_are_forgotten_have_no_row(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.decoders.templates.MAX_TEMPLATES", 10)
    stage = stage_of(context)
    for n in range(30):
        frame = Frame(f"flow:198.51.100.{n}", NOW, template(), FrameKind.FLOW)
        batch = stage.take([Stored(new_ulid(NOW), n, frame)], BOOK, Tally(), NOW)
        assert batch is not None
        with context.database.write() as session:
            stage.save(session, batch, NOW)
        stage.settle(batch)
    with context.database.read() as session:
        keys = session.scalars(select(DecoderState.key).where(DecoderState.key.contains("exporter:"))).all()
    assert {key.rpartition(":")[2] for key in keys} == stage.state.templates.exporters
    assert len(keys) <= 10


def test_each_exporter_hour_and_reason_is_counted_apart(context: Context) -> None:
    stage, tally, segment = stage_of(context), Tally(), new_ulid(NOW)
    sent = [
        ("192.0.2.1", NOW, template()),
        ("192.0.2.1", NOW, data(0)),
        ("192.0.2.1", NOW + HOUR, data(1)),
        ("192.0.2.2", NOW, b"\x00\x09"),
        ("192.0.2.2", NOW, b"\x00\x63" * 9),
        ("192.0.2.2", NOW, data(0)),
    ]
    frames = [
        Stored(segment, n, Frame(f"flow:{peer}", at, payload, FrameKind.FLOW))
        for n, (peer, at, payload) in enumerate(sent)
    ]
    assert stage.take(frames, BOOK, tally, NOW) is not None
    hour = NOW - NOW % HOUR
    assert {(key[0], key[1] - hour, key[3], key[4]): n for key, n in tally} == {
        ("flow:192.0.2.1", 0, "received", ""): 2,
        ("flow:192.0.2.1", 0, "parsed", ""): 2,
        ("flow:192.0.2.1", HOUR, "received", ""): 1,
        ("flow:192.0.2.1", HOUR, "parsed", ""): 1,
        ("flow:192.0.2.2", 0, "received", ""): 3,
        ("flow:192.0.2.2", 0, "ignored", "short_header"): 1,
        ("flow:192.0.2.2", 0, "ignored", "unknown_version"): 1,
        ("flow:192.0.2.2", 0, "waiting", ""): 1,
    }
