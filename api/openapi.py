"""``python -m api.openapi > console/openapi.json``: the document that the console's types are made from."""

from __future__ import annotations

import sys
from typing import Any, cast

import orjson

from api.app import create_app
from api.deps import Services


def document() -> dict[str, Any]:
    """The OpenAPI document of every route."""
    # no route is called while the document is made, so no service is needed
    nothing = cast(Any, None)
    return create_app(Services(nothing, nothing, nothing, version="1")).openapi()


def text() -> bytes:
    """The document as it stands in console/openapi.json."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    sys.stdout.buffer.write(text())
