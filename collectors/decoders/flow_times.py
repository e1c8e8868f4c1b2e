"""When flows began and ended: times as such, and milliseconds since the exporter started (RFC 7012, elements 21, 22).

When it started is told by the header's uptime (v5, v9), by the flow itself or by options records (element 160).
"""

from __future__ import annotations

import numpy as np

from collectors.decoders import columns as c
from collectors.decoders.elements import Kind
from collectors.decoders.plan import Plan, Source
from collectors.decoders.records import Records
from core.clock import SECOND, Micros

BOOT = (0, 160)
"""systemInitTimeMilliseconds."""

_INT64_MAX = 2**63 - 1


def absolute(source: Source, buffer: bytes, count: int, size: int) -> c.Ints:
    """The times that an element of a record says, in microseconds."""
    if source.kind in (Kind.MICROS, Kind.NANOS):
        return c.ntp_micros(buffer, count, size, source.offset)
    values = c.uints(buffer, count, size, source.offset, source.length)
    unit = SECOND if source.kind is Kind.SECONDS else 1000
    return np.minimum(values, _INT64_MAX // unit) * unit


def boot_told(plan: Plan, cut: Records) -> Micros:
    """When the exporter started, by the last of some options records; 0 when they do not say."""
    source = plan.sources.get(BOOT)
    if source is None or source.kind is not Kind.MILLIS or not cut.count:
        return 0
    started = absolute(source, bytes(cut.fixed), cut.count, plan.size)[-1:]
    return int(started[0]) if c.possible(started).all() else 0


def since_boot(switched: c.Ints, uptime: c.Ints, started: c.Ints, base: c.Ints) -> c.Ints:
    """The times of ``switched``, milliseconds since the exporter started; 0 where nobody says since when.

    ``uptime`` is what the header says of that in milliseconds (-1: nothing), ``started`` what element 160 says, in
    microseconds (0: nothing), ``base`` the time of export.
    """
    is_told = (uptime < 0) & (started > 0)
    uptime = np.where(is_told, np.maximum(base - started, 0) // 1000, uptime)
    # the counter wraps after 49.7 days, and a flow may end a moment after the header was stamped
    age = (uptime - switched).astype(np.uint32).astype(np.int32).astype(np.int64)
    # beside a header's uptime, 0 is how exporters say nothing
    return np.where((uptime >= 0) & ((switched > 0) | is_told), base - age * 1000, 0)
