"""Maintenance on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run


@pytest.fixture
def three(kydai: Run, tmp_path: Path) -> Run:
    (tmp_path / "n.csv").write_text("name,place,owner\na,Phòng 1,An\nb,Phòng 1,An\nc,Phòng 2,Bình\n")
    assert kydai("sources", "import", str(tmp_path / "n.csv")).status == 0
    return kydai


def test_a_room_is_maintained_and_back_again(three: Run) -> None:
    ran = three("sources", "maintain", "--place", "Phòng 1", "--until", "now+4h", "--reason", "Thay nguồn")
    assert (ran.status, ran.out.startswith("2 sources are under maintenance until ")) == (0, True)
    listed = {d["name"]: d["maintenance"] for d in three("sources", "list", "--json").documents}
    assert listed["c"] is None
    assert (listed["a"]["reason"], listed["a"]["owner"]) == ("Thay nguồn", "An")
    assert "maintenance until" in three("sources", "list").out
    assert three("sources", "maintain", "--place", "Phòng 1", "--end").status == 0
    assert three("sources", "undo").status == 0
    assert three("sources", "maintain", "b", "--end", "--json").documents[0]["sources"] == ["b"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["a", "--until", "now+4h"],
        ["a", "--until", "now-4h", "--reason", "x"],
        ["a", "--until", "soon", "--reason", "x"],
        ["a", "--reason", "x"],
        ["--place", "Phòng 9", "--until", "now+4h", "--reason", "x"],
        ["nobody", "--until", "now+4h", "--reason", "x"],
        ["c", "--end"],
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_planned(three: Run, wrong: list[str]) -> None:
    ran = three("sources", "maintain", *wrong)
    assert (ran.status, bool(ran.err)) == (2, True)
    assert not any(d["maintenance"] for d in three("sources", "list", "--json").documents)
