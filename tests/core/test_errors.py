"""Errors say what, where and what helps."""

from __future__ import annotations

from core.errors import BadConfig, KydaiError, Place


def test_a_sentence_with_place_and_remedy() -> None:
    error = BadConfig("port is taken.", place=Place("kydai.toml", 3), remedy="Choose another.")
    assert str(error) == "kydai.toml:3: port is taken. Choose another."
    assert isinstance(error, KydaiError)
    assert str(Place("a.yml")) == "a.yml"
    assert str(KydaiError("only this.")) == "only this."
