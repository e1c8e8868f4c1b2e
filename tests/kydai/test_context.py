"""What a process opens, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import SECOND, StillClock
from core.db.database import schema_version
from core.db.models import SpoolPosition
from core.errors import BadConfig, Refused
from core.event import Frame
from core.spool import Spool
from core.store.contract import Span
from kydai.cli.output import Output
from kydai.context import Context, make_folder, undrained


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
    with context.database.write() as session:
        session.add(SpoolPosition(spool="gateway", segment=placed.segment, record=1))
    assert missing(Span()) == []
    spool.close()


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    made = Context(tmp_path, None, Output(True, "en"))
    assert made.database
    made.close()
    made.close()


def test_nobody_rings_where_there_is_no_broker(context: Context) -> None:
    assert context.database.ring is None
    context.ring()
    assert context.unheard() == {}
