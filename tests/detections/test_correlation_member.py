"""A group takes its items in any order, and is whole again after it was packed."""

from __future__ import annotations

from random import Random

import pytest

from core.clock import SECOND
from detections.correlation_alarms import Raised
from detections.correlation_items import Item
from detections.correlation_member import Member, pack, unpack
from tests.detections.correlation_cases import BASE, document, pattern_set
from tests.detections.test_correlation_state import COUNT

(PATTERN,) = pattern_set(document("count", condition={"gte": 3}, **COUNT)).patterns


def item(second: int, name: str, mask: int = 1) -> Item:
    return Item(BASE + second * SECOND, name, mask, None, BASE + second, b"note of " + name[:1].encode())


def test_items_stand_in_order_each_once() -> None:
    random = Random(4)
    for _ in range(200):
        member = Member(PATTERN, ("h1",))
        given = [item(random.randint(0, 5), random.choice("abc"), random.choice((1, 2))) for _ in range(12)]
        told: list[Item] = []
        left = list(given)
        while left:
            size = random.choice((1, 1, 2, 4))
            fresh, late, _ = member.add(left[:size], BASE + 2 * SECOND)
            assert late == [each for each in fresh if each.time <= BASE + 2 * SECOND]
            told, left = told + fresh, left[size:]
        names = {each[:2] for each in given}
        assert [each[:2] for each in member.items] == sorted(names)
        assert sorted(each[:2] for each in told) == sorted(names)


def test_one_that_matches_more_rules_than_was_known_is_told() -> None:
    member = Member(PATTERN, ("h1",))
    member.add([item(1, "a"), item(3, "b")], 0)
    assert member.add([item(1, "a", 2)], 0) == ([], [], True)
    assert member.items[0].mask == 3
    assert member.add([item(1, "a", 2)], 0) == ([], [], False)


@pytest.mark.parametrize("count", [0, 2, 30])
def test_packed_and_unpacked_it_is_the_same(count: int) -> None:
    member = Member(PATTERN, ("h1",), judged=7)
    if count:
        member.add([item(n, f"e{n}") for n in range(count)], BASE + SECOND)
        member.raised = (Raised(BASE, "key", True, False, BASE + 1),)
        member.emitted = {BASE, BASE + 1}
    again = unpack(PATTERN, ("h1",), pack(member))
    assert (again.scan is not None) == (count == 30)
    again.scan = None
    assert again == member
