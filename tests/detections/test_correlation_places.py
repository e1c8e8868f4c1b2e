"""The table of places is a dictionary."""

from __future__ import annotations

from random import Random

import numpy as np

from detections.correlation_places import Places


def test_it_is_a_dictionary_also_where_numbers_crowd() -> None:
    random, places, known = Random(3), Places(), dict[int, tuple[int, int]]()
    sizes = set()
    for step in range(250):
        # some of one slot; of the last slot, too
        drawn = set(random.sample(range(1, 3000), random.randrange(60)))
        drawn |= {len(places.numbers) * random.randrange(1, 20) - random.randrange(2) for _ in range(3)}
        new = [number for number in drawn if number not in known]
        known |= {number: (step + 1, random.randrange(1000)) for number in new}
        at, wakes = [known[number][0] for number in new], [known[number][1] for number in new]
        places.insert(np.array(new, np.uint64), at, wakes, [7] * len(new), [number % 2 + 1 for number in new])
        asked = list(dict.fromkeys([*random.sample(sorted(known), min(30, len(known))), 5000, 123_456_789]))
        slots = places.find(np.array(asked, np.uint64))
        found = [places.places[slot] if slot >= 0 else None for slot in slots]
        assert found == [known.get(number, (None,))[0] for number in asked]
        assert places.first(2) == min((wake for number, (_, wake) in known.items() if number % 2), default=None)
        upto = random.randrange(1000)
        due = [places.wakes[slot] for slot in places.due(1, upto, 20)]
        assert due == sorted(wake for number, (_, wake) in known.items() if number % 2 == 0 and wake <= upto)[:20]
        gone = [number for number in asked if number in known][: random.randrange(30)]
        places.remove(places.find(np.array(gone, np.uint64)))
        known = {number: value for number, value in known.items() if number not in gone}
        assert sorted(places.places[places.slots()]) == sorted(place for place, _ in known.values())
        sizes.add(len(places.numbers))
    assert len(sizes) > 3
