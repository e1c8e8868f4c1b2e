"""Sampling rates: what options records tell, and which rate holds for each flow.

Precedence: the flow record's own field, the sampler it names, its interface, its domain (or the header of v5),
what a person configured for the exporter, unknown. A rate of 0 tells nothing (phaag/nfdump issue 187).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from collectors.decoders.columns import Ints, uints
from collectors.decoders.elements import Kind
from collectors.decoders.plan import Plan, Source
from collectors.decoders.templates import SCOPE, Sampling

ORIGINS = ("record", "sampler", "interface", "domain", "header", "configured", "unknown")
"""The values of ``kydai.flow.sampling_source``."""

SAMPLER_IDS = ((0, 48), (0, 302))
INTERFACES = ((0, 10), (0, 14))
_SCOPE_INTERFACE = (SCOPE, 2)
_PLAIN = ((0, 34), (0, 50))
_SPACED = ((0, 305), (0, 306))
_SHARE = ((0, 309), (0, 310))

RATE_ELEMENTS = frozenset({*_PLAIN, *_SPACED, *_SHARE})

_MOST = 1 << 32


def tells_rates(plan: Plan) -> bool:
    return not RATE_ELEMENTS.isdisjoint(plan.sources)


def rates_told(plan: Plan, records: Iterator[bytes] | list[bytes]) -> Iterator[tuple[str, int, int]]:
    """(``domain``|``sampler``|``interface``, id, 1 in n) from the fixed parts of options records."""
    for record in records:

        def value(key: tuple[int, int], record: bytes = record) -> int:
            source = plan.sources.get(key)
            if source is None or source.part >= 0 or source.length > 8:
                return 0
            return int.from_bytes(record[source.offset : source.offset + source.length], "big")

        rate = _rate(value)
        if not 0 < rate < _MOST:
            continue
        sampler = next((key for key in SAMPLER_IDS if key in plan.sources), None)
        if sampler is not None:
            yield "sampler", value(sampler), rate
            continue
        interface = next((key for key in (_SCOPE_INTERFACE, *INTERFACES) if key in plan.sources), None)
        if interface is not None:
            yield "interface", value(interface), rate
        else:
            yield "domain", 0, rate


def _rate(value: Callable[[tuple[int, int]], int]) -> int:
    for key in _PLAIN:
        if found := value(key):
            return found
    taken, skipped = (value(key) for key in _SPACED)
    if taken:
        # 305 alone is sent by exporters that mean 1 in n
        return (taken + skipped) // taken if skipped else taken
    size, population = (value(key) for key in _SHARE)
    return population // size if size else 0


def rates_of(
    plan: Plan, buffer: bytes, count: int, sampling: Sampling
) -> tuple[Ints, npt.NDArray[np.int8]] | tuple[int, int]:
    """The rate of each flow (0: unknown) and its origin as a place in ORIGINS; two numbers if all agree."""
    whole = (sampling.rate or 0, ORIGINS.index(sampling.origin if sampling.rate else "unknown"))
    steps: list[tuple[int, Ints]] = []
    own = _own_rates(plan, buffer, count)
    if own is not None:
        steps.append((ORIGINS.index("record"), own))
    if sampling.samplers:
        steps += [(1, found) for found in _looked_up(plan, buffer, count, SAMPLER_IDS, sampling.samplers)]
    if sampling.interfaces:
        steps += [(2, found) for found in _looked_up(plan, buffer, count, INTERFACES, sampling.interfaces)]
    if not steps:
        return whole
    rates, origins = np.full(count, whole[0], np.int64), np.full(count, whole[1], np.int8)
    for origin, found in reversed(steps):
        known = (found > 0) & (found < _MOST)
        rates[known] = found[known]
        origins[known] = origin
    return rates, origins


def _own_rates(plan: Plan, buffer: bytes, count: int) -> Ints | None:
    if not tells_rates(plan):
        return None
    values: Mapping[tuple[int, int], Ints] = {
        key: _column(plan.sources[key], plan, buffer, count) for key in RATE_ELEMENTS if _is_uint(plan, key)
    }
    rate = np.zeros(count, np.int64)
    for key in _PLAIN:
        if key in values:
            rate = np.where(rate > 0, rate, values[key])
    for below, above, plus in ((*_SPACED, 1), (*_SHARE, 0)):
        if below in values and above in values:
            base = np.maximum(values[below], 1)
            found = np.where(values[below] > 0, (values[above] + plus * base) // base, 0)
            rate = np.where(rate > 0, rate, found)
    return rate


def _looked_up(
    plan: Plan, buffer: bytes, count: int, keys: tuple[tuple[int, int], ...], table: tuple[tuple[int, int], ...]
) -> Iterator[Ints]:
    numbers = np.array([number for number, _ in table], np.int64)
    rates = np.array([rate for _, rate in table], np.int64)
    for key in keys:
        if _is_uint(plan, key):
            ids = _column(plan.sources[key], plan, buffer, count)
            at: Any = np.minimum(np.searchsorted(numbers, ids), len(numbers) - 1)
            yield np.where(numbers[at] == ids, rates[at], 0)


def _is_uint(plan: Plan, key: tuple[int, int]) -> bool:
    source = plan.sources.get(key)
    return source is not None and source.kind is Kind.UINT


def _column(source: Source, plan: Plan, buffer: bytes, count: int) -> Ints:
    return uints(buffer, count, plan.size, source.offset, source.length)
