from __future__ import annotations

from collectors.decoders.elements import REVERSE, Kind
from collectors.decoders.plan import plan_of
from collectors.decoders.templates import VARIABLE, Field, Template


def plan_for(*fields: tuple[int, int] | tuple[int, int, int]) -> object:
    return plan_of(template(*fields))


def template(*fields: tuple[int, int] | tuple[int, int, int]) -> Template:
    return Template(tuple(Field(f[2] if len(f) == 3 else 0, f[0], f[1]) for f in fields))


def names(*fields: tuple[int, int] | tuple[int, int, int]) -> list[str]:
    return [name for name, _ in plan_of(template(*fields)).columns]


def test_the_same_template_has_the_same_plan() -> None:
    assert plan_for((8, 4)) is plan_for((8, 4))


def test_ecs_columns_take_the_best_element_and_the_rest_keep_their_names() -> None:
    assert names((8, 4), (231, 8), (1, 4)) == ["source.ip", "source.bytes", "netflow.initiator_octets"]


def test_a_total_helps_out_and_keeps_its_own_name() -> None:
    plan = plan_of(template((85, 8), (1, 4)))
    assert [(n, [s.number for s in sources]) for n, sources in plan.columns] == [
        ("source.bytes", [1, 85]),
        ("netflow.octet_total_count", [85]),
    ]


def test_a_second_of_the_same_element_is_kept_beside_the_first() -> None:
    assert names((1, 4), (1, 4), (1, 4)) == [
        "source.bytes",
        "netflow.octet_delta_count",
        "netflow.octet_delta_count_2",
    ]


def test_both_directions_of_a_biflow() -> None:
    assert names((1, 8), (1, 8, REVERSE)) == ["source.bytes", "destination.bytes"]


def test_both_address_families_stay_together() -> None:
    plan = plan_of(template((8, 4), (27, 16)))
    assert [(n, [s.kind for s in sources]) for n, sources in plan.columns] == [("source.ip", [Kind.IPV4, Kind.IPV6])]


def test_padding_and_empty_fields_make_no_column() -> None:
    assert names((210, 3), (4, 0), (7, 2)) == ["source.port"]


def test_a_length_that_does_not_suit_the_element_makes_it_octets() -> None:
    plan = plan_of(template((8, 5), (1, 9)))
    assert {n: s[0].kind for n, s in plan.columns} == {
        "netflow.source_ipv4_address": Kind.OCTETS,
        "netflow.octet_delta_count": Kind.OCTETS,
    }


def test_variable_fields_split_the_record_into_runs() -> None:
    plan = plan_of(template((8, 4), (7, 2), (96, VARIABLE), (11, 2), (82, VARIABLE)))
    assert plan.pieces == (6, -1, 2, -1)
    assert (plan.size, plan.shortest) == (8, 10)
    assert plan.sources[0, 11].offset == 6
    assert plan.sources[0, 82].part == 1
