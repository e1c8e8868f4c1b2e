"""``kydai report``: a file for the leader, a number for the auditor, clear errors."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run


def test_a_period_is_written_and_its_numbers_run_again(kydai: Run, log: Path, tmp_path: Path) -> None:
    assert kydai("ingest", str(log)).status in (0, 3)
    file = tmp_path / "a.csv"
    ran = kydai("report", "period", "--from", "2026-11-25", "--to", "2026-11-25", "-o", str(file), "--language", "en")
    assert (ran.status, ran.out) == (0, "")
    rows = [line.split(",") for line in file.read_text("utf-8-sig").splitlines()]
    ((_, _, shown, query),) = [r[:4] for r in rows if r[1:2] == ["Failed sign-ins"]]
    again = kydai("search", query, "--count", "--from", "2026-11-25", "--to", "2026-11-25", "--json")
    assert again.documents[0]["count"] == int(shown) == 3


def test_without_a_file_it_goes_to_standard_output(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    (document,) = [kydai("report", "period", "--format", "json")]
    assert '"sections"' in document.out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nope"], "nope"),
        (["incident"], "number"),
        (["incident", "VV-2026-9999"], "VV-2026-9999"),
        (["period", "VV-2026-0001"], "--from"),
        (["period", "--from", "now", "--to", "now-1d"], "before"),
        (["period", "-o", "a.docx"], "docx"),
        (["period", "-o", "/nowhere/a.pdf"], "/nowhere"),
    ],
)
def test_wrong_input_is_said(kydai: Run, log: Path, arguments: list[str], word: str) -> None:
    kydai("ingest", str(log))
    ran = kydai("report", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert word in ran.err
    assert kydai("audit", "list", "--action", "report", "--json").documents == [], "what was not made is not said"


def test_json_asks_for_the_plain_document(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    ran = kydai("report", "period", "--from", "2026-11-24", "--to", "2026-11-26", "--json")
    assert (ran.status, ran.err) == (0, "")
    (counts,) = [s for s in json.loads(ran.out)["sections"] if s["key"] == "counts"]
    assert counts["table"]["rows"][0][1]["value"] == 3


def test_the_journal_tells_which_file_was_made_and_a_report_where_the_journal_stood(
    kydai: Run, log: Path, tmp_path: Path
) -> None:
    kydai("ingest", str(log))
    file = tmp_path / "p.pdf"
    assert kydai("report", "period", "-o", str(file), "--language", "vi").status == 0
    (entry,) = kydai("audit", "list", "--action", "report", "--json").documents
    assert entry["after"]["sha256"] == sha256(file.read_bytes()).hexdigest()
    made = kydai("report", "period", "--json")
    anchor = json.loads(made.out)["anchor"]
    assert (anchor["seq"], anchor["hash"]) == (entry["seq"], entry["hash"])
    assert kydai("audit", "verify", "--head", anchor["hash"]).status == 0


def test_a_report_over_damaged_data_says_so_and_ends_with_status_3(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    for part in (tmp_path / "data" / "store").rglob("*.parquet"):
        part.write_bytes(part.read_bytes()[:-100])
    ran = kydai("report", "period", "--from", "2026-11-24", "--to", "2026-11-26", "--json")
    assert ran.status == 3
    document = json.loads(ran.out)
    assert document["is_complete"] is False
    assert document["missing"]
    assert "incomplete" in ran.err
    (unseen,) = [s for s in document["sections"] if s["key"] == "unseen"]
    assert "Incomplete answers" in [row[0]["en"] for row in unseen["table"]["rows"]]
