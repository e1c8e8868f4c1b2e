"""Sources and balances written to files by commands."""

from __future__ import annotations

from pathlib import Path

from core.db.database import open_database, sqlite_url
from core.db.models import Source
from tests.kydai.cli.conftest import Run


def test_sources_and_balances(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        session.add(Source(name="fw", is_declared=True))
    database.close()
    file = tmp_path / "out.csv"
    assert kydai("sources", "list", "-o", str(file)).status == 0
    assert file.read_text().splitlines()[1].startswith("fw,never sent,yes,")
    assert kydai("evidence", "verify", str(file)).status == 0
    assert kydai("sources", "ledger", "-o", str(file)).status == 0
    assert file.read_text(encoding="utf-8-sig").splitlines()[2].startswith('"End: 1 row, as many')
    assert kydai("sources", "ledger", "--source", "none", "-o", str(file)).status == 2
    entries = [e["action"] for e in kydai("audit", "list", "--json").documents]
    assert entries[:2] == ["balances.export", "sources.export"]
