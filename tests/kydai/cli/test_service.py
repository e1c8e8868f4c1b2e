"""``kydai service``: what it does to a machine, over an account and a systemctl of our own."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import pytest

from kydai import systemd
from kydai.cli import service
from tests.kydai.cli.conftest import Run

SYSTEMCTL = """#!/bin/sh
echo "$*" >>"{log}"
case "$1" in
  restart) [ ! -e "{log}.broken" ] ;;
  show) echo "{data}" ;;
esac
"""
JOURNALCTL = "#!/bin/sh\necho 'Port 514 is taken.'\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of systemctl on a machine that is run by systemd, where the service's account is our own."""
    log, data, programs = tmp_path / "systemctl.log", tmp_path / "data", tmp_path / "bin"
    programs.mkdir()
    for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL), ("kydai", "#!/bin/sh\n")):
        (programs / name).write_text(text.format(log=log, data=data))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(service, "BOOTED", tmp_path)
    monkeypatch.setattr(service, "USER", pwd.getpwuid(os.geteuid()).pw_name)
    monkeypatch.setattr(systemd, "FILE", tmp_path / "etc" / systemd.NAME)
    monkeypatch.setattr(systemd, "HIDDEN", ())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return log


def test_it_is_installed_again_and_removed_and_the_data_stay(kydai: Run, machine: Path, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may run a program as another account")
    for _ in range(2):
        ran = kydai("service", "install", "--listen", "10.20.1.50")
        assert ran.status == 0, ran.err
        assert "users link admin" in ran.out
    assert f"--data {tmp_path}/data up --listen 10.20.1.50" in systemd.FILE.read_text()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    (tmp_path / "data" / "control.sqlite").touch()
    ran = kydai("service", "remove")
    assert ran.status == 0, ran.err
    assert f"sudo rm -r {tmp_path}/data" in ran.out
    assert (tmp_path / "data" / "control.sqlite").exists() and not systemd.FILE.exists()
    assert machine.read_text().splitlines()[-1] == "daemon-reload"
    ran = kydai("service", "remove")
    assert ran.status == 1 and "not installed" in ran.err


def test_what_the_service_says_when_it_does_not_come_up_is_shown(kydai: Run, machine: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may run a program as another account")
    Path(f"{machine}.broken").touch()
    ran = kydai("service", "install")
    assert ran.status == 1
    assert "Port 514 is taken." in ran.err


def test_a_folder_with_files_of_another_account_is_refused(
    kydai: Run, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "control.sqlite").touch()
    monkeypatch.setattr(service, "USER", "nobody")
    ran = kydai("service", "install")
    assert ran.status == 1
    assert f"sudo chown -R nobody: {tmp_path}/data" in ran.err
    assert not systemd.FILE.exists() and not machine.exists()


def test_a_program_that_the_account_may_not_run_is_refused(kydai: Run, machine: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "kydai").chmod(0o644)
    ran = kydai("service", "install")
    assert ran.status == 1
    assert "chmod -R go+rX" in ran.err
    assert not systemd.FILE.exists()


def test_a_clone_in_a_home_is_refused_and_a_dry_run_warns(
    kydai: Run, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "HIDDEN", (tmp_path,))
    monkeypatch.setenv("KYDAI_HTTP_PORT", "9000")
    ran = kydai("service", "install")
    assert ran.status == 1 and "/opt/kydai" in ran.err
    ran = kydai("service", "install", "--dry-run")
    assert ran.status == 0 and ran.out.startswith("# Written by")
    assert "does not see" in ran.err and "KYDAI_HTTP_PORT" in ran.err
    assert not systemd.FILE.exists() and not machine.exists()


def test_neither_without_root_nor_without_systemd(kydai: Run, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ran = kydai("service", "install")
    assert ran.status == 1 and "sudo" in ran.err
    monkeypatch.setattr(service, "BOOTED", Path("/nowhere"))
    ran = kydai("service", "install")
    assert ran.status == 1 and "--dry-run" in ran.err
