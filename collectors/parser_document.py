"""The JSON object of a raw: read fast, and once more where the fast reading rounds a number or meets broken UTF-8."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import orjson

MAX_JSON = 16 << 20
_ROUNDED = float(1 << 63)
# an escaped sign; of surrogates a pair, or one that stands alone
_LONE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_HARMLESS = frozenset((str, int, bool, type(None)))
_ESCAPED = "kydai.json"


def read_document(message: str) -> dict[str, Any] | None:
    """The object that the text is (``@cee:`` may stand before it), or None.

    Whole numbers of any size are exact; half of a surrogate pair, which is no text, reads as its own escape.
    """
    head = message[:1]
    if head == "@" and message.startswith("@cee:"):
        message = message[5:].lstrip()
        head = message[:1]
    if head == " ":
        message = message.lstrip()
        head = message[:1]
    if head != "{" or len(message) > MAX_JSON:
        return None
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError:
        if (text := _LONE.sub(_written_out, message)) == message:
            return None
        return read_document(text)
    if not isinstance(document, dict):
        return None
    return _exact(message) or document if _is_rounded(document) else document


def _written_out(match: re.Match[str]) -> str:
    return "\\\\" + match[1] if match[1] else match[0]


def json_text(data: bytes) -> str:
    """Bytes as text; those that are not UTF-8 stand as ``\\\\xNN``, which reads ``\\xNN`` within a JSON string."""
    return data.decode("utf-8", _ESCAPED)


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"\\\\x{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ESCAPED, _escape)


def _is_rounded(document: dict[str, Any]) -> bool:
    """A float so large that it may stand for a whole number of more than 64 bits."""
    todo: list[Any] = [document.values()]
    while todo:
        here = todo.pop()
        if _HARMLESS.issuperset(map(type, here)):
            continue
        for value in here:
            kind = value.__class__
            if kind is dict:
                todo.append(value.values())
            elif kind is list:
                todo.append(value)
            elif kind is float and not -_ROUNDED < value < _ROUNDED:
                return True
    return False


def _exact(message: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(message)
    except RecursionError:  # the fast reader goes deeper
        return None
    return found
