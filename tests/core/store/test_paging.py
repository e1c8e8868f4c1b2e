from __future__ import annotations

import pytest

from core.errors import BadInput
from core.store.paging import read_cursor, write_cursor
from tests.core.store.conformance import START, spool


def test_a_cursor_is_read_as_it_was_written() -> None:
    for order in ((START, spool(), 7, 2), (-1, spool(), 0, 0)):
        assert read_cursor(write_cursor(order)) == order


@pytest.mark.parametrize("text", ["", "1.2.3", f"x.{spool()}.1.0", "1.x.1.0", f"{2**63}.{spool()}.1.0", "1.2.3.4.5"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_cursor(text)
