"""``kydai up`` says where it listens; the first person signs in by a link that is printed once."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.running import running


def test_the_link_is_printed_at_the_first_start_only(tmp_path: Path) -> None:
    with running(tmp_path / "data") as system:
        assert "/sign-in#" in system.facts["link"]
        told = (tmp_path / "data" / "up.log").read_text()
        assert str(system.syslog) in told
        assert system.facts["link"] in told
    with running(tmp_path / "data") as system:
        assert system.facts["link"] is None
