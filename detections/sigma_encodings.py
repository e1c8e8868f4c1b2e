"""Sigma's modifiers that encode a text, over its bytes; pySigma takes them from here.

pySigma holds encoded text as characters and writes those as UTF-8 again for base64. So ``utf16`` gets the byte order
mark of UTF-8, text outside ASCII is refused, its base64 at offsets is cut at the wrong places, and ``utf16le`` is not
there at all.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar

from sigma.exceptions import SigmaValueError
from sigma.modifiers import SigmaModifier, SigmaValueModifier, modifier_mapping, reverse_modifier_mapping
from sigma.types import SigmaExpansion, SigmaString

_CUT_BEFORE = (0, 2, 3)
"""Characters of base64 that a text shares with what stands 0, 1 or 2 bytes before it."""
_CUT_AFTER = (None, -3, -2)
"""And with what follows, by what its length leaves over 3."""
_LEAST_AT_OFFSETS = 2
"""Of a single byte behind another one no character of base64 is sure."""


class _Bytes(SigmaString):
    """Bytes as the characters 0 to 255, beside the wildcards."""


def _bytes_of(value: SigmaString) -> bytes:
    parts = [part for part in value.s if isinstance(part, str)]
    if len(parts) != len(value.s):
        raise SigmaValueError("Base64 encoding of strings with wildcards is not allowed")
    return "".join(parts).encode("latin-1" if isinstance(value, _Bytes) else "utf-8")


class _Utf16(SigmaValueModifier[SigmaString, SigmaString]):
    encoding: ClassVar[str] = "utf-16-le"
    mark: ClassVar[tuple[str, ...]] = ()

    def modify(self, val: SigmaString) -> SigmaString:
        encoded = _Bytes()
        parts = [part.encode(self.encoding).decode("latin-1") if isinstance(part, str) else part for part in val.s]
        encoded.s = [*self.mark, *parts]
        return encoded


class _Utf16BigEndian(_Utf16):
    encoding = "utf-16-be"


class _Utf16WithMark(_Utf16):
    mark = ("\xff\xfe",)


class _Base64(SigmaValueModifier[SigmaString, SigmaString]):
    def modify(self, val: SigmaString) -> SigmaString:
        return SigmaString(b64encode(_bytes_of(val)).decode())


class _Base64Offset(SigmaValueModifier[SigmaString, SigmaExpansion]):
    """What is the same in the base64 of any text that holds this one, for each of the three places it may stand at."""

    def modify(self, val: SigmaString) -> SigmaExpansion:
        data = _bytes_of(val)
        if len(data) < _LEAST_AT_OFFSETS:
            raise SigmaValueError(f"base64offset needs {_LEAST_AT_OFFSETS} bytes of text, of fewer nothing is the same")
        whole = [b64encode(b" " * before + data).decode() for before in range(3)]
        return SigmaExpansion(
            [
                SigmaString(text[_CUT_BEFORE[before] : _CUT_AFTER[(len(data) + before) % 3]])
                for before, text in enumerate(whole)
            ]
        )


_OURS: dict[str, type[SigmaModifier[Any, Any]]] = {
    "base64": _Base64,
    "base64offset": _Base64Offset,
    "wide": _Utf16,
    "utf16le": _Utf16,
    "utf16be": _Utf16BigEndian,
    "utf16": _Utf16WithMark,
}
modifier_mapping.update(_OURS)
reverse_modifier_mapping.update({modifier.__name__: name for name, modifier in _OURS.items()})
