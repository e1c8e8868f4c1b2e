"""The journal names the account of the operating system, as the kernel knows it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from core.audit import people
from kydai import people as module
from kydai.people import cli_actor

ME = pwd.getpwuid(os.getuid()).pw_name
OTHER = next(each for each in pwd.getpwall() if each.pw_uid != os.getuid())


@pytest.mark.parametrize("name", ["LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER", "SUDO_UID"])
def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, str(OTHER.pw_uid) if name == "SUDO_UID" else OTHER.pw_name)
    assert ME in people(cli_actor().name)
    assert OTHER.pw_name not in people(cli_actor().name)


@pytest.mark.parametrize(
    ("login", "more"),
    [
        (str(OTHER.pw_uid), f" (login:{OTHER.pw_name})"),
        (str(os.getuid()), ""),
        ("4294967295", ""),
        ("3999999999", " (login:3999999999)"),
        ("", ""),
        (None, ""),
    ],
)
def test_who_logged_in_is_named_where_it_is_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, login: str | None, more: str
) -> None:
    monkeypatch.setattr(module, "LOGIN", tmp_path / "loginuid")
    if login is not None:
        module.LOGIN.write_text(login)
    assert (cli_actor().name, cli_actor().channel) == (f"os:{ME}{more}", "cli")
