"""Where the console is reached, as it is printed: a sign-in link for every address, and the way in from elsewhere."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from core.db.models import Heartbeat
from core.words import say
from kydai.cli.main import LANG
from kydai.cli.output import safe
from kydai.context import Context
from kydai.listening import shown, url
from kydai.settings import is_here
from kydai.showing import by_http, is_secure


def console_urls(context: Context) -> list[str]:
    """Where the console of this data folder is, as its API process says; else as the settings say."""
    with context.database.read() as session:
        row = session.get(Heartbeat, "api")
    if row is not None and row.data.get("urls"):
        return [str(each) for each in row.data["urls"]]
    settings, console = context.settings, by_http(context.settings)[0]
    secure = is_secure(settings, console)
    return [url(host, console.port, secure=secure) for host in shown(console.address, settings.http.names)]


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
