"""What one predicate says about the values of a field: the plain meaning, one predicate at a time.

The fast engine must agree with this module on every value; a test holds them together, and explanations are made
with it. Values are compared as texts: numbers and booleans are written as JSON writes them, a list holds if any
member does, a missing field and a null have no member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import re2

from core.clock import from_micros, to_micros
from core.errors import BadInput, failure, reason
from core.query.values import to_double
from detections.ir import MANY, ONE, Kind, Predicate, number_text

MAX_COMPARED = 8_000
"""Characters of a value that are compared; design.md §3, Store."""

Test = Callable[[str], bool]


def text_of(value: Any) -> str:
    """A scalar as the text it is compared as, cut to MAX_COMPARED."""
    if isinstance(value, str):
        text = value if len(value) <= MAX_COMPARED else value[:MAX_COMPARED]
        return text if text.isascii() else _encodable(text)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return str(value)[:MAX_COMPARED]


def _encodable(text: str) -> str:
    # JSON lets lone surrogates through; RE2 and the automata work on UTF-8 and refuse them
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def texts_of(value: Any) -> list[str]:
    """The members of a value as texts; none for a missing field, a null or an empty list."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for member in value for text in texts_of(member)]
    return [text_of(value)]


def holds(predicate: Predicate, texts: Sequence[str], others: Sequence[str] = ()) -> bool:
    """Whether a predicate is true of a field's members; ``others`` are those of the field it refers to."""
    if predicate.kind is Kind.NULL:
        return not texts
    if predicate.kind is Kind.EXISTS:
        return bool(texts)
    if predicate.kind is Kind.FIELD:
        how, cased = predicate.flags.removesuffix("c"), predicate.flags.endswith("c")
        pairs = ((text, other) if cased else (text.lower(), other.lower()) for text in texts for other in others)
        return any(_agree(text, other, how) for text, other in pairs)
    test = test_of(predicate)
    return any(test(text) for text in texts)


def _agree(text: str, other: str, flags: str) -> bool:
    if flags == "s":
        return text.startswith(other)
    if flags == "e":
        return text.endswith(other)
    if flags == "se":
        return other in text
    return text == other


@lru_cache(maxsize=65536)
def test_of(predicate: Predicate) -> Test:
    """A function from one text to whether the predicate holds of it."""
    value = predicate.value
    if predicate.kind is Kind.REGEX:
        found = compile_regex(value, predicate.flags).search
        return lambda text: found(text.encode()) is not None  # of bytes it need not count characters
    if predicate.kind is Kind.CIDR:
        return in_network(value)
    if predicate.kind is Kind.COMPARE:
        return _comparison(value)
    if predicate.kind is Kind.PART:
        return _time_part(value)
    if predicate.kind is Kind.EXPAND:
        return lambda text: False
    exact = _text_test(predicate.kind, value)
    return exact if "c" in predicate.flags else lambda text: exact(text.lower())


def _text_test(kind: Kind, value: str) -> Test:
    if kind is Kind.EQUALS:
        return lambda text: text == value
    if kind is Kind.CONTAINS:
        return lambda text: value in text
    if kind is Kind.STARTS:
        return lambda text: text.startswith(value)
    if kind is Kind.ENDS:
        return lambda text: text.endswith(value)
    whole = compile_regex(like_regex(value), "s").search
    return lambda text: whole(text.encode()) is not None


def like_regex(pattern: str) -> str:
    """A pattern with MANY and ONE as a regular expression over the whole text."""
    parts = [".*" if c == MANY else "." if c == ONE else re2.escape(c) for c in pattern]
    return r"\A" + "".join(parts) + r"\z"


@lru_cache(maxsize=4096)
def compile_regex(pattern: str, flags: str) -> Any:
    """RE2: time linear in the text, whatever the pattern. Raises BadInput for what RE2 cannot do."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
    except re2.error as error:
        raise failure(BadInput, "rules.regex", pattern=repr(pattern[:80]), reason=reason(error)) from error


def address_bits(text: str) -> tuple[int, int] | None:
    """(version, number) of an address; an IPv4-mapped IPv6 address is its IPv4 one; None when it is none."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


def network_bits(text: str) -> tuple[int, int, int]:
    """(version, mask, network) such that an address is inside when ``number & mask == network``."""
    network = ip_network(text)
    return network.version, int(network.netmask), int(network.network_address)


def in_network(text: str) -> Test:
    version, mask, network = network_bits(text)

    def test(value: str) -> bool:
        bits = address_bits(value)
        return bits is not None and bits[0] == version and bits[1] & mask == network

    return test


def _comparison(value: str) -> Test:
    op, _, number = value.partition(":")
    bound = float(number)

    def test(text: str) -> bool:
        has = to_double(text)
        if has is None:
            return False
        if op == "gt":
            return has > bound
        if op == "gte":
            return has >= bound
        return has < bound if op == "lt" else has <= bound

    return test


def _time_part(value: str) -> Test:
    part, _, number = value.partition(":")
    wanted = int(number)

    def test(text: str) -> bool:
        moment = _moment(text)
        if moment is None:
            return False
        has: int = moment.isocalendar().week if part == "week" else getattr(moment, part)
        return has == wanted

    return test


@lru_cache(maxsize=256)
def _moment(text: str) -> datetime | None:
    # a rule that compares asks for every hour that is meant
    try:
        return from_micros(to_micros(text))
    except (ValueError, OverflowError):
        return None
