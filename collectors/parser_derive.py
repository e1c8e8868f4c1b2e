"""Fields that follow from other fields (``derive:`` in packs) and conversions of single values (``as:``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from collectors.parser_contract import Record
from collectors.parser_values import ip_text, put, put_address, put_list, to_double, unmapped

Out = dict[str, Any]


def _lower(out: Out, name: str, value: Any) -> None:
    put(out, name, str(value).lower())


def _upper(out: Out, name: str, value: Any) -> None:
    put(out, name, str(value).upper())


def _address(out: Out, name: str, value: Any) -> None:
    """``to: source`` takes an address or a host name."""
    put_address(out, name, str(value))


def _times(factor: int) -> Callable[[Out, str, Any], None]:
    def convert(out: Out, name: str, value: Any) -> None:
        number = to_double(value)
        if number is None:
            unmapped(out, f"{name}={value}")
        else:
            put(out, name, round(number * factor))

    return convert


def _list(out: Out, name: str, value: Any) -> None:
    put_list(out, name, [part.strip() for part in str(value).split(",") if part.strip()])


def _append(out: Out, name: str, value: Any) -> None:
    kept = out.get(name)
    put_list(out, name, [*(kept if isinstance(kept, list) else []), value])


def _mac(out: Out, name: str, value: Any) -> None:
    """ECS writes MAC addresses in upper case with hyphens (RFC 7042)."""
    put(out, name, str(value).upper().replace(":", "-"))


def _plus(out: Out, name: str, value: Any) -> None:
    """IIS writes a space as ``+``."""
    put(out, name, str(value).replace("+", " "))


def _domain_user(out: Out, name: str, value: Any) -> None:
    """``to: user`` takes ``DOMAIN\\name``, ``name@domain`` or ``name``."""
    text = str(value)
    if "\\" in text:
        domain, _, user = text.partition("\\")
        put(out, f"{name}.domain", domain)
        put(out, f"{name}.name", user)
    elif text.count("@") == 1:
        user, _, domain = text.partition("@")
        put(out, f"{name}.domain", domain)
        put(out, f"{name}.name", user)
    else:
        put(out, f"{name}.name", text)


AS: Mapping[str, Callable[[Out, str, Any], None]] = {
    "lower": _lower,
    "upper": _upper,
    "address": _address,
    "milliseconds": _times(1_000_000),
    "seconds": _times(1_000_000_000),
    "microseconds": _times(1_000),
    "kilobytes": _times(1024),
    "list": _list,
    "append": _append,
    "mac": _mac,
    "plus": _plus,
    "domain_user": _domain_user,
}
"""Conversions by name; durations become nanoseconds, as ``event.duration`` counts."""


def url(out: Out, record: Record | None = None) -> bool:
    """``url.original`` (a path with a query, or a whole address) to its parts; the path is percent-decoded."""
    original = out.get("url.original")
    if not original:
        return True
    rest = original
    scheme, mark, after = original.partition("://")
    if mark and scheme.isalnum() and len(scheme) < 12:
        out["url.scheme"] = scheme.lower()
        authority, slash, rest = after.partition("/")
        rest = slash + rest
        host, colon, port = authority.rpartition("@")[2].rpartition(":")
        if not colon or not port.isdecimal():
            host = host + colon + port
        else:
            put(out, "url.port", port)
        if host:
            out["url.domain"] = host
    rest, _, fragment = rest.partition("#")
    if fragment:
        out["url.fragment"] = fragment
    path, mark, query = rest.partition("?")
    if mark and query:
        out["url.query"] = query
    if path:
        out["url.path"] = unquote(path) if "%" in path else path
        name = path.rpartition("/")[2]
        stem, dot, extension = name.rpartition(".")
        if dot and stem and 0 < len(extension) <= 16 and extension.isalnum():
            out["url.extension"] = extension.lower()
    return True


def http(out: Out, record: Record) -> bool:
    """Outcome of a web request by its status: below 400 success."""
    status = out.get("http.response.status_code")
    if status is not None and "event.outcome" not in out:
        out["event.outcome"] = "success" if status < 400 else "failure"
    return True


def process_name(out: Out, record: Record) -> bool:
    executable = out.get("process.executable")
    if executable and "process.name" not in out:
        out["process.name"] = executable.replace("\\", "/").rpartition("/")[2]
    return True


def file_parts(out: Out, record: Record | None = None) -> bool:
    """``file.path`` to directory, name and extension, for either kind of slash."""
    path = out.get("file.path")
    if not path:
        return True
    at = max(path.rfind("/"), path.rfind("\\"))
    if at > 0:
        out["file.directory"] = path[:at]
    name = path[at + 1 :]
    if name:
        out["file.name"] = name
        stem, dot, extension = name.rpartition(".")
        if dot and stem and 0 < len(extension) <= 16:
            out["file.extension"] = extension.lower()
    return True


def bytes_sum(out: Out, record: Record) -> bool:
    """``network.bytes`` and ``network.packets`` from both sides."""
    for unit in ("bytes", "packets"):
        here, there = out.get(f"source.{unit}"), out.get(f"destination.{unit}")
        if here is not None and there is not None:
            out[f"network.{unit}"] = here + there
    return True


def transport(out: Out, record: Record) -> bool:
    """``network.transport`` from ``network.iana_number``."""
    number = out.get("network.iana_number")
    if number is not None and "network.transport" not in out:
        name = PROTOCOLS.get(number)
        if name:
            out["network.transport"] = name
    return True


PROTOCOLS: Mapping[str, str] = {
    "1": "icmp", "2": "igmp", "6": "tcp", "17": "udp", "41": "ipv6", "47": "gre", "50": "esp", "51": "ah",
    "58": "ipv6-icmp", "89": "ospf", "103": "pim", "112": "vrrp", "132": "sctp",
}  # fmt: skip


def forwarded(out: Out, record: Record) -> bool:
    """``source.ip`` of a web request from ``_remote`` and ``_forwarded``: the first public address, else the first.

    Both are what the server was told to write in the place of the peer: lists when proxies stand before it.
    """
    remote, before = out.pop("_remote", None), out.pop("_forwarded", None)
    more = out.pop("_xff", None)
    if more:
        put_list(out, "http.request.forwarded_for", [part.strip() for part in more.split(",")])
    if remote is None:
        return True
    names = [part.strip() for part in f"{before},{remote}".split(",")] if before else remote.split(", ")
    addresses = [a for a in map(ip_text, names) if a is not None]
    if addresses:
        out["source.ip"] = next((a for a in addresses if _is_public(a)), addresses[0])
    elif len(names) == 1 and names[0] != "unix:":
        put_address(out, "source", names[0])
    if len(names) > 1:
        out["http.request.remote"] = names
    return True


def _is_public(address: str) -> bool:
    return not address.startswith(_PRIVATE) and not (
        address.startswith("172.") and 16 <= int(address.split(".")[1]) <= 31
    )


_PRIVATE = ("10.", "192.168.", "127.", "169.254.", "::1", "fe80:", "fc", "fd", "0.")


def vhost(out: Out, record: Record) -> bool:
    """The virtual host that a server writes first: ``url.domain`` and ``destination.*``."""
    name = out.pop("_vhost", None)
    if name:
        put_address(out, "destination", name)
        if "destination.domain" in out:
            out["url.domain"] = name
            del out["destination.address"]
    return True


def addresses(out: Out, record: Record) -> bool:
    """``.address`` that holds an address becomes ``.ip``; a name also becomes ``.domain``."""
    for side in ("source", "destination"):
        text = out.pop(f"{side}.address", None)
        if text:
            put_address(out, side, text)
    return True


def netfilter(out: Out, record: Record) -> bool:
    """The log prefix tells rule and verdict; MAC= holds destination, source and type of the frame."""
    mac = out.get("netfilter.MAC", "")
    if len(mac) >= 35:
        _mac(out, "destination.mac", mac[:17])
        _mac(out, "source.mac", mac[18:35])
    prefix = out.pop("_prefix", "").strip(" :[]-")
    if prefix:
        out["rule.name"] = prefix
        words = prefix.lower()
        for word, action in _VERDICTS:
            if word in words:
                out["event.action"] = action
                allowed = action in ("accept", "allow")
                out["event.type"] = ["connection", "allowed" if allowed else "denied"]
                out["event.outcome"] = "success" if allowed else "failure"
                break
    return True


_VERDICTS = (
    ("block", "block"), ("drop", "drop"), ("reject", "reject"), ("deny", "deny"), ("denied", "deny"),
    ("accept", "accept"), ("allow", "allow"), ("audit", "audit"),
)  # fmt: skip


def postgresql(out: Out, record: Record) -> bool:
    """The duration that log_duration and log_min_duration_statement write, in milliseconds."""
    duration = out.pop("_duration", None)
    if duration is not None:
        _times(1_000_000)(out, "event.duration", duration)
    return True


def squid(out: Out, record: Record) -> bool:
    """Elapsed milliseconds, the peer that answered, and CONNECT's ``host:port``."""
    elapsed = out.pop("_elapsed", None)
    if elapsed is not None:
        _times(1_000_000)(out, "event.duration", elapsed)
    peer = out.pop("_peer", None)
    if peer:
        put_address(out, "destination", peer)
    if out.get("http.request.method") == "CONNECT":
        host, colon, port = out.get("url.original", "").rpartition(":")
        if colon and port.isdecimal():
            out["url.domain"] = host
            put(out, "url.port", port)
            del out["url.original"]
    return True


def protocol(out: Out, record: Record) -> bool:
    """``_proto`` (a name, or a number of IANA's) to ``network.transport``."""
    text = out.pop("_proto", None)
    if text:
        low = text.lower()
        out["network.transport"] = PROTOCOLS.get(low, low)
    return True


def ui_address(out: Out, record: Record) -> bool:
    """FortiOS names the door an administrator came through as ``https(192.0.2.66)``."""
    ui = out.get("fortinet.firewall.ui", "")
    if ui.endswith(")") and "source.ip" not in out:
        address = ip_text(ui[:-1].rpartition("(")[2])
        if address:
            out["source.ip"] = address
    return True


def mail(out: Out, record: Record) -> bool:
    """Mail servers write names in angle brackets, and ``unknown`` for a client without one."""
    user = out.pop("_user", None)
    if user:
        user = user.strip("<>")
        if user:
            out["user.name"] = user
    if out.get("source.address") in ("unknown", "", None):
        out.pop("source.address", None)
    for side in ("source", "destination"):
        name = out.pop(f"{side}.address", None)
        if name and name != "none":
            put_address(out, side, name)
            if f"{side}.ip" in out:
                out.pop(f"{side}.address", None)
    for field in ("email.from.address", "email.to.address"):
        address = out.get(field)
        if isinstance(address, str):
            out[field] = [address]
    return True


def filterlog(out: Out, record: Record) -> bool:
    """pf writes protocol names in either case."""
    transport_name = out.get("network.transport")
    if transport_name:
        out["network.transport"] = transport_name.lower()
    return True


DERIVE: Mapping[str, Callable[[Out, Record], bool]] = {
    "addresses": addresses,
    "filterlog": filterlog,
    "forwarded": forwarded,
    "mail": mail,
    "netfilter": netfilter,
    "postgresql": postgresql,
    "protocol": protocol,
    "squid": squid,
    "ui_address": ui_address,
    "vhost": vhost,
    "url": url,
    "http": http,
    "process_name": process_name,
    "file_parts": file_parts,
    "bytes_sum": bytes_sum,
    "transport": transport,
}
"""Derivations by name; each works in place and lets the raw pass."""
