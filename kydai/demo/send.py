"""The player: puts emissions on real sockets at their true times. Nothing it sends leaves loopback."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx

from core.clock import SECOND, Clock
from core.errors import BadConfig, Unavailable, cause, failure
from kydai.demo.emission import Emission, Transport
from kydai.demo.world import World
from kydai.log import logger

HTTP_EVERY = 0.25
HTTP_LINES = 200
HTTP_TRIES = 4
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Targets:
    """Where our receivers listen. ``address`` is a loopback address; ``intake`` the whole URL of the HTTP intake
    (``http://127.0.0.1:8470/api/v1/ingest``); ``tokens`` name → secret for each of ``World.tokens()``."""

    address: str
    syslog_udp: int
    syslog_tcp: int
    flows: int
    intake: str
    tokens: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class Sent:
    """What was sent, by transport; what HTTP answered; what could not be sent, by reason."""

    sent: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    stories: Counter[str] = field(default_factory=Counter)


async def play(
    emissions: Iterable[Emission],
    world: World,
    targets: Targets,
    clock: Clock,
    *,
    sleep: Sleep = asyncio.sleep,
    client: httpx.AsyncClient | None = None,
    watch: Callable[[Emission], None] | None = None,
) -> Sent:
    """Send ``emissions``, each when ``clock`` reaches its time; late ones at once, with the times they carry.

    ``watch`` sees each emission right after it was sent (HTTP: after it was queued for the next post). Returns
    what was sent. Raises BadConfig when ``targets.address`` is not loopback or a token is missing, Unavailable when
    the syslog port does not answer.
    """
    _check(world, targets)
    wire = _Wire(world, targets, client or httpx.AsyncClient(trust_env=False, timeout=10), sleep)
    try:
        for emission in emissions:
            while (wait := (emission.at - clock.now()) / SECOND) > 0:
                await wire.post_all()
                await sleep(min(wait, HTTP_EVERY))
            await wire.put(emission)
            if watch is not None:
                watch(emission)
        await wire.post_all()
    finally:
        await wire.close()
    return wire.count


def send_datagrams(emissions: Iterable[Emission], world: World, targets: Targets) -> None:
    """Send syslog datagrams at once, each from its host's own address. Raises BadConfig as ``play`` does."""
    _check(world, targets)
    for emission in emissions:
        with _udp_socket(world.host(emission.host).own) as udp:
            udp.sendto(emission.data, (targets.address, targets.syslog_udp))


def _check(world: World, targets: Targets) -> None:
    if not ip_address(targets.address).is_loopback:
        raise BadConfig(f"the demonstration sends to loopback only, not to {targets.address}")
    missing = sorted(set(world.tokens()) - set(targets.tokens))
    if missing:
        raise BadConfig(f"the demonstration has no token for {', '.join(missing)}")


class _Wire:
    """The open sockets: one UDP socket a sender's address, one TCP connection of the relay, one HTTP client."""

    def __init__(self, world: World, targets: Targets, client: httpx.AsyncClient, sleep: Sleep) -> None:
        self.world = world
        self.targets = targets
        self.client = client
        self.sleep = sleep
        self.count = Sent()
        self.udp: dict[str, socket.socket] = {}
        self.tcp: asyncio.StreamWriter | None = None
        self.queued: dict[str, list[bytes]] = {}

    async def put(self, emission: Emission) -> None:
        match emission.transport:
            case Transport.SYSLOG_UDP:
                self._datagram(self.world.host(emission.host).own, self.targets.syslog_udp, emission.data)
            case Transport.NETFLOW:
                self._datagram(self.world.exporters[emission.host].own, self.targets.flows, emission.data)
            case Transport.SYSLOG_TCP:
                await self._counted(emission.data)
            case Transport.HTTP:
                token = self.world.host(emission.host).token
                lines = self.queued.setdefault(token, [])
                lines.append(emission.data)
                if len(lines) >= HTTP_LINES:
                    await self._post(token)
        self.count.sent[emission.transport] += 1
        if emission.story is not None:
            self.count.stories[emission.story] += 1

    def _datagram(self, own: str, port: int, data: bytes) -> None:
        if own not in self.udp:
            self.udp[own] = _udp_socket(own)
        try:
            self.udp[own].sendto(data, (self.targets.address, port))
        except OSError as error:
            self.count.failed[f"udp: {errno.errorcode.get(error.errno or 0, 'unknown')}"] += 1

    async def _counted(self, data: bytes) -> None:
        # octet counting (RFC 6587 §3.4.1): audit events have newlines in them
        frame = b"%d %s" % (len(data), data)
        for is_last in (False, True):
            try:
                if self.tcp is None:
                    _, self.tcp = await asyncio.open_connection(self.targets.address, self.targets.syslog_tcp)
                self.tcp.write(frame)
                await self.tcp.drain()
                return
            except OSError as error:
                self.tcp = None
                if is_last:
                    address = f"{self.targets.address}:{self.targets.syslog_tcp}"
                    raise failure(Unavailable, "demo.error.syslog", address=address, why=cause(error)) from error

    async def post_all(self) -> None:
        """Post what is queued for each token."""
        for token in list(self.queued):
            await self._post(token)

    async def _post(self, token: str) -> None:
        lines = self.queued.pop(token, [])
        if not lines:
            return
        reason = "unknown"
        for attempt in range(HTTP_TRIES):
            if attempt:
                await self.sleep(0.2 * 2**attempt)
            try:
                answer = await self.client.post(
                    self.targets.intake,
                    content=b"\n".join(lines) + b"\n",
                    headers={
                        "Authorization": f"Bearer {self.targets.tokens[token]}",
                        "Content-Type": "application/x-ndjson",
                    },
                )
            except httpx.HTTPError as error:
                reason = type(error).__name__
                continue
            if answer.status_code == 200:
                self.count.accepted += int(answer.json().get("accepted", 0))
                return
            reason = f"status {answer.status_code}"
            if answer.status_code < 500 and answer.status_code != 429:
                break
        self.count.failed[f"http: {reason}"] += len(lines)
        logger.warning("Lines of the demonstration were not taken.", token=token, lines=len(lines), reason=reason)

    async def close(self) -> None:
        for udp in self.udp.values():
            udp.close()
        if self.tcp is not None:
            self.tcp.close()
            await self.tcp.wait_closed()
        await self.client.aclose()


def _udp_socket(own: str) -> socket.socket:
    """A UDP socket that sends from ``own``; from any address where the whole of 127.0.0.0/8 is not local."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if own:
        try:
            made.bind((own, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                made.close()
                raise
            logger.warning("This loopback address cannot be had; its device will show as the relay.", address=own)
    return made
