"""Lists as files: both languages, local times, hostile names disarmed, an entry in the journal."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from api import exports, searching
from api.deps import Services
from core import accounts
from core.clock import MINUTE
from core.db.models import Audit, Incident
from tests.api.conftest import CLI, NOW, Client
from tests.api.rows import alert


@pytest.fixture
def rows(services: Services) -> None:
    with services.database.write() as session:
        incident = Incident(
            number="VV-2026-0001", title={"vi": "=SUM(1)", "en": "b"}, sentence={"vi": "c", "en": "d"}, level="high",
            first_at=NOW, last_at=NOW, created_at=NOW, updated_at=NOW, declared_at=NOW,
        )  # fmt: skip
        session.add(incident)
        session.flush()
        session.add_all(
            [
                alert(at=NOW, host="=cmd|calc", incident_id=incident.id),
                alert(at=NOW - MINUTE, status="closed", verdict="benign", verdict_reason="+1"),
            ]
        )


def test_alerts_as_csv(client: Client, rows: None, services: Services) -> None:
    answer = client("auditor").get("/api/v1/alerts/export", params={"min_level": "high", "from": "2026-11-25"})
    assert answer.headers["content-disposition"] == 'attachment; filename="kydai-alerts-2026-11-25.csv"'
    assert (answer.headers["x-kydai-complete"], int(answer.headers["content-length"])) == ("true", len(answer.content))
    found = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [r["Máy"] for r in found[:2]] == ["'=cmd|calc", "web01"]
    assert (found[0]["Lần cuối"], found[0]["Thời gian (UTC)"]) == ("25/11/2026 08:52:08", "2026-11-25T01:52:08.000000Z")
    assert (found[1]["Kết luận"], found[1]["Lý do"]) == ("đúng, được phép", "'+1")
    assert found[2]["Mã"] == "Hết: 2 dòng, bằng số kết quả của truy vấn."
    slip = {r["Mã"]: r["Mức độ"] for r in found[3:]}
    assert (slip["Truy vấn"], slip["Người trích xuất"]) == ("min_level: high", "auditor1")
    assert slip["Khoảng thời gian"] == "25/11/2026 00:00:00 – không giới hạn (Asia/Ho_Chi_Minh)"
    with services.database.read() as session:
        entry = session.scalars(select(Audit).order_by(Audit.seq.desc())).first()
        assert entry is not None
        told = {"min_level": "high", "from": "2026-11-25", "rows": 2, "sha256": slip["SHA-256"], "complete": True}
        assert (entry.action, entry.after) == ("alerts.export", told)


def test_incidents_as_xlsx(client: Client, rows: None) -> None:
    answer = client("sysadmin").get("/api/v1/incidents/export", params={"format": "xlsx", "language": "en"})
    sheet = load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    head, first, _ = list(sheet.iter_rows(values_only=True))
    told = dict(zip(head, first, strict=True))
    assert (told["Number"], told["Title"], told["Alerts"], told["Declared"]) == ("VV-2026-0001", "b", 1, "yes")


def test_a_scope_holds_for_files_too(client: Client, rows: None) -> None:
    observer = client("auditor", scope="kydai.system: x")
    for name in ("alerts", "incidents"):
        assert "Hết: 0 dòng" in observer.get(f"/api/v1/{name}/export").content.decode().splitlines()[1]


def test_a_full_disk_hands_nothing_out(
    client: Client, rows: None, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = client("auditor")
    monkeypatch.setattr(exports, "TemporaryFile", lambda: Path("/dev/full").open("wb"))  # noqa: SIM115
    for form in ("csv", "xlsx"):
        answer = auditor.get("/api/v1/alerts/export", params={"format": form}, headers={"accept-language": "vi"})
        assert answer.status_code == 503
        assert "Không ghi được tệp xuất: đĩa đã đầy" in answer.json()["detail"]
    with services.database.read() as session:
        assert session.scalars(select(Audit).where(Audit.action == "alerts.export")).all() == []


def test_who_is_disabled_while_an_export_is_made_gets_nothing(
    client: Client, rows: None, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = client("auditor")
    ended = threading.Event()
    monkeypatch.setattr(searching, "STILL_IN_SECONDS", 0.02)

    def interrupt(thread: int | None = None) -> int:
        ended.set()
        return 1

    monkeypatch.setattr(services.store, "interrupt", interrupt)

    def made(*_: object) -> None:
        with services.database.write() as session:
            accounts.change_user(session, CLI, "auditor1", now=NOW, is_disabled=True)
        assert ended.wait(20)

    monkeypatch.setattr(exports, "_made", made)
    assert browser.get("/api/v1/alerts/export").status_code == 401
