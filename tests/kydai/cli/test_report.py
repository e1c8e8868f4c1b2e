"""``kydai report``: a file for the leader, a number for the auditor, clear errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run


def test_a_period_is_written_and_its_numbers_run_again(kydai: Run, log: Path, tmp_path: Path) -> None:
    assert kydai("ingest", str(log)).status in (0, 3)
    file = tmp_path / "a.csv"
    ran = kydai("report", "period", "--from", "2026-11-24", "--to", "2026-11-26", "-o", str(file), "--language", "en")
    assert (ran.status, ran.out) == (0, "")
    rows = [line.split(",") for line in file.read_text("utf-8-sig").splitlines()]
    ((_, _, shown, query),) = [r[:4] for r in rows if r[1:2] == ["Failed sign-ins"]]
    again = kydai("search", query, "--count", "--from", "2026-11-24", "--to", "2026-11-26", "--json")
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
    assert ran.status in (1, 2)
    assert word in ran.err
    assert ran.out == ""
