"""The JSON object of a raw, its numbers exact, also where it meets broken UTF-8."""

from __future__ import annotations

import codecs
import re
from typing import Any

import msgspec
import orjson

MAX_JSON = 16 << 20
# an escaped sign; of surrogates a pair, or one that stands alone
_LONE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_ESCAPED = "kydai.json"
_exact = msgspec.json.Decoder().decode


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
        document = _read(message)
    except ValueError:
        if (text := _LONE.sub(_written_out, message)) == message:
            return None
        return read_document(text)
    return document if isinstance(document, dict) else None


def _read(message: str) -> Any:
    try:
        return _exact(message)
    except RecursionError:
        return orjson.loads(message)  # it goes deeper, and rounds numbers of more than 64 bits


def _written_out(match: re.Match[str]) -> str:
    return "\\\\" + match[1] if match[1] else match[0]


def json_text(data: bytes) -> str:
    """Bytes as text; those that are not UTF-8 stand as ``\\\\xNN``, which reads ``\\xNN`` within a JSON string."""
    return data.decode("utf-8", _ESCAPED)


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"\\\\x{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ESCAPED, _escape)
