"""Several answers as one."""

from __future__ import annotations

from dataclasses import replace

from core.store.contract import Truth


def together(*truths: Truth) -> Truth:
    """Of several answers as one: whole where each is; what any of them lacks is missing, once."""
    missing = {(m.what, m.detail): m for truth in truths for m in truth.missing}
    return replace(
        truths[-1],
        exact=all(truth.exact for truth in truths),
        complete=all(truth.complete for truth in truths),
        missing=tuple(missing.values()),
    )
