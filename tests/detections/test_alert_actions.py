"""Many alerts at once: all change or none, with one entry of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.audit import Actor
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Alert, Audit
from core.errors import BadInput, Conflict, NotFound
from detections import alert_actions as act
from tests.detections.test_alerting import NOW, event, rows, write

HANH = Actor("hanhnt", "console")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as opened:
        write(opened, [event(n, host__name=f"h{n}") for n in range(4)])
        yield opened


def entries(session: Session) -> list[Audit]:
    return list(session.scalars(select(Audit).order_by(Audit.seq)))


def statuses(session: Session) -> list[str]:
    return [row.status for row in rows(session)]


def test_the_way_of_an_alert_and_back(session: Session) -> None:
    assert act.acknowledge(session, HANH, [1, 2], now=NOW) == [1, 2]
    assert act.acknowledge(session, HANH, [2, 3], now=NOW) == [3]
    assert act.assign(session, HANH, [3, 4], "hanhnt", now=NOW) == [3, 4]
    assert statuses(session) == ["acknowledged"] * 4
    assert act.close(session, HANH, [1, 4], "false_positive", "máy quét được phép", now=NOW) == [1, 4]
    assert act.close(session, HANH, [1], "benign", now=NOW) == []
    assert rows(session)[0].verdict_reason == "máy quét được phép"
    assert act.reopen(session, HANH, [1, 2, 4], now=NOW) == [1, 2, 4]
    assert statuses(session) == ["new", "new", "acknowledged", "acknowledged"]
    assert rows(session)[0].version == 4
    found = entries(session)
    assert [entry.object for entry in found] == ["alerts:2", "alert:3", "alerts:2", "alerts:2", "alerts:3"]
    assert found[3].before is not None
    assert found[3].before["1"] == {"status": "acknowledged", "assignee": None, "verdict": None, "version": 2}
    assert found[3].reason == "máy quét được phép"


def test_all_or_none(session: Session) -> None:
    act.acknowledge(session, HANH, [1], now=NOW)
    with pytest.raises(Conflict):
        act.close(session, HANH, [2, 1], "benign", now=NOW, versions={1: 1, 2: 1})
    with pytest.raises(NotFound) as unknown:
        act.close(session, HANH, [2, 99], "benign", now=NOW)
    assert unknown.value.said == {"vi": "Không có cảnh báo 99", "en": "There is no alert 99"}
    assert statuses(session) == ["acknowledged", "new", "new", "new"]
    assert act.close(session, HANH, [2, 1], "benign", now=NOW, versions={1: 2, 2: 1}) == [2, 1]


def test_what_is_refused(session: Session) -> None:
    for ids in (range(0), range(1, act.MAX_AT_ONCE + 2)):
        with pytest.raises(BadInput):
            act.acknowledge(session, HANH, list(ids), now=NOW)
    with pytest.raises(BadInput):
        act.close(session, HANH, [1], "perhaps", now=NOW)
    assert session.scalars(select(Alert.version)).all() == [1] * 4
    assert entries(session) == []
