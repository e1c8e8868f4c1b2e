"""The names of fields in documents of Elasticsearch."""

from __future__ import annotations

import pytest

from core.store.elastic_fields import (
    INDEX,
    WORDS,
    address_prefix,
    folded,
    held,
    is_aside,
    is_mapped,
    key_of,
    kv_prefix,
    searched,
    short,
)


def test_where_texts_are_searched_and_held() -> None:
    assert (searched("user.name"), held("user.name")) == ("user.name.lower", "user.name")
    assert searched("process.command_line") == f"{INDEX}lower.process.command_line"
    assert (searched("source.ip"), held("source.ip")) == (f"{INDEX}ip.source.ip.lower", f"{INDEX}ip.source.ip")
    assert folded("rule.name") == f"{INDEX}fold.rule.name"
    assert {"message", "error.message", "host.name"} <= WORDS


@pytest.mark.parametrize("name", ["", " ", "_id", "_x", "kydai.whole", "kydai.texts", f"{INDEX}kv"])
def test_names_that_no_document_can_have(name: str) -> None:
    assert is_aside(name)
    assert not is_mapped(name)


def test_an_id_and_fields_of_products_are_not_mapped() -> None:
    assert is_mapped("user.name")
    assert not any(map(is_mapped, ("event.id", "vendor.code", "a..b")))


def test_a_name_and_a_value_never_pass_for_others() -> None:
    names = ["a", "a=b", "a%3Db", "a%", "a\x01", "a%01"]
    assert len({kv_prefix(name) + "b=c" for name in names} | {kv_prefix("a") + "b=b=c"}) == len(names) + 1
    assert all(address_prefix(name).endswith("\x01") for name in names)
    assert key_of('a"b') == '"a\\"b"'


def test_very_long_names_are_known_by_their_digest() -> None:
    assert short("a" * 125) == "a" * 125
    assert short("ế" * 166) == "ế" * 166
    assert short("a" * 501) != short("a" * 502)
    assert len(kv_prefix("a" * 100_000)) < 100
