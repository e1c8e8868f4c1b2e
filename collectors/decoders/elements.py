"""Information elements: what each field of a template is called and how its bytes are read.

``elements.csv`` holds the IANA registry "IPFIX Information Elements" up to 482 (shared by NetFlow v9 below 128)
and the few numbers above 32767 that Cisco ASA and Palo Alto firewalls use in NetFlow v9. Names are the
registry's, in snake case. What the table does not know is kept as hexadecimal text.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

REVERSE = 29305
"""RFC 5103: with this enterprise number an IANA element speaks of the other direction of a biflow."""


class Kind(StrEnum):
    """How the bytes of an element are read (RFC 7011 section 6.1)."""

    UINT = "uint"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    MAC = "mac"
    TEXT = "text"
    OCTETS = "octets"
    SECONDS = "seconds"
    MILLIS = "millis"
    MICROS = "micros"
    """An NTP timestamp (64 bits, from 1900), not a count of microseconds; NANOS as well."""
    NANOS = "nanos"


@dataclass(frozen=True, slots=True)
class Element:
    name: str
    kind: Kind


@cache
def _table() -> dict[tuple[int, int], Element]:
    text = files(__package__).joinpath("elements.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(int(r["pen"]), int(r["id"])): Element(r["name"], Kind(r["kind"])) for r in rows}


def element(pen: int, number: int) -> Element:
    """The element of an enterprise (0: IANA). Unknown ones are named ``type_<pen>_<id>`` and read as octets."""
    table = _table()
    found = table.get((pen, number))
    if found is None and pen == REVERSE:
        forward = table.get((0, number))
        found = forward and Element(f"reverse_{forward.name}", forward.kind)
    return found or Element(f"type_{pen}_{number}", Kind.OCTETS)
