"""What takes part, in which group, with what value."""

from __future__ import annotations

from core.event import Value
from detections.correlation_items import MAX_TEXT, Item, finite_number, group_text, placed, plain, unique, window
from tests.detections.correlation_cases import document, pattern_set


def test_long_texts_are_bounded_and_stay_different() -> None:
    (pattern,) = pattern_set(
        document(
            "one",
            type="value_count",
            rules=["a"],
            group_by=["host"],
            timespan="5s",
            condition={"gte": 1, "field": ["user", "value"]},
        )
    ).patterns
    long: list[Value] = ["x" * 1_000_000 + end for end in "ab"]
    long += [["x" * 1_000_000, end] for end in "ab"]
    found = {placed(pattern, {"host": host, "user": user, "value": "v"}, ["id-a"])[0] for host in long for user in long}
    assert len({(group, value) for group, _, value in found}) == 16
    for (host,), _, value in found:
        assert len(host) <= MAX_TEXT and len(str(value)) <= 2 * MAX_TEXT
        assert group_text(host) == host  # what a correlation gives to another stays in its group
        assert host.startswith(("x" * 200, '["' + "x" * 198))
    assert group_text("y" * MAX_TEXT) == "y" * MAX_TEXT


def test_values_as_text_and_as_numbers() -> None:
    values: list[Value] = ["", 42, 42.0, True, ["x"], ["x", 1], [], [None], None]
    assert [group_text(value) for value in values] == [
        "",
        "42",
        "42",
        "true",
        "x",
        '["x","1"]',
        None,
        None,
        None,
    ]
    numbers: list[Value] = ["1.5", 3, True, "inf", "nan", "x", None, [2], [1, 2], 10**400]
    assert [finite_number(value) for value in numbers] == [
        1.5,
        3.0,
        None,
        None,
        None,
        None,
        None,
        2.0,
        None,
        None,
    ]


def test_aliases_may_put_one_event_into_two_groups() -> None:
    (pattern,) = pattern_set(
        document(
            "alias",
            type="temporal",
            rules=["a", "b"],
            group_by=["address"],
            aliases={"address": {"a": "source.ip", "b": "client.ip"}},
            timespan="10s",
        )
    ).patterns
    event: dict[str, Value] = {"source.ip": "192.0.2.1", "client.ip": "192.0.2.9"}
    assert placed(pattern, event, ["id-a", "id-b"]) == [(("192.0.2.1",), 1, None), (("192.0.2.9",), 2, None)]
    assert placed(pattern, event | {"client.ip": "192.0.2.1"}, ["id-a", "id-b"]) == [(("192.0.2.1",), 3, None)]
    assert placed(pattern, {"source.ip": None}, ["id-a"]) == []
    assert placed(pattern, event, ["another"]) == []


def test_values_of_several_fields_are_tuples() -> None:
    (pattern,) = pattern_set(
        document("scan", type="value_count", rules=["a"], timespan="10s", condition={"gte": 2, "field": ["ip", "port"]})
    ).patterns
    assert placed(pattern, {"ip": "192.0.2.1", "port": 22}, ["id-a"]) == [((), 1, '["192.0.2.1","22"]')]
    assert placed(pattern, {"ip": "192.0.2.1"}, ["id-a"]) == []


def test_a_field_of_a_windows_event_is_found_by_its_own_name() -> None:
    assert plain({"winlog.event_data.TargetUserName": "lannt"}, "r", "TargetUserName") == "lannt"
    assert plain({"TargetUserName": "x"}, "r", "TargetUserName") == "x"


def test_windows_and_repeats() -> None:
    items = unique([Item(3, "b", 1), Item(1, "a", 1), Item(3, "b", 2), Item(5, "c", 1), Item(3, "a", 1)])
    assert items == [Item(1, "a", 1), Item(3, "a", 1), Item(3, "b", 3), Item(5, "c", 1)]
    assert window(items, 3, 2) == items[:3]
    assert window(items, 3, 0) == items[1:3]
    assert window(items, 9, 3) == []
