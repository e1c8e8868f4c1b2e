"""The hand-over as a document: what waits, what changed, what stays, within a scope; and as the text of a mail."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from api.deps import Services
from api.scope import WHOLE, sight
from api.shift import MAIL_LIMIT, SHOWN, Shift, build, plain
from core.clock import DAY, HOUR, Micros
from core.db.models import Incident, PlannedSilence, Retention, Run, Source
from reports import gather
from reports.document import Document, said
from tests.api.conftest import NOW
from tests.api.rows import alert

SCOPE = 'kydai.system: "a"'


def incident(number: str, **changes: object) -> Incident:
    at = NOW - 20 * HOUR
    values = {"title": {"vi": f"Việc {number}", "en": number}, "level": "high", "status": "open"}
    times = {"first_at": at, "last_at": at, "created_at": at, "updated_at": at}
    return Incident(**{"number": number} | values | times | changes)


def made(services: Services, scope: str = "") -> Document:
    sources = gather.Services(services.database, services.store, services.clock)
    shift = Shift("lan", NOW - 12 * HOUR, NOW + 1, scope)
    return build(sources, shift, sight(scope) if scope else WHOLE, "lan")


def rows(document: Document, key: str) -> list[Sequence[str]]:
    (section,) = [s for s in document.sections if s.key == key]
    return [[said(cell, "en") for cell in row] for row in section.table.rows] if section.table else []


def fill(services: Services) -> None:
    def run(status: str, system: str) -> Run:
        return Run(
            key=f"{status}{system}", playbook="block", version="1", definition={"title": {"vi": "Chặn", "en": "Block"}},
            status=status, about=orjson.dumps([[system, ""]]).decode(), created_at=NOW - HOUR, updated_at=NOW - HOUR,
        )  # fmt: skip

    with services.database.write() as session:
        new = incident("VV-2026-0001", system="a", assignee="lan", created_at=NOW - HOUR)
        declared = incident("VV-2026-0002", system="b", declared_at=NOW - 30 * HOUR, detected_at=NOW - 30 * HOUR)
        session.add_all([new, declared, incident("VV-2026-0003", status="closed", assignee="lan")])
        session.flush()
        session.add(alert(incident_id=new.id, system="a", assignee="lan"))
        session.add(alert(incident_id=declared.id, system="b", at=NOW - 30 * HOUR))
        session.add(alert(system="b", assignee="lan", status="acknowledged", level="low", at=NOW - 2 * HOUR))
        session.add_all([run("waiting_approval", "a"), run("waiting_person", "b"), run("succeeded", "b")])
        session.add_all(Source(name=n, keys=[n], is_declared=True, system=n[0], created_at=1) for n in ("a-fw", "b-fw"))
        session.add(
            PlannedSilence(source="b-fw", start_at=NOW - DAY, end_at=NOW + HOUR, reason="UPS", owner="o", by="x")
        )
        session.add(Retention(name="level3", months=24, since=1, next_months=12, next_at=NOW + 3 * DAY, reason="disk"))


def test_what_waits_has_its_deadline(services: Services) -> None:
    fill(services)
    told = rows(made(services), "waiting")
    assert [row[0] for row in told] == [
        "Waiting for a person",
        "Waiting for approval",
        "Declared incident, not closed: 24 h, 72 h",
        "Source never sent",
        "Maintenance about to end",
        "Retention about to shorten",
    ]
    assert told[2][1] == "VV-2026-0002 · VV-2026-0002"
    assert told[2][3] == "2026-11-27 02:52", "the clock of 24 h is over, that of 72 h runs"
    assert told[3][1].startswith("a-fw"), "b-fw is under maintenance"


def test_what_changed_and_what_stays(services: Services) -> None:
    fill(services)
    document = made(services)
    assert [row[0][:12] for row in rows(document, "changed")] == ["VV-2026-0001"]
    assert rows(document, "changed")[0][2:] == ["new", "lan"]
    assert [row[0][:12] for row in rows(document, "mine")] == ["VV-2026-0001", "SSH password"]
    assert document.sections[2].key == "unseen"


def test_a_scope_sees_its_own_part(services: Services) -> None:
    fill(services)
    document = made(services, SCOPE)
    assert [row[0] for row in rows(document, "waiting")] == ["Waiting for approval", "Source never sent"]
    assert [row[0][:12] for row in rows(document, "mine")] == ["VV-2026-0001"]
    assert "unseen" not in [section.key for section in document.sections]
    text = plain(document, "vi")
    assert "b-fw" not in text
    assert "VV-2026-0002" not in text


def test_a_long_table_says_how_long_and_a_long_mail_that_it_is_cut(services: Services) -> None:
    with services.database.write() as session:
        session.add_all(
            incident(f"VV-2026-{n:04}", assignee="lan", title={"vi": "x" * 300, "en": ""}) for n in range(60)
        )
    document = made(services)
    (mine,) = [s for s in document.sections if s.key == "mine"]
    assert mine.table is not None
    assert len(mine.table.rows) == SHOWN
    assert said(mine.lead, "en") == "40 of 60 lines are shown."
    text = plain(document, "vi")
    assert MAIL_LIMIT - 500 < len(text) < 8_000, "the messenger cuts at 8,000 and says nothing"
    assert text.splitlines()[-1].startswith("… đã cắt bớt")
    assert plain(document, "vi", limit=None).count("VV-2026-") == SHOWN


def test_a_hostile_title_stays_one_line(services: Services) -> None:
    at: Micros = NOW - HOUR
    with services.database.write() as session:
        session.add(
            incident("VV-2026-0001", title={"vi": "a\r\nBcc: x\x1b[2J", "en": ""}, assignee="lan", created_at=at)
        )
    (line,) = [one for one in plain(made(services), "vi").splitlines() if "Bcc" in one and "thái" not in one][:1]
    assert line.startswith("- VV-2026-0001 · a Bcc: x [2J")
