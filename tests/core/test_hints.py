"""A field of a query that nothing has is told, with what may have been meant."""

from __future__ import annotations

from pathlib import Path

from core.db.database import migrate, open_database, sqlite_url
from core.db.models import Activity
from core.hints import Hint, hints
from core.query.language import parse


def test_what_neither_ecs_nor_an_event_has(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path))
    migrate(database)
    with database.write() as session:
        session.add(Activity(source="a", host="h", dataset="d", first_at=1, last_at=1, fields=["app.verdict"]))
    with database.read() as session:
        assert hints(session, parse("app.verdct: 1 or zzz: 2", now=0)) == [
            Hint("app.verdct", ["app.verdict"]),
            Hint("zzz", []),
        ]
        assert hints(session, parse("app.verdict: 1 and source.ip: *", now=0)) == []
