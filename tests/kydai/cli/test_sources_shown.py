"""A source's state in words."""

from __future__ import annotations

from core.clock import MINUTE, SECOND
from core.planned import Planned
from core.sources import SourceState, SourceView
from kydai.cli.sources_shown import document, state_text

VIEW = SourceView(
    "fw",
    SourceState.SILENT,
    True,
    silent_for=50 * MINUTE,
    last_at=0,
    maintenance=Planned(0, "Thay nguồn", "An", "duclm"),
)


def test_all_that_is_to_be_said_stands_in_one_line() -> None:
    assert state_text(VIEW, "en") == "silent 50 min · maintenance until 1970-01-01 08:00:00"
    skewed = SourceView("a", SourceState.SENDING, True, offset=90 * SECOND, missing_datasets=("x.y",))
    assert state_text(skewed, "en") == "sending · clock skew · log types missing"


def test_a_document_has_times_as_texts_and_lengths_in_seconds() -> None:
    found = document(VIEW)
    assert (found["silent_for_seconds"], found["last_at"]) == (3000, "1970-01-01T00:00:00.000000Z")
    assert found["maintenance"]["end_at"] == "1970-01-01T00:00:00.000000Z"
