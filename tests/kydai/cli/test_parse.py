"""Lines in, events out, and which parser took each and why."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.kydai.cli.conftest import Run


def test_json_says_parser_reason_and_proof(kydai: Run, log: Path) -> None:
    ran = kydai("parse", str(log), "--json")
    assert ran.status == 0
    assert {d["kydai.parse"]["parser"] for d in ran.documents} == {"linux_auth"}
    assert ran.documents[0]["kydai.parse"]["proven"] is True
    assert ran.documents[0]["user.name"] == "root"


def test_text_for_people(kydai: Run, log: Path) -> None:
    ran = kydai("parse", str(log))
    assert "linux_auth · " in ran.out
    assert "203.0.113.5" in ran.out


def test_what_nobody_parses_is_status_3(kydai: Run, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"\xff\x00\x1b[31m nothing known\n")
    ran = kydai("parse", str(file))
    assert ran.status == 3
    assert "\x1b" not in ran.out


def test_an_unknown_parser_is_named_with_those_there_are(kydai: Run, log: Path) -> None:
    ran = kydai("parse", "--parser", "nonsense", str(log))
    assert ran.status == 2
    assert "nginx" in ran.err


def test_a_missing_file(kydai: Run) -> None:
    assert kydai("parse", "/nowhere").status == 2


def test_a_file_of_windows_or_a_packed_one_is_read_as_ingest_reads_it(kydai: Run, log: Path) -> None:
    for data in (("\ufeff" + log.read_text()).encode("utf-16-le"), gzip.compress(log.read_bytes())):
        log.write_bytes(data)
        assert {d["kydai.parse"]["parser"] for d in kydai("parse", str(log), "--json").documents} == {"linux_auth"}
    log.write_bytes(gzip.compress(b"x" * 10_000)[:-20])
    assert kydai("parse", str(log)).status == 2
