"""The journal names the account of the operating system."""

from __future__ import annotations

import pytest

from kydai.people import cli_actor


def test_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "duclm")
    assert (cli_actor().name, cli_actor().channel) == ("os:duclm", "cli")
