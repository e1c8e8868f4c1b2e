"""Time formats: each directive, zones, and texts that are not times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.parser_time import read_bsd, read_iso, reader, stamp
from core.clock import iso, to_micros
from core.errors import BadConfig

ZONE = "Asia/Ho_Chi_Minh"
CREATED = to_micros("2026-11-25T01:26:00Z")


@pytest.mark.parametrize(
    ("form", "text", "expected", "had_zone"),
    [
        ("iso", "2026-11-25T01:26:00.5Z", "2026-11-25T01:26:00.500000Z", True),
        ("iso", "2026-11-25 01:26:00,123", "2026-11-24T18:26:00.123000Z", False),
        ("iso", "2026-11-25T01:26:00.123456789+0700", "2026-11-24T18:26:00.123456Z", True),
        ("iso", "2026-11-25 01:26:00 ICT", "2026-11-24T18:26:00.000000Z", True),
        ("iso", "2026-11-25 01:26:00 CST", "2026-11-24T18:26:00.000000Z", False),
        ("bsd", "Nov  5 01:26:00", "2026-11-04T18:26:00.000000Z", False),
        ("epoch", "1764034000", "2025-11-25T01:26:40.000000Z", True),
        ("epoch", "1764034000.123", "2025-11-25T01:26:40.123000Z", True),
        ("epoch_auto", "1764034000123", "2025-11-25T01:26:40.123000Z", True),
        ("epoch_auto", "1764034000123456789", "2025-11-25T01:26:40.123456Z", True),
        ("%d/%b/%Y:%H:%M:%S %z", "29/May/2017:19:02:48 +0200", "2017-05-29T17:02:48.000000Z", True),
        ("%a %b %d %H:%M:%S %Y", "Mon Dec 26 16:22:10.103786 2016", "2016-12-26T09:22:10.103786Z", False),
        ("%Y/%m/%d %H:%M:%S", "2016/10/25 14:49:34", "2016-10-25T07:49:34.000000Z", False),
        ("%m/%d %H:%M:%S", "11/05 01:26:00", "2026-11-04T18:26:00.000000Z", False),
        ("%m/%d/%Y %H:%M:%S %p", "11/05/2026 12:26:00 AM", "2026-11-04T17:26:00.000000Z", False),
    ],
)
def test_formats(form: str, text: str, expected: str, had_zone: bool) -> None:
    found = reader(form)(text, ZONE, CREATED)
    assert found is not None
    assert (iso(found[0]), found[1]) == (expected, had_zone)


@pytest.mark.parametrize("form", ["iso", "bsd", "epoch", "epoch_auto", "%d/%b/%Y:%H:%M:%S %z"])
@pytest.mark.parametrize("text", ["", "x", "2026-13-45T99:99:99Z", "99/Abc/2017:19:02:48 +0200", "9" * 40, "-1"])
def test_not_a_time(form: str, text: str) -> None:
    assert reader(form)(text, ZONE, CREATED) is None


def test_unknown_directive() -> None:
    with pytest.raises(BadConfig, match="%Q"):
        reader("%Y %Q")


def test_unknown_zone() -> None:
    with pytest.raises(BadConfig, match="Mars"):
        read_iso("2026-11-25T01:26:00", "Mars/Olympus")
    with pytest.raises(BadConfig):
        read_bsd("Nov 25 01:26:00", "../etc/passwd", CREATED)


@given(st.integers(min_value=-62_135_596_800_000_000, max_value=253_402_300_799_999_999))
def test_stamp_is_the_canonical_text(at: int) -> None:
    assert stamp(at) == iso(at)


@given(st.text(), st.sampled_from(["iso", "bsd", "epoch", "epoch_auto", "%Y-%m-%d %H:%M:%S %z"]))
def test_any_text(text: str, form: str) -> None:
    reader(form)(text, ZONE, CREATED)
