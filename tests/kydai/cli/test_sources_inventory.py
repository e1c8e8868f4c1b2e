"""The inventory on the command line: imported, changed, removed, undone."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run


def test_the_inventory_round_trip(kydai: Run, tmp_path: Path) -> None:
    file = tmp_path / "nguon.xlsx"
    written = kydai("sources", "template", str(file))
    assert (written.status, str(file) in written.err) == (0, True)
    assert kydai("sources", "template", str(file)).status == 2, "an existing file is not overwritten"
    assert kydai("sources", "import", str(file), "--preview", "--json").documents[0]["added"] == ["web01", "relay01"]
    assert (
        kydai("sources", "list", "--json").documents == [] if (tmp_path / "data" / "control.sqlite").exists() else True
    )
    assert kydai("sources", "import", str(file)).status == 0
    (web,) = kydai("sources", "list", "--json").documents
    assert (web["name"], web["state"], web["level"]) == ("web01", "never", 3)
    assert kydai("sources", "check", "web01").status == 3


def test_a_wrong_cell_is_named_and_nothing_is_imported(kydai: Run, tmp_path: Path) -> None:
    file = tmp_path / "n.csv"
    file.write_text("name,level\ngood,3\nbad,9\n\x1b[31mred,1\n")
    ran = kydai("sources", "import", str(file))
    assert ran.status == 2
    assert "9" in ran.out
    assert "\\x1b[31mred" in ran.out, "hostile text is shown escaped"
    assert "\x1b" not in ran.out
    assert kydai("sources", "list", "--json").documents == []


def test_a_zone_is_mended(kydai: Run, tmp_path: Path) -> None:
    file = tmp_path / "n.csv"
    file.write_text("name\nesx01\n")
    kydai("sources", "import", str(file))
    mended = kydai("sources", "set", "esx01", "--zone", "UTC")
    assert (mended.status, mended.err.splitlines()[0]) == (0, "esx01: read in zone UTC from now on.")
    assert kydai("sources", "list", "--json").documents[0]["zone"] == "UTC"
    assert kydai("sources", "set", "esx01", "--zone", "Nowhere").status == 2
    assert kydai("sources", "set", "nobody", "--zone", "UTC").status == 2


def test_columns_are_set_for_several_and_undone(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("name\nweb01\nweb02\n")
    kydai("sources", "import", str(tmp_path / "n.csv"))
    ran = kydai("sources", "set", "web01", "web02", "--agency", "Sở Y tế", "--place", "Phòng máy 2")
    assert "Changed 2 sources" in ran.err
    assert {d["place"] for d in kydai("sources", "list", "--json").documents} == {"Phòng máy 2"}
    wrong = kydai("sources", "set", "web01", "--level", "nine")
    assert (wrong.status, "nine" in wrong.out) == (2, True)
    assert kydai("sources", "set", "web01").status == 2
    assert kydai("sources", "undo").status == 0
    assert {d["place"] for d in kydai("sources", "list", "--json").documents} == {""}
    assert kydai("sources", "remove", "web01").status == 0
    assert [d["name"] for d in kydai("sources", "list", "--json").documents] == ["web02"]
    assert kydai("sources", "remove", "web01").status == 2
    filled = tmp_path / "filled.xlsx"
    assert kydai("sources", "template", str(filled), "--filled").status == 0
    again = kydai("sources", "import", str(filled), "--json").documents[0]
    assert (again["unchanged"], again["entry"]) == (["web02"], None)


def test_nothing_to_undo_is_said(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    assert kydai("sources", "undo").status == 2
    assert kydai("sources", "undo", "1").status in (1, 2)


def test_an_agency_that_there_is_not_is_named_with_those_like_it(kydai: Run, tmp_path: Path) -> None:
    config = tmp_path / "kydai.toml"
    config.write_text('[site.agencies]\n"H57.12" = "Sở Y tế"\n"H57.13" = "Sở Xây dựng"\n')
    (tmp_path / "n.csv").write_text("name,agency\na,H57.12\nb,H57.21\nc,sở xây dựng\n")
    ran = kydai("sources", "import", str(tmp_path / "n.csv"), "--config", str(config))
    assert ran.status == 2
    assert ran.out.startswith("Row 3, column Agency: 'H57.21' – No agency")
    assert "H57.12 Sở Y tế" in ran.out
    (tmp_path / "n.csv").write_text("name,agency\na,H57.12\nc,sở xây dựng\n")
    assert kydai("sources", "import", str(tmp_path / "n.csv"), "--config", str(config)).status == 0
    listed = kydai("sources", "list", "--json", "--config", str(config)).documents
    assert [d["agency"] for d in listed] == ["Sở Y tế", "Sở Xây dựng"]
