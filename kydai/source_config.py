"""Ready configurations for what sends to us: one text a product in ``kydai/source_config``, found by walking.

In a text ``@SYSLOG@`` (over TCP), ``@UDP@``, ``@NETFLOW@`` and ``@HTTP@`` stand for the ports of this server,
``@ADDRESS@`` and ``@HOST@`` (an IPv6 address in brackets) for the address of syslog over TCP, ``@UDP_ADDRESS@``,
``@UDP_HOST@`` and so on for those of the others; ``@SCHEME@``, ``@TLS@``, ``@TOKEN@`` and ``@CA@`` say the rest. A line
that begins with ``vi| `` or ``en| `` is kept in that language only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from urllib.parse import urlsplit

from core.errors import BadInput, NotFound, failure
from core.words import LANGUAGES, say
from kydai.listening import listeners
from kydai.settings import Settings
from kydai.tls import CA, OWN

NO_TOKEN = "PASTE_TOKEN_HERE"  # noqa: S105
_DOORS = ("UDP", "NETFLOW", "HTTP")
_PLACE = re.compile("@([A-Z_]+)@")
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Server:
    """Where senders reach this server; ``secure`` says that HTTP intake speaks TLS."""

    address: str
    """Of syslog over TCP, and of all others that ``others`` does not name."""
    syslog: int
    netflow: int
    http: int
    secure: bool
    udp: int | None = None
    """Port of syslog over UDP; None: as over TCP."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Addresses by ``UDP``, ``NETFLOW``, ``HTTP``."""
    ca: str = ""
    """Certificate of the local CA (PEM); empty where the site's own is used, or none."""

    @property
    def places(self) -> dict[str, str]:
        """What the texts ask for."""
        addresses = {"": self.address} | {f"{door}_": self.others.get(door, self.address) for door in _DOORS}
        return {
            **{f"{door}ADDRESS": address for door, address in addresses.items()},
            **{f"{door}HOST": f"[{text}]" if ":" in text else text for door, text in addresses.items()},
            "UDP": str(self.syslog if self.udp is None else self.udp),
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


def takes_token(product: str) -> bool:
    """Whether the configuration of a product has a token in it. Raises NotFound."""
    return "@TOKEN@" in _text(product)


def _text(product: str) -> str:
    found = _texts()
    if product not in found:
        products = ", ".join(sorted(found))
        raise failure(NotFound, "source_config.unknown", product=product[:40], products=products)
    return found[product].read_text("utf-8")


def configuration(product: str, server: Server, lang: str, token: str = "") -> str:
    """The configuration that makes ``product`` send to ``server``; without a token a word stands where one
    belongs. Raises NotFound with the products there are."""
    lines = []
    for line in _text(product).splitlines():
        head, bar, text = line.partition("| ")
        if not bar or head not in LANGUAGES:
            lines.append(line)
        elif head == lang:
            lines.append(text)
    ca = server.ca.strip() or f"# {say('source_config.no_ca', lang)}"
    places = server.places | {"TOKEN": token or NO_TOKEN, "CA": ca}
    return _PLACE.sub(lambda m: places[m[1]], "\n".join(lines)) + "\n"


def server_of(settings: Settings, given: str | None, running_url: str = "") -> Server:
    """This server as senders see it: the address given, else that of the running console, else the settings'.

    Raises BadInput where none of them is an address that can be sent to (0.0.0.0), or the one given is none.
    """
    running = urlsplit(running_url).hostname or ""
    doors = {door.name: door for door in listeners(settings)}
    http = doors.get("intake", doors["console"])

    def reached(own: str) -> str:
        is_own = not is_here(own) and not _is_unspecified(own)
        address = given if given is not None else own if is_own or is_here(running) else running
        if not _HOST_NAME.fullmatch(address) and not _is_ip(address):
            raise failure(BadInput, "source_config.bad_address", address=address[:80])
        if _is_unspecified(address):
            raise failure(BadInput, "source_config.need_address", address=address[:80])
        return address

    tcp, udp, netflow = doors["syslog_tcp"], doors["syslog_udp"], doors["netflow"]
    others = {"UDP": reached(udp.address), "NETFLOW": reached(netflow.address), "HTTP": reached(http.address)}
    secure = not is_here(others["HTTP"])
    ca = _local_ca(settings) if secure else ""
    return Server(reached(tcp.address), tcp.port, netflow.port, http.port, secure, udp.port, others, ca)


def _local_ca(settings: Settings) -> str:
    """The certificate of the CA that signs ours; empty where the site brought its own."""
    folder = settings.data / "tls"
    if settings.http.certificate is not None or (folder / OWN).exists():
        return ""
    try:
        return (folder / CA).read_text("ascii")
    except OSError:
        return ""


def is_here(address: str) -> bool:
    """Only this machine itself reaches it (or there is no address)."""
    return address in ("", "localhost") or (_is_ip(address) and ipaddress.ip_address(address).is_loopback)


def _is_unspecified(text: str) -> bool:
    return _is_ip(text) and ipaddress.ip_address(text).is_unspecified


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
