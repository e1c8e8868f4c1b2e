"""Which spools count as followed, and their lags."""

from __future__ import annotations

from core.clock import DAY, SECOND
from core.db.database import Database
from core.db.models import Heartbeat, SpoolPosition
from core.lag import LIVE, committed_to, live_spools, spool_lags

NOW = 1_000 * DAY


def test_live_spools_that_a_pipeline_follows_and_no_replay(database: Database) -> None:
    with database.write() as session:
        for name, kind, age in (("gateway", "gateway", 0), ("api", "api", LIVE + 1), ("w", "worker", 0)):
            session.add(Heartbeat(name=name, kind=kind, at=NOW - age, data={}))
        for name, age in (("gateway", 0), ("api", 0), ("replay-1", 0)):
            session.add(SpoolPosition(spool=name, heartbeat_at=NOW - age, arrival_at=0, lag=7 * SECOND))
    with database.read() as session:
        assert live_spools(session, NOW) == ["gateway"]
        assert spool_lags(session, NOW) == {"gateway": 7 * SECOND}
        assert spool_lags(session, NOW + LIVE + 1) == {}, "nobody lives any more"


def test_a_heartbeat_from_the_future_is_of_nobody_who_lives(database: Database) -> None:
    with database.write() as session:
        session.add(Heartbeat(name="gateway", kind="gateway", at=NOW + 3 * DAY, data={}))
        session.add(Heartbeat(name="api", kind="api", at=NOW + LIVE // 2, data={}))
    with database.read() as session:
        assert live_spools(session, NOW) == ["api"], "a step of seconds is no death"


def test_committed_is_what_every_live_spool_has_committed(database: Database) -> None:
    with database.read() as session:
        assert committed_to(session, NOW) == NOW, "nothing lives, nothing comes"
    with database.write() as session:
        for name, kind, age in (("gateway", "gateway", 0), ("api", "api", 0), ("gateway-2", "gateway", LIVE + 1)):
            session.add(Heartbeat(name=name, kind=kind, at=NOW - age, data={}))
        for name, behind in (("gateway", 30), ("gateway-2", 9000), ("ingest-1", 9000)):
            session.add(SpoolPosition(spool=name, arrival_at=NOW - behind * SECOND, heartbeat_at=NOW - DAY, lag=0))
    with database.read() as session:
        assert committed_to(session, NOW) == 0, "nobody has looked at one yet"
    with database.write() as session:
        session.add(SpoolPosition(spool="api", arrival_at=NOW, heartbeat_at=NOW, lag=0))
    with database.read() as session:
        assert committed_to(session, NOW) == NOW - 30 * SECOND
