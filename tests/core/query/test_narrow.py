"""The query of a group; tests/core/store/conformance.py sees on both engines that it finds just the group's events."""

from __future__ import annotations

from core.query.narrow import MAX_KEY, group_queries


def only(by: tuple[str, ...], *keys: tuple[str, ...]) -> list[str | None]:
    return group_queries(by, keys, keys)


def test_texts_keep_their_case_and_numbers_and_addresses_are_plain() -> None:
    by = ("user.name", "source.port", "source.ip")
    assert only(by, ("Root", "443", "192.0.2.7")) == ["user.name == Root and source.port: 443 and source.ip: 192.0.2.7"]


def test_what_is_written_in_two_ways_is_compared_as_text() -> None:
    found = only(("source.port", "source.ip"), ("443", "::1"), ("443", "0::1"), ("22", "::1"))
    assert found[2] == 'source.port: 22 and source.ip: "::1"'
    assert [text is not None and "source.port == /443/" in text for text in found] == [True, True, False]


def test_no_query_finds_what_the_type_cannot_hold_or_is_too_long() -> None:
    assert only(("source.port",), ("https",)) == [None]
    assert only(("user.name",), ("x" * (MAX_KEY + 1),), ("x",)) == [None, "user.name == x"]


def test_all_events_are_one_group() -> None:
    assert only((), ()) == [""]
