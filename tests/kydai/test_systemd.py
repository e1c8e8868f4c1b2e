"""systemd itself judges the unit; what it is told arrives where it listens."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from kydai.systemd import NAME, Unit, notify

ODD = 'odd "50%" $HOME \\ folder'
"""What means something to systemd in a path."""


def analyzed(unit: Path, *words: str) -> str:
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not on this machine")
    ran = subprocess.run([program, *words, str(unit)], capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("folder", ["data", ODD])
def test_systemd_understands_every_line(tmp_path: Path, folder: str) -> None:
    program = tmp_path / "a clone of 50%" / "kydai"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / NAME
    (tmp_path / folder).mkdir()
    unit = Unit(
        program, tmp_path / folder, "vi", tmp_path / folder / "k.toml", ("10.20.1.50", "intake=10.30.1.50:8471"),
        (Path("/mnt/a disk"), Path("/mnt/100%")),
    )  # fmt: skip
    file.write_text(unit.text)
    assert NAME not in analyzed(file, "verify", "--man=no")
    file.write_text(unit.text.replace("OOMPolicy", "OOMPolice"))
    assert "OOMPolice" in analyzed(file, "verify", "--man=no"), "a key that it does not know would be seen"


def test_little_is_left_to_a_service_that_was_broken_into(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text(Unit(Path("/opt/kydai/.venv/bin/kydai"), Path("/var/lib/kydai"), "en").text)
    told = analyzed(file, "security", "--offline=yes", "--no-pager")
    if (level := re.search(r"exposure level .*: ([\d.]+)", told)) is None:
        pytest.skip("this systemd-analyze judges no files")
    assert float(level[1]) < 2.5, told


def test_homes_and_temporary_folders_are_not_seen(tmp_path: Path) -> None:
    unit = Unit(Path("/opt/kydai/.venv/bin/kydai"), Path("/var/lib/kydai"), "en")
    assert not unit.unseen(Path("/usr/bin/python3"))
    link = tmp_path / "link"
    link.symlink_to("/root/clone")
    assert unit.unseen(link, Path("/homestead/x"), Path("/home/an/kydai")) == [link, Path("/home/an/kydai")]


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_hears_that_it_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")  # nobody asked
    name = f"@{tmp_path}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if is_abstract else name)
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
