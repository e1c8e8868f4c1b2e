"""``kydai evidence verify``: a file taken away is checked where no server is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_file_fits_its_slip_until_it_is_changed(
    kydai: Run, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"journal{suffix}"
    kydai("users", "add", "hanhnt", "--role", "analyst")
    ran = kydai("audit", "export", "-o", str(file))
    assert ran.status == 0
    (entry,) = kydai("audit", "list", "--action", "audit", "--json").documents
    monkeypatch.setenv("KYDAI_DATA", str(tmp_path / "elsewhere"))
    checked = kydai("evidence", "verify", str(file), "--json")
    (found,) = checked.documents
    assert (checked.status, found["is_whole"], found["slip"]["Contents"]) == (0, True, "Journal")
    assert found["found"] == entry["after"]["sha256"]
    assert found["found"] in ran.err
    assert "MATCHES" in kydai("evidence", "verify", str(file)).out
    assert not (tmp_path / "elsewhere").exists()
    if suffix == ".csv":
        file.write_bytes(file.read_bytes().replace(b"user.add", b"user.end"))
        changed = kydai("evidence", "verify", str(file))
        assert (changed.status, "DOES NOT MATCH" in changed.out) == (1, True)


def test_what_is_no_export_is_refused(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    ran = kydai("evidence", "verify", str(tmp_path / "a.csv"))
    assert (ran.status, "no extract slip" in ran.err) == (2, True)
    assert kydai("evidence", "verify", str(tmp_path / "none")).status == 2
