"""Who acts on the command line."""

from __future__ import annotations

import getpass

from core.audit import Actor


def cli_actor() -> Actor:
    """The account of the operating system, as the journal names it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Actor(f"os:{name}", "cli")
