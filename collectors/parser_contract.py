"""What a parser is: the record it is given, how it is recognised, what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from collectors.syslog import Header
from core.clock import Micros


class Record:
    """One raw as parsers see it. ``message`` is what follows the syslog header (the whole text without one)."""

    __slots__ = ("created_at", "document", "file", "header", "message", "source", "text", "zone")

    def __init__(
        self,
        text: str,
        message: str,
        header: Header | None,
        document: dict[str, Any] | None,
        created_at: Micros,
        zone: str,
        source: str = "",
        file: str = "",
    ) -> None:
        self.text = text
        self.message = message
        self.header = header
        self.document = document
        self.created_at = created_at
        self.zone = zone
        self.source = source
        self.file = file


@dataclass(frozen=True, slots=True)
class Hint:
    """By what a parser recognises its raws; any of them is enough."""

    programs: frozenset[str] = frozenset()
    """Syslog program names, lower case."""
    starts: tuple[str, ...] = ()
    """What the message starts with."""
    contains: tuple[str, ...] = ()
    """What the message holds, all of it."""
    files: tuple[str, ...] = ()
    """Parts of the name of the file or source, lower case."""
    json: tuple[frozenset[str], ...] = ()
    """Keys that a JSON document has: all of one set."""
    syslog: bool = False
    """Any raw with a syslog header, after all others have been asked."""
    priority: int = 50
    """Among equals the higher is asked first."""


class Parser(Protocol):
    """What turns a raw of one product into fields. Found by name, in ``collectors/parsers``."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> Mapping[str, str]: ...
    @property
    def proven(self) -> bool:
        """Whether a real sample of the product has been parsed, not one made from its manual."""
        ...

    @property
    def hint(self) -> Hint: ...

    def parse(self, record: Record) -> dict[str, Any] | None:
        """The fields of the event, ``@timestamp`` in microseconds if the raw says it; None when it is not ours."""
        ...
