"""Our own types beside Sigma's correlations, in the shape of those, so that one reader reads them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import BadInput, failure

FIRST_SEEN = "first_seen"
_NEEDED = {FIRST_SEEN: ("fields", "learn", "forget")}
_MAY = {FIRST_SEEN: ("aliases", "group-by", "rules", "type")}


def as_sigma(value: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its ``correlation`` as Sigma's ``value_count``; one of Sigma's types as it is.

    Raises BadInput for keys that there are not, and for those that are lacking.
    """
    body = value["correlation"]
    kind = body.get("type") if isinstance(body, dict) else None
    if kind not in _NEEDED:
        return dict(value)
    keys = {*_NEEDED[kind], *_MAY[kind]}
    if unknown := sorted(str(key) for key in body.keys() - keys):
        raise failure(BadInput, "beyond.keys", type=kind, names=", ".join(unknown), keys=", ".join(sorted(keys)))
    if lacking := [key for key in _NEEDED[kind] if key not in body]:
        raise failure(BadInput, "beyond.lacks", type=kind, names=", ".join(lacking))
    kept = {key: body[key] for key in ("rules", "group-by", "aliases") if key in body}
    made = {"type": "value_count", "timespan": body["learn"], "condition": {"field": body["fields"], "gte": 1}}
    return dict(value) | {"correlation": kept | made}
