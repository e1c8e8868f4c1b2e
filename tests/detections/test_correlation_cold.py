"""Groups at rest come back as they were, by name and by time, with what was laid to them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from core.errors import Unavailable
from detections import correlation_log
from detections.correlation_cold import Cold, Resting
from detections.correlation_log import Key


def at_rest(name: str, depth: int, wake: int, spare: int = 0) -> Resting:
    return Resting(("p", (name, "đ")), depth, wake, name.encode(), spare)


def test_they_are_fetched_by_name_and_by_time(tmp_path: Path) -> None:
    cold = Cold(tmp_path)
    groups = [at_rest(f"g{n}", n % 2 + 1, 1000 - n) for n in range(700)]
    cold.put(groups)
    assert sorted(cold) == sorted(groups)
    assert (cold.first(1), cold.first(2), cold.first(3)) == (302, 301, None)
    assert sorted(cold.take([each.key for each in groups[100:]] + [("p", ("nobody",))])) == sorted(groups[100:])
    assert (len(cold), cold.first(1), cold.first(2)) == (100, 902, 901)
    assert cold.due(2, 904) == [groups[99], groups[97]]
    assert len(cold) == 98
    assert cold.take([groups[99].key]) == []


def test_it_is_a_dictionary_with_a_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlation_log, "_SLACK", 1000)
    monkeypatch.setattr(correlation_log, "_BUFFER", 100)
    random, cold, known = Random(4), Cold(tmp_path), dict[Key, Resting]()
    files = set()
    for step in range(4000):
        name = f"g{random.randrange(60 + step // 20)}"
        key = ("p", (name, "đ"))
        if key not in known:
            known[key] = at_rest(name, random.randint(1, 2), random.randrange(10_000), random.randrange(4))
            cold.put([known[key]])
        elif known[key].spare and random.random() < 0.6:
            assert cold.spare([key, ("q", key[1])]) == [known[key].spare, 0]
            cold.append({key: (1, data := str(step).encode())})
            known[key] = known[key]._replace(spare=known[key].spare - 1, later=(*known[key].later, data))
        elif random.random() < 0.5:
            assert cold.take([("p", ("nobody",)), key]) == [known.pop(key)]
        else:
            upto = random.randrange(10_000)
            woken = [each for each in known.values() if each.depth == 1 and each.wake <= upto][:500]
            assert sorted(cold.due(1, upto)) == sorted(woken)
            known = {key: each for key, each in known.items() if each not in woken}
        assert cold.first(2) == min((each.wake for each in known.values() if each.depth == 2), default=None)
        files.add(id(cold._log))
    assert sorted(cold) == sorted(known.values())
    assert len(files) > 3, "written anew"
    assert not list(tmp_path.iterdir()), "the scratch has no name"


def test_two_groups_of_one_number_are_not_taken_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = at_rest("one", 1, 5, 9), at_rest("two", 1, 5).key
    cold = Cold()
    cold.put([one])
    numbers = cold._numbers
    monkeypatch.setattr(cold, "_numbers", lambda keys: numbers([one.key] * len(keys)))
    cold.append({two: (1, b"laid to the wrong one")})
    with pytest.raises(Unavailable, match="one number"):
        list(cold)
    with pytest.raises(Unavailable, match="one number"):
        cold.take([one.key])
