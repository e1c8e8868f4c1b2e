"""What is told of the answer comes from the API's own words."""

from __future__ import annotations

from core.clock import HOUR, StillClock
from core.words import LANGUAGES
from kydai.demo.answering import Told, _blocked
from kydai.demo.story_text import answered


def test_a_real_block_and_a_dry_one_are_told_apart() -> None:
    now = StillClock().now()
    told = Told(
        "Chặn nguồn",
        "203.0.113.7 và 2 địa chỉ khác",
        "3 địa chỉ này",
        "Trần Quốc Bảo",
        now,
        now + HOUR,
        now + 5,
        is_dry=False,
    )
    for lang in LANGUAGES:
        real = "\n".join(answered(lang, told.answer(is_real=True, another=True)))
        dry = "\n".join(answered(lang, told.answer(is_real=False, another=False)))
        assert real.count("203.0.113.7 và 2 địa chỉ khác") == 1
        assert "3 địa chỉ này" in real
        assert real != dry


def test_a_block_of_many_says_that_it_is_of_the_whole_incident() -> None:
    many = [f"203.0.113.{n}" for n in range(23)]
    assert "23 địa chỉ (203.0.113.0 và 22 địa chỉ khác), là mọi nguồn dò mật khẩu trong vụ việc này" in _blocked(
        many, "vi"
    )
    assert "every source of password guessing in this incident" in _blocked(many, "en")
    assert _blocked(many[:1], "en") == "203.0.113.0"
