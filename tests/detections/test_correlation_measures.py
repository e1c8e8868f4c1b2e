"""Windows kept up while items come and go equal windows made anew."""

from __future__ import annotations

from random import Random

from detections.correlation_items import Item
from detections.correlation_measures import interpolated, measure_of
from tests.detections.correlation_cases import document, pattern_set, random_documents


def test_leaving_undoes_entering() -> None:
    random = Random(3)
    for _ in range(300):
        pattern = pattern_set(*random_documents(random)).patterns[0]
        if pattern.type == "temporal_ordered":
            continue  # it looks at starts of chains instead of letting items leave
        values: list[float | str] = [1.0, 0.1, 0.2, -3.5] if pattern.reads_number else ["x", "y", ""]
        bits = (1 << len(pattern.references)) - 1
        items = [Item(n, f"e{n}", random.randint(1, bits), random.choice(values)) for n in range(12)]
        left, anew = measure_of(pattern), measure_of(pattern)
        for item in items:
            left.add(item)
        for item in items[:7]:
            left.remove(item)
        for item in items[7:]:
            anew.add(item)
        assert left.holds(0) == anew.holds(0), pattern


def test_sums_round_once() -> None:
    def total(**condition: float) -> bool:
        (pattern,) = pattern_set(
            document("sum", type="value_sum", rules=["a"], timespan="1m", condition={"field": "v", **condition})
        ).patterns
        measure = measure_of(pattern)
        for number in range(10):
            measure.add(Item(number, str(number), 1, 0.1))
        return measure.holds(0)

    assert total(eq=1)
    assert not total(gt=1)


def test_percentiles_lie_between_neighbours() -> None:
    assert interpolated([1, 2, 4], 0.75) == 3
    assert interpolated([1, 2, 4], 1.0) == 4
    assert interpolated([5], 0.9) == 5


def test_an_instants_items_take_turns_in_any_order_but_each_once() -> None:
    (pattern,) = pattern_set(document("turns", type="temporal_ordered", rules=["a", "b", "a"], timespan="1m")).patterns
    for masks, holds in (((1, 2, 1), True), ((3, 3, 1), True), ((3, 1), False), ((1, 1, 1), False), ((3, 3, 2), True)):
        measure = measure_of(pattern)
        measure.instant()
        for number, mask in enumerate(masks):
            measure.add(Item(7, str(number), mask))
        assert measure.holds(7) is holds, masks
