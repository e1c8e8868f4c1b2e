"""QR codes are those that another encoder makes."""

from __future__ import annotations

import hashlib

import pytest

from core import qr
from core.errors import BadInput

# the largest content of each version, 1 to 10: SHA-256 of the square that segno 1.6.6 makes of it with the same mask
SQUARES = (
    (17, "c9b55ab77d500541"),
    (32, "7d6fded95106e647"),
    (53, "00bfc2fdafd235fa"),
    (78, "8fb1032ce5811736"),
    (106, "7c865429ec667c16"),
    (134, "8fa238fca6022f7b"),
    (154, "d82ed6cf383a6905"),
    (192, "ed1667006edb48f5"),
    (230, "e5132b340f2346dd"),
    (271, "93b3667fddbdfeb0"),
)


@pytest.mark.parametrize(("length", "digest"), SQUARES)
def test_the_square_is_that_of_another_encoder(length: int, digest: str) -> None:
    rows = qr.rows(bytes(48 + i * 7 % 75 for i in range(length)))
    assert hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16] == digest


def test_less_is_padded_and_more_is_refused() -> None:
    assert len(qr.rows(b"c")) == 21
    assert len(qr.rows(b"x" * 18)) == 25
    with pytest.raises(BadInput):
        qr.rows(b"x" * 272)
