"""Ready configurations for what sends to us: one text a product in ``kydai/source_config``, found by walking.

In a text ``@ADDRESS@``, ``@HOST@`` (an IPv6 address in brackets), ``@SYSLOG@``, ``@NETFLOW@``, ``@HTTP@``, ``@SCHEME@``
and ``@TLS@`` stand for this server; a line that begins with ``vi| `` or ``en| `` is kept in that language only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from urllib.parse import urlsplit

from core.errors import BadInput, NotFound, failure
from core.words import LANGUAGES
from kydai.settings import Settings

_PLACE = re.compile("@([A-Z]+)@")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Server:
    """Where senders reach this server; ``secure`` says that HTTP intake speaks TLS."""

    address: str
    syslog: int
    netflow: int
    http: int
    secure: bool

    @property
    def places(self) -> dict[str, str]:
        """What the texts ask for."""
        return {
            "ADDRESS": self.address,
            "HOST": f"[{self.address}]" if ":" in self.address else self.address,
            "SYSLOG": str(self.syslog),
            "NETFLOW": str(self.netflow),
            "HTTP": str(self.http),
            "SCHEME": "https" if self.secure else "http",
            "TLS": "On" if self.secure else "Off",
        }


def products() -> list[str]:
    """The names that there are."""
    return sorted(_texts())


def _texts() -> dict[str, Traversable]:
    folder = files("kydai").joinpath("source_config")
    return {PurePath(f.name).stem: f for f in folder.iterdir() if f.name.endswith((".txt", ".yml"))}


def configuration(product: str, server: Server, lang: str) -> str:
    """The configuration that makes ``product`` send to ``server``. Raises NotFound with the products there are."""
    found = _texts()
    if product not in found:
        products = ", ".join(sorted(found))
        raise failure(NotFound, "source_config.unknown", product=product[:40], products=products)
    lines = []
    for line in found[product].read_text("utf-8").splitlines():
        head, bar, text = line.partition("| ")
        if not bar or head not in LANGUAGES:
            lines.append(line)
        elif head == lang:
            lines.append(text)
    places = server.places
    return _PLACE.sub(lambda m: places[m[1]], "\n".join(lines)) + "\n"


def server_of(settings: Settings, given: str | None, running_url: str = "") -> Server:
    """This server as senders see it: the address given, else that of the running console, else the settings'.

    Raises BadInput where none of them is an address that can be sent to (0.0.0.0), or the one given is none.
    """
    running = urlsplit(running_url).hostname or ""
    address = given if given is not None else (running if not is_here(running) else settings.syslog.address)
    if not _HOST_NAME.fullmatch(address) and not _is_ip(address):
        raise failure(BadInput, "source_config.bad_address", address=address[:80])
    if _is_ip(address) and ipaddress.ip_address(address).is_unspecified:
        raise failure(BadInput, "source_config.need_address", address=address[:80])
    return Server(address, settings.syslog.port, settings.netflow.port, settings.http.port, not is_here(address))


def is_here(address: str) -> bool:
    """Only this machine itself reaches it (or there is no address)."""
    return address in ("", "localhost") or (_is_ip(address) and ipaddress.ip_address(address).is_loopback)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
