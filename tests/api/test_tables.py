"""Tables taken away: more rows than one read gives, in their order."""

from __future__ import annotations

import io

from sqlalchemy import true

from api import tables
from api.deps import Services
from api.scope import WHOLE
from core.db.models import Alert, Incident
from core.extract import Extract
from tests.api.conftest import NOW
from tests.api.rows import alert


def test_every_row_is_taken_in_order(services: Services) -> None:
    words = {"vi": "a", "en": "b"}
    with services.database.write() as session:
        session.add_all(alert(at=NOW + n) for n in range(1_100))
        session.add_all(
            Incident(
                number=f"VV-{n:04}", title=words, sentence=words, level="high", first_at=NOW, last_at=NOW + n,
                created_at=NOW, updated_at=NOW,
            )
            for n in range(1_100)
        )  # fmt: skip
    file = io.BytesIO()
    with services.database.read() as session, Extract(file, "csv", tables.heads(tables.INCIDENTS, "vi"), "vi") as taken:
        assert tables.take_incidents(session, true(), WHOLE, taken, "UTC", "vi").count == taken.rows == 1_100
        taken.add([["-"] * len(tables.INCIDENTS)] * 400)  # what waits is written
    numbers = [line.split(",")[0] for line in file.getvalue().decode().splitlines()[1:1_101]]
    assert numbers == [f"VV-{n:04}" for n in reversed(range(1_100))]
    with services.database.read() as session, Extract(io.BytesIO(), "csv", ["a"] * 16, "en") as taken:
        assert tables.take_alerts(session, Alert.level == "high", taken, "UTC", "en").count == taken.rows == 1_100
