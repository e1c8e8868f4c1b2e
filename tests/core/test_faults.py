from __future__ import annotations

import pytest

from core.faults import Fault, Problem


@pytest.mark.parametrize("problem", list(Problem))
def test_all_but_the_last_two_are_wrong(problem: Problem) -> None:
    assert Fault(problem, 1).is_wrong == (problem not in list(Problem)[-2:])


def test_its_place_has_a_name() -> None:
    assert Fault(Problem.CUT, 7).place == "root 7"
    assert Fault(Problem.CUT, 7, of="tombstone").place == "tombstone 7"
