from __future__ import annotations

from collectors.decoders.plan import Plan, plan_of
from collectors.decoders.records import cut_records
from collectors.decoders.templates import VARIABLE, Field, Template


def plan_for(*fields: tuple[int, int]) -> Plan:
    return plan_of(Template(tuple(Field(0, *f) for f in fields)))


def test_fixed_records_and_their_padding() -> None:
    cut = cut_records(plan_for((7, 2), (4, 1)), memoryview(b"aabccdee"))
    assert (cut.count, bytes(cut.fixed)) == (2, b"aabccd")


def test_variable_records() -> None:
    long = b"L" * 300
    body = b"\0\x01\x03abc" + b"\0\x02\xff\x01\x2c" + long + b"\0\x03\0" + b"\0\0"
    cut = cut_records(plan_for((7, 2), (96, VARIABLE)), memoryview(body))
    assert cut.count == 3
    assert bytes(cut.fixed) == b"\0\x01\0\x02\0\x03"
    assert cut.parts == ([b"abc", long, b""],)


def test_a_length_beyond_the_set_ends_it() -> None:
    plan = plan_for((7, 2), (96, VARIABLE))
    for body in (b"\0\x01\x03abc\0\x02\x09abc", b"\0\x01\x03abc\0\x02\xff\xff", b"\0\x01\x03abc\0\x02\xff"):
        assert cut_records(plan, memoryview(body)).count == 1


def test_a_fixed_run_that_is_cut_ends_the_set() -> None:
    plan = plan_for((96, VARIABLE), (7, 2), (82, VARIABLE))
    assert cut_records(plan, memoryview(b"\x03abc\0")).count == 0
    assert cut_records(plan, memoryview(b"\x02ab\0\x01")).count == 0
