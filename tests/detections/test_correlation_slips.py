"""Slips in correlations are refused with their place and what was meant; what is a person's own stays."""

from __future__ import annotations

import pytest

from detections.sigma_reader import read_file

TEXT = """title: Many
id: 00000000-0000-4000-8000-000000000002
status: test
level: high
correlation:
  type: event_count
  rules: [base]
  group-by: [host.name]
  timespan: 5m
  condition: {gte: 2}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "place", "said"),
    [
        ("event_count", "event_cuont", "6:3", "event_cuont is not known. Perhaps it should be: event_count"),
        ("group-by", "groupby", "8:3", "no key 'groupby'. Perhaps it should be: group-by."),
        ("timespan", "timspan", "9:3", "Perhaps it should be: timespan."),
        ("gte: 2", "gtee: 2", "10:15", "no key 'gtee'. Perhaps it should be: gte"),
        ("gte: 2", "gte: 2, feild: user.name", "10:23", "Perhaps it should be: field"),
        ("5m", "5 minutes", "9:3", "'5 minutes' is not a number and one of"),
    ],
)
def test_a_slip_is_refused(right: str, wrong: str, place: str, said: str) -> None:
    read, (error,) = read_file(TEXT.replace(right, wrong, 1).encode(), "c.yml")
    assert read == []
    assert str(error).startswith(f"c.yml:{place}: ")
    assert said in str(error)


@pytest.mark.parametrize("more", ["  owner: An\n", "  timespan_note: as the bank asked\n", "  aliases: {}\n"])
def test_what_is_like_no_key_or_beside_the_right_one_is_kept(more: str) -> None:
    read, errors = read_file((TEXT + more).encode(), "c.yml")
    assert (len(read), errors) == (1, [])
