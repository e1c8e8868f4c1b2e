"""A small house with something to tell: sources, a silence, one vụ việc with hostile text, events to count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import HOUR, MINUTE, StillClock
from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Incident, IncidentLink, Note, Run, Silence, Source, StepRun
from core.store.contract import Batch
from core.store.segments import SegmentStore
from reports.gather import Services
from tests.api.conftest import NOW
from tests.api.rows import alert, events

HOSTILE = '#import "x" $a$ *b* <script>\x1b[31m\u202e=1+1'
START, END = NOW - 24 * HOUR, NOW


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Services]:
    """A house in which nothing has happened."""
    clock = StillClock(NOW)
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    store = SegmentStore(tmp_path / "store", clock)
    yield Services(database, store, clock)
    store.close()
    database.close()


@pytest.fixture
def house(empty: Services) -> Services:
    """Twelve events (five failed sign-ins), two declared sources, a silence, and VV-2026-0001."""
    failed = {"event.category": ["authentication"], "event.outcome": "failure", "event.original": HOSTILE}
    seen = [*events(5, NOW - HOUR, **failed), *events(7, NOW - 2 * HOUR)]
    empty.store.append(Batch(seen))
    at = NOW - HOUR
    with empty.database.write() as session:
        session.add(Source(name="web01", keys=["web01"], is_declared=True))
        session.add(Source(name="rt-xa14", keys=["rt-xa14"], is_declared=True))
        session.add(Silence(source="web01", start_at=at, end_at=at + 50 * MINUTE, limit=10 * MINUTE))
        incident = Incident(
            number="VV-2026-0001",
            title={"vi": HOSTILE, "en": HOSTILE},
            sentence={"vi": HOSTILE, "en": HOSTILE},
            level="high",
            priority=40,
            priority_sum=[{"key": "level", "points": 40}],
            first_at=at,
            last_at=at + MINUTE,
            created_at=at,
            updated_at=at,
        )
        session.add(incident)
        session.flush()
        found = alert(incident_id=incident.id, at=at, event_ids=[e["event.id"] for e in seen[:5]])
        session.add(found)
        session.add(Note(incident_id=incident.id, author="hanhnt", at=at, text=HOSTILE))
        session.flush()
        link = [{"kind": "host", "value": HOSTILE}]
        session.add(IncidentLink(alert_id=found.id, incident_id=incident.id, reason=link, at=at))
        steps = [{"name": "block", "title": {"vi": "Chặn", "en": "Block"}}]
        run = Run(
            key="k",
            playbook="p",
            version="1",
            definition={"steps": steps},
            incident_id=incident.id,
            created_at=at,
            updated_at=at,
        )
        session.add(run)
        session.flush()
        step = StepRun(
            run_id=run.id,
            step="block",
            position=0,
            status="succeeded",
            started_at=at,
            approved_by="baotq",
            is_self_approved=True,
        )
        session.add(step)
    return empty
