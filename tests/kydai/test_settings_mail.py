"""What reaches people is checked when settings are read, not at three in the morning."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kydai.settings_mail import Mail, Notices, ShiftOfDuty


@pytest.mark.parametrize(
    "wrong",
    [
        {"duty": [{"to": ["nobody"]}]},
        {"duty": [{"to": ["a@x\nBcc: b@x"]}]},
        {"duty": [{"to": ["a@x"], "days": ["mon-fry"]}]},
        {"duty": [{"to": ["a@x"], "hours": "17:00"}]},
        {"holidays": ["2027-02-30"]},
        {"webhook": "ftp://x/y"},
        {"webhook": "https://"},
        {"webhook": "https://x:99999/"},
    ],
)
def test_what_cannot_reach_anybody_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Notices(**wrong)


def test_a_shift_is_always_on_unless_it_says_when() -> None:
    shift = ShiftOfDuty(to=["a@x.vn"])
    assert (shift.days, shift.hours) == (["mon-sun", "holiday"], "00:00-24:00")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Mail(password="secret"))
