"""``notify.webhook``: one POST of JSON to a host that the settings name; nothing else is ever called.

The name is resolved once and that address is connected to, so that a second answer of the resolver cannot lead
elsewhere; no redirects, no proxies, bounded time and answer.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import Field

from core.errors import Refused, Unavailable, cause, failure
from core.words import both
from playbooks.action import Action, Doing, EffectClass, Outcome, Parameters, State, Unsure, World

SECONDS = 10
MAX_ANSWER = 64 << 10


class Webhook(Parameters):
    url: str = Field(max_length=2000)
    body: dict[str, Any] = Field(default_factory=dict)


def _allowed(url: str, world: World) -> tuple[str, str, int, str]:
    """(scheme, host, port, path). Raises Refused."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not port or host not in {h.lower() for h in world.webhook_hosts}:
        raise failure(Refused, "playbook.error.webhook_host", host=host or url[:80])
    return parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_listed(address: ipaddress.IPv4Address | ipaddress.IPv6Address, world: World) -> bool:
    for entry in world.webhook_hosts:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            continue
        if network.version == address.version and address in network:
            return True
    return False


def preview(parameters: Webhook, world: World, doing: Doing) -> Mapping[str, Any]:
    scheme, host, port, path = _allowed(parameters.url, world)
    return {"url": f"{scheme}://{host}:{port}{path}", "body": parameters.body}


def perform(parameters: Webhook, world: World, doing: Doing) -> Outcome:
    scheme, host, port, path = _allowed(parameters.url, world)
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        raise failure(Unavailable, "playbook.error.webhook_name", host=host, why=cause(error)) from error
    resolved = ipaddress.ip_address(str(address).partition("%")[0])
    if not resolved.is_global and not _is_listed(resolved, world):
        raise failure(Refused, "playbook.error.webhook_address", host=host, address=str(resolved))
    body = orjson.dumps(parameters.body)
    headers = {"Host": host, "Content-Type": "application/json", "Idempotency-Key": doing.key}
    try:
        sock = socket.create_connection((str(address), port), SECONDS)
        if scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    except OSError as error:
        raise failure(Unavailable, "playbook.error.webhook_away", host=host, why=cause(error)) from error
    connection = http.client.HTTPConnection(str(address), port, timeout=SECONDS)
    connection.sock = sock
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(MAX_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise failure(Unsure, "playbook.error.webhook_unsure", host=host, why=cause(error)) from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise failure(Unavailable, "playbook.error.webhook_status", host=host, status=str(answer.status))
    return Outcome(State.DONE, {"status": answer.status})


ACTION = Action("notify.webhook", both("playbook.action.webhook"), EffectClass.ONCE, Webhook, preview, perform)
