"""Where the console is reached, as it is printed: a sign-in link for every address, and the way in from elsewhere."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from core.words import say
from kydai import showing
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.settings import is_here


def console_urls(context: Context) -> list[str]:
    """Where the console of this data folder is."""
    with context.database.read() as session:
        return showing.console_urls(session, context.settings)


def links(urls: Sequence[str], secret: str) -> list[str]:
    """A link under each address; behind the number sign no proxy and no log sees the secret."""
    return [f"{each}/sign-in#{secret}" for each in urls]


def link_lines(name: str, found: Sequence[str]) -> str:
    """The links of one person as they are printed."""
    if len(found) == 1:
        return say("cli.up.link", LANG, url=found[0])
    lines = [say("listen.link", LANG, name=name), *(f"  {each}" for each in found), say("listen.all_links", LANG)]
    return "\n".join(lines)


def tunnel(at: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The line that leads to a console on loopback from another machine, where this one has no screen; else None."""
    parts = urlsplit(at)
    has_screen = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if not is_here(parts.hostname or "") or has_screen:
        return None
    # client address, client port, server address, server port
    came = environment.get("SSH_CONNECTION", "").split()
    host = came[2] if len(came) == 4 else socket.gethostname()
    user = environment.get("SUDO_USER") or getpass.getuser()
    command = f"ssh -L {parts.port}:{parts.hostname}:{parts.port} {user}@{host}"
    return say("listen.tunnel", LANG, command=safe(command))
