"""A real SMTP relay for tests, which can refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.kydai.running import free_port


@dataclass
class Relay:
    """What came, and how it answers."""

    port: int = 0
    sender: str = ""
    """Answer to MAIL FROM; empty: it is taken."""
    data: str = "250 OK"
    refused: set[str] = field(default_factory=set)
    received: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self.sender or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data.startswith("250"):
            self.received.append(message_from_bytes(envelope.content, policy=policy.default))
            self.to.append(list(envelope.rcpt_tos))
        return self.data

    @property
    def subjects(self) -> list[str]:
        return [str(each["Subject"]) for each in self.received]

    @property
    def texts(self) -> list[str]:
        return [str(each.get_content()) for each in self.received]


@contextmanager
def relaying() -> Iterator[Relay]:
    relay = Relay(free_port())
    controller = Controller(relay, hostname="127.0.0.1", port=relay.port)
    controller.start()
    try:
        yield relay
    finally:
        controller.stop()
