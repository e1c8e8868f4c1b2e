from __future__ import annotations

import struct

import numpy as np
import pytest

from collectors.decoders.plan import Plan, plan_of
from collectors.decoders.sampling import ORIGINS, rates_of, rates_told
from collectors.decoders.templates import NO_SAMPLING, SCOPE, Field, Sampling, Template


def plan_for(*fields: tuple[int, int, int], scopes: int | None = None) -> Plan:
    """Fields as (enterprise, element, length)."""
    return plan_of(Template(tuple(Field(*f) for f in fields), scopes))


SYSTEM = (SCOPE, 1, 4)
INTERFACE = (SCOPE, 2, 4)


@pytest.mark.parametrize(
    ("plan", "record", "told"),
    [
        (plan_for(SYSTEM, (0, 34, 4), scopes=1), struct.pack("!II", 0, 100), [("domain", 0, 100)]),
        (plan_for(SYSTEM, (0, 48, 1), (0, 50, 4), scopes=1), b"\0\0\0\0\x02\0\0\x03\xe8", [("sampler", 2, 1000)]),
        (plan_for(INTERFACE, (0, 34, 4), scopes=1), struct.pack("!II", 7, 64), [("interface", 7, 64)]),
        (plan_for((0, 10, 4), (0, 34, 4), scopes=1), struct.pack("!II", 7, 64), [("interface", 7, 64)]),
        (plan_for((0, 302, 2), (0, 305, 4), (0, 306, 4), scopes=1), struct.pack("!HII", 5, 1, 9), [("sampler", 5, 10)]),
        (plan_for((0, 149, 4), (0, 305, 4), scopes=1), struct.pack("!II", 5, 512), [("domain", 0, 512)]),
        (plan_for((0, 149, 4), (0, 309, 4), (0, 310, 4), scopes=1), struct.pack("!III", 0, 2, 9), [("domain", 0, 4)]),
        (plan_for(SYSTEM, (0, 34, 4), scopes=1), struct.pack("!II", 0, 0), []),
        (plan_for(SYSTEM, (0, 34, 8), scopes=1), struct.pack("!IQ", 0, 2**63), []),
    ],
)  # fmt: skip
def test_rates_that_options_tell(plan: Plan, record: bytes, told: list[tuple[str, int, int]]) -> None:
    assert list(rates_told(plan, [record])) == told


def test_one_rate_for_all_without_looking_at_rows() -> None:
    plan = plan_for((0, 8, 4))
    assert rates_of(plan, bytes(8), 2, NO_SAMPLING) == (0, ORIGINS.index("unknown"))
    assert rates_of(plan, bytes(8), 2, Sampling(64, "header")) == (64, ORIGINS.index("header"))


def test_precedence_record_sampler_interface_domain() -> None:
    plan = plan_for((0, 34, 2), (0, 48, 1), (0, 10, 2))
    rows = [(5, 1, 1), (0, 1, 1), (0, 9, 1), (0, 9, 9)]
    buffer = b"".join(struct.pack("!HBH", *row) for row in rows)
    sampling = Sampling(1000, "domain", samplers=((1, 10),), interfaces=((1, 100),))
    rates, origins = rates_of(plan, buffer, 4, sampling)
    assert np.asarray(rates).tolist() == [5, 10, 100, 1000]
    assert [ORIGINS[o] for o in np.asarray(origins)] == ["record", "sampler", "interface", "domain"]


def test_the_pair_of_interval_and_space_in_a_record() -> None:
    plan = plan_for((0, 305, 4), (0, 306, 4))
    rates, _ = rates_of(plan, struct.pack("!IIII", 1, 999, 0, 0), 2, NO_SAMPLING)
    assert np.asarray(rates).tolist() == [1000, 0]
