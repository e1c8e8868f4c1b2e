"""``kydai shift``: the hand-over as text and as a file, a note and its undoing, and what is wrong said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.kydai.cli.conftest import Run


def test_a_shift_is_handed_over(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    left = kydai("shift", "leave", "Gọi lại xã A\x1b[2J")
    entry = re.findall(r"shift undo (\d+)", left.err)[0]
    shown = kydai("shift", "show")
    assert "Gọi lại xã A\\x1b[2J" in shown.out or "Gọi lại xã A [2J" in shown.out
    file = tmp_path / "ca.pdf"
    assert kydai("shift", "show", "-o", str(file)).status in (0, 3)
    assert file.read_bytes().startswith(b"%PDF")
    assert kydai("shift", "undo", entry).status == 0
    assert "Gọi lại" not in kydai("shift", "show").out
    assert [e["action"] for e in kydai("audit", "list", "--action", "shift", "--json").documents] == [
        "shift.undo",
        "shift.leave",
    ]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["show", "--from", "now", "--to", "now-1h"], "now-1h"),
        (["show", "-o", "ca.docx"], "docx"),
        (["leave", " "], "4"),
        (["undo", "1"], ""),
        (["mail"], "mail"),
    ],
)
def test_wrong_input_is_said(kydai: Run, log: Path, arguments: list[str], word: str) -> None:
    kydai("ingest", str(log))
    ran = kydai("shift", *arguments)
    assert ran.status in (1, 2)
    assert ran.out == ""
    assert word in ran.err
