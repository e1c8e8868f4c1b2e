"""What a process opens, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import engines
from core.clock import DAY, SECOND, StillClock
from core.db.database import schema_version
from core.db.models import SpoolPosition
from core.errors import BadConfig, Refused
from core.event import Frame
from core.heads import FILE as HEADS
from core.spool import Spool
from core.store.contract import Batch, Query, Span
from kydai.cli.output import Output
from kydai.context import Context, make_folder, open_store, undrained
from tests.core.store.conformance import START, event
from tests.core.store.elastic_stores import new_prefix, remove
from tests.services.elasticsearch import Node


def test_the_database_comes_with_its_schema(context: Context) -> None:
    with pytest.raises(BadConfig, match="holds no data"):
        context.need_data()
    assert schema_version(context.database) is not None
    context.need_data()
    assert context.store.stats().events == 0


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="--data"):
        make_folder(tmp_path / "file" / "data")


def test_an_answer_confesses_what_waits_in_a_spool_for_over_five_seconds(context: Context) -> None:
    clock = StillClock()
    folder = context.settings.spool_folder
    spool = Spool(folder / "gateway", clock, reserve_bytes=0)
    placed = spool.append([Frame("udp:192.0.2.1", clock.now(), b"x")])[0]
    arrived = clock.now()

    def missing(span: Span) -> list[str]:
        return [m.detail for m in undrained(folder, context.database, clock, span)]

    clock.advance(4)
    assert missing(Span()) == []
    clock.advance(2)
    assert missing(Span()) == ["gateway"]
    assert missing(Span(None, arrived - SECOND)) == [], "received after the span asked for"
    clock.at -= 3 * DAY
    assert missing(Span()) == ["gateway"], "the clock went back: how long it has waited nobody knows"
    clock.at += 3 * DAY
    with context.database.write() as session:
        session.add(SpoolPosition(spool="gateway", segment=placed.segment, record=1))
    assert missing(Span()) == []
    spool.close()


def test_the_engine_of_the_store_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elastic: Node) -> None:
    prefix = new_prefix()
    key = tmp_path / "key"
    key.write_text("bm8=\n")
    for name, value in {
        "STORE_ENGINE": "elastic", "ELASTIC_URLS": f'["{elastic.url}"]', "ELASTIC_PREFIX": prefix,
        "ELASTIC_KEY_FILE": str(key), "ELASTIC_REPLICAS": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"KYDAI_{name}", value)
    made = Context(tmp_path / "data", None, Output(True, "en"))
    try:
        assert made.database
        made.store.append(Batch([event(1)]))
        assert made.store.count(Query()).count == 1
        assert not (tmp_path / "data" / "store").exists()
        for wrong in (b"", b'{"id":"a","encoded":"s3cret=="}', b"s3cret\nb", "khóa s3cret".encode()):
            key.write_bytes(wrong)
            with pytest.raises(BadConfig, match="does not hold an API key in its encoded form") as caught:
                open_store(made.settings, made.database, made.clock)
            assert "s3cret" not in str(caught.value)
        key.unlink()
        with pytest.raises(BadConfig, match="API key cannot be read: No such file"):
            open_store(made.settings, made.database, made.clock)
    finally:
        made.close()
        remove(elastic.url, prefix)


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    made = Context(tmp_path, None, Output(True, "en"))
    assert made.database
    made.close()
    made.close()


def test_nobody_rings_where_there_is_no_broker(context: Context) -> None:
    assert context.database.ring is None
    context.ring()
    assert context.unheard() == {}


def test_a_control_database_that_is_gone_is_not_begun_anew(context: Context) -> None:
    context.store.append(Batch([event(1)]))
    context.close()
    database = context.settings.data / "control.sqlite"
    database.write_bytes(b"")
    for _ in range(2):
        again = Context(context.settings.data, None, Output(True, "en"))
        with pytest.raises(BadConfig, match="gone or empty"):
            _ = again.database
        again.close()
    assert list(context.settings.store_folder.glob("l0/*.parquet"))


def test_nor_is_one_whose_events_are_in_elasticsearch(context: Context) -> None:
    _ = context.database
    context.close()
    (context.settings.data / "control.sqlite").unlink()
    context.settings.integrity_folder.mkdir(parents=True, exist_ok=True)
    (context.settings.integrity_folder / HEADS).write_text("")
    again = Context(context.settings.data, None, Output(True, "en"))
    with pytest.raises(BadConfig, match="gone or empty"):
        _ = again.database
    again.close()


def test_a_store_whose_folder_is_gone_is_not_begun_anew_but_for_a_restore(context: Context) -> None:
    context.store.append(Batch([event(1)]))
    with context.database.write() as session:
        engines.claim(session, "segments", START)
    context.close()
    context.settings.store_folder.rename(context.settings.data / "elsewhere")
    again = Context(context.settings.data, None, Output(True, "en"))
    with pytest.raises(BadConfig, match="is gone"):
        _ = again.store
    assert not context.settings.store_folder.exists()
    assert again.store_to_fill().count(Query()).count == 0
    again.close()
