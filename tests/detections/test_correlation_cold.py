"""Groups at rest come back as they were, by name and by time."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Unavailable
from detections.correlation_cold import Cold, Resting


def at_rest(name: str, depth: int, wake: int) -> Resting:
    return Resting(("p", (name, "đ")), depth, wake, name.encode())


def test_they_are_fetched_by_name_and_by_time(tmp_path: Path) -> None:
    cold = Cold(tmp_path)
    groups = [at_rest(f"g{n}", n % 2 + 1, 1000 - n) for n in range(700)]
    cold.put(groups)
    assert sorted(cold) == sorted(groups)
    assert (cold.first(1), cold.first(2), cold.first(3)) == (302, 301, None)
    assert sorted(cold.take([each.key for each in groups[100:]] + [("p", ("nobody",))])) == sorted(groups[100:])
    assert (len(cold), cold.first(1), cold.first(2)) == (100, 902, 901)
    assert cold.due(2, 904) == [groups[99], groups[97]]
    assert len(cold) == 98
    assert cold.take([groups[99].key]) == []


def test_the_scratch_has_no_name_and_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold = Cold(tmp_path)
    cold.put([Resting(("p", ("g", "é")), 1, 5, b"data")])
    assert not list(tmp_path.iterdir())
    assert (len(cold), cold.first(1), cold.first(2)) == (1, 5, None)
    assert cold.take([("p", ("other",))]) == []
    assert cold.take([("p", ("g", "é"))]) == [Resting(("p", ("g", "é")), 1, 5, b"data")]
    assert len(cold) == 0
    cold.close()
    full = Cold(tmp_path)
    full.put([Resting(("p", ("g",)), 1, 5, b"")])
    full._open().execute("PRAGMA max_page_count = 40")
    with pytest.raises(Unavailable, match="full"):
        full.put(Resting(("p", (str(n),)), 1, n, bytes(500)) for n in range(10_000))
