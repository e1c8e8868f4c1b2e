"""What holds for every request, before any route: HTTPS off loopback, bounded bodies, and the answer's headers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import ip_address

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import TooLarge, known
from core.clock import MINUTE, SECOND, Micros
from core.errors import NotFound, Refused, failure

API = "/api/"
BODY_LIMIT = 8 << 20
"""Bytes of a request's body; HTTP intake has its own limit."""
INTAKE_PATH = "/api/v1/ingest"
REST_BYTES = 64 << 20
REST_SECONDS = 10
"""How much of a body that was refused is taken off the wire, and for how long."""
HEALTH_PATH = "/api/v1/health"

# Mantine sets styles in place, which needs 'unsafe-inline' for styles; scripts come from our own files only
_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def is_loopback(host: str | None) -> bool:
    """Whether a peer's address is this machine itself; what is no address is not."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def address_of(request: Request) -> str:
    """Where a request came from, IPv4 as itself where a socket for both families has it within IPv6."""
    host = request.client.host if request.client else ""
    return host.removeprefix("::ffff:") if "." in host else host


def is_private(request: Request) -> bool:
    """Whether nobody on the way can read it: HTTPS, or from this machine itself."""
    return request.url.scheme == "https" or is_loopback(request.client.host if request.client else None)


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        request = Request(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if path.startswith(API):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        if path.startswith(API) and path != HEALTH_PATH and not is_private(request):
            await known(request, failure(Refused, "api.plain_http"))(scope, receive, send_with_headers)
            return
        if path == INTAKE_PATH:
            body = _Body(receive, is_held_back="expect" in request.headers)

            async def send_behind(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] >= 400:
                    await body.take_rest()
                await send_with_headers(message)

            await self.app(scope, body.receive, send_behind)
            return
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > BODY_LIMIT:
            too_large = failure(TooLarge, "api.body_limit", limit=f"{BODY_LIMIT >> 20} MiB")
            await known(request, too_large)(scope, receive, send_with_headers)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_LIMIT:
                raise HTTPException(413)  # FastAPI lets only its own kind through while it reads a body
            return message

        await self.app(scope, bounded, send_with_headers)


class IntakeOnly:
    """The app as senders see it on an address of their own: intake and health, and not that there is more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in (INTAKE_PATH, HEALTH_PATH):
            await known(Request(scope), failure(NotFound, "api.intake_only"))(scope, receive, send)
            return
        await self.app(scope, receive, send)


class _Body:
    """A request's body, of which the rest can be taken off the wire.

    A sender that is refused while it still writes, on a connection that ends with the answer, would see that
    connection reset and never the answer. One that asks first (``Expect: 100-continue``) has not begun.
    """

    def __init__(self, receive: Receive, *, is_held_back: bool) -> None:
        self._receive = receive
        self._has_more = not is_held_back

    async def receive(self) -> Message:
        message = await self._receive()
        self._has_more = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def take_rest(self) -> None:
        taken = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                while self._has_more and taken < REST_BYTES:
                    taken += len((await self.receive()).get("body", b""))


class AddressWaits:
    """Slows down an address that keeps sending wrong names or passwords: a growing wait, in memory, bounded."""

    FREE = 10
    LONGEST = 15 * MINUTE
    ADDRESSES = 10_000

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, Micros]] = {}

    def seconds_left(self, address: str, now: Micros) -> int:
        until = self._failures.get(address, (0, 0))[1]
        return max(0, -(-(until - now) // SECOND))

    def failed(self, address: str, now: Micros) -> None:
        count = self._failures.pop(address, (0, 0))[0] + 1
        while len(self._failures) >= self.ADDRESSES:
            del self._failures[next(iter(self._failures))]
        wait = 0 if count < self.FREE else min(self.LONGEST, SECOND << min(count - self.FREE, 20))
        self._failures[address] = (count, now + wait)

    def succeeded(self, address: str) -> None:
        self._failures.pop(address, None)
