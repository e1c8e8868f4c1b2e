from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from core.clock import DAY, HOUR, iso, to_micros
from core.errors import BadConfig
from core.event import EventId
from core.store.elastic_names import (
    Grain,
    Grains,
    addressable,
    check_prefix,
    copies,
    copy_name,
    in_places,
    index_name,
    names_of_any_class,
    pattern,
    read_name,
)
from tests.core.store.conformance import START, spool


def test_the_name_is_cut_from_the_hour_of_receipt() -> None:
    for grain, text in ((Grain.DAY, "2026.11.25"), (Grain.WEEK, "2026.w48"), (Grain.MONTH, "2026.11")):
        assert index_name("kydai", "level3", START, Grains(((0, grain),))) == f"kydai-level3-{text}"
    new_year = to_micros("2027-01-01T12:00:00Z")
    assert index_name("kydai", "level3", new_year, Grains()) == "kydai-level3-2026.w53"


@pytest.mark.parametrize("class_", ["level3", "", "mức-cao", "A b/c*", "meta", "a-2026.11", "~", "x" * 100])
def test_a_name_says_its_class_and_its_time(class_: str) -> None:
    for grain, days in ((Grain.DAY, 1), (Grain.WEEK, 7), (Grain.MONTH, 30)):
        name = index_name("kydai", class_, START, Grains(((0, grain),)))
        assert fnmatchcase(name, pattern("kydai"))
        assert name == name.lower()
        assert not set(name) & set('\\/*?"<>| ,#:')
        index = read_name("kydai", name)
        assert index is not None
        assert (index.classes, index.name, index.stored) == ((class_,), name, name)
        copied = copy_name(name, "0123abcd")
        assert not fnmatchcase(copied, pattern("kydai")), "nobody reads it by its own name"
        assert fnmatchcase(copied, copies("kydai"))
        assert read_name("kydai", copied) == replace(index, stored=copied)
        assert index.min_received <= START <= index.max_received
        assert index.max_received + 1 - index.min_received == days * DAY
        assert iso(index.min_received).endswith("T00:00:00.000000Z")


def test_a_class_too_long_for_a_name_is_never_another() -> None:
    names = {index_name("kydai", "x" * 300 + end, START, Grains()) for end in "ab"}
    assert len(names) == 2
    assert all(len(name) < 200 and read_name("kydai", name) is not None for name in names)


@pytest.mark.parametrize(
    "name",
    ["kydai-meta", "kydai-events", "kydai-2026.11", "other-level3-2026.11", "kydai-x-2026.w54", "kydai-x-2026.13"],
)
def test_other_names_say_nothing(name: str) -> None:
    assert read_name("kydai", name) is None


def test_another_grain_is_valid_from_a_future_hour_on() -> None:
    table = Grains().changed(Grain.DAY, START + 5)
    assert table.of(START + 2 * HOUR - 1) is Grain.WEEK
    assert table.of(START + 2 * HOUR) is Grain.DAY
    assert table.changed(Grain.DAY, START + DAY) == table
    undone = table.changed(Grain.WEEK, START + 6)  # before it was valid
    assert undone.of(START + DAY) is Grain.WEEK
    assert names_of_any_class("kydai", START, table) == "kydai-*-2026.w48"
    assert names_of_any_class("kydai", START + 3 * HOUR, table) == "kydai-*-2026.11.25"


@pytest.mark.parametrize("prefix", ["", "Kydai", "kydai-x", "1a", "a" * 21, "_a", "a*"])
def test_what_cannot_begin_a_name_is_refused(prefix: str) -> None:
    with pytest.raises(BadConfig):
        check_prefix(prefix)


def test_no_address_is_longer_than_the_server_takes() -> None:
    names = [index_name("a" * 20, "x" * 100, START + i * DAY, Grains(((0, Grain.DAY),))) for i in range(400)]
    parts = list(addressable(names))
    assert [name for part in parts for name in part] == names
    assert max(len(",".join(part)) for part in parts) <= 3_000
    assert list(addressable([])) == []
    assert list(addressable(["x" * 5_000, "y"])) == [["x" * 5_000], ["y"]]


def test_ids_go_with_the_places_where_they_may_be() -> None:
    grains = Grains(((0, Grain.DAY),))
    ids = [EventId(spool(START + i % 400 * DAY), i, 0) for i in range(1_200)]
    parts = list(in_places("kydai", [*ids, *ids], grains, 500))
    assert [id_ for _, part in parts for id_ in part] == sorted(ids)
    for places, part in parts:
        assert len(part) <= 500
        assert len(",".join(places)) <= 3_000
        assert {names_of_any_class("kydai", id_.received_at, grains) for id_ in part} == set(places)
