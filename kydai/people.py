"""Who acts on the command line."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from core.audit import Actor

LOGIN = Path("/proc/self/loginuid")
"""The account that logged in, as the kernel keeps it through su and sudo."""
NOBODY = 2**32 - 1
"""What stands there for a process that no login began."""


def cli_actor() -> Actor:
    """The account of the operating system, as the journal names it: ``os:an``; and who logged in, where that is
    another: ``os:root (login:an)``. Both as the kernel knows them: the environment says what its owner likes."""
    user, login = os.getuid(), _login()
    more = "" if login is None or login == user else f" (login:{_name(login)})"
    return Actor(f"os:{_name(user)}{more}", "cli")


def _login() -> int | None:
    try:
        found = int(LOGIN.read_text())
    except (OSError, ValueError):
        return None
    return None if found == NOBODY else found


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name[:40]
    except KeyError:
        return str(user)
