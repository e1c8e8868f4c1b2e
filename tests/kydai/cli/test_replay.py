"""Dead letters on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.db.models import DeadLetter
from kydai.cli.output import Output
from kydai.context import Context
from tests.core.dead_letters import bury
from tests.core.store.conformance import event
from tests.kydai.cli.conftest import Run


@pytest.fixture
def buried(tmp_path: Path) -> None:
    context = Context(tmp_path / "data", None, Output(True, "en"))
    with context.database.write() as session:
        bury(session, event(1), "fw", "document_parsing_exception: \x1b[31modd", 5_000_000)
        bury(session, event(2), "web", "no", 6_000_000)
    context.close()


@pytest.mark.usefixtures("buried")
def test_letters_are_listed_and_offered_again(kydai: Run) -> None:
    listed = kydai("replay", "rejected", "--list", "--json").documents
    assert [(one["source"], one["at"]) for one in listed] == [
        ("fw", "1970-01-01T00:00:05.000000Z"), ("web", "1970-01-01T00:00:06.000000Z")
    ]  # fmt: skip
    shown = kydai("replay", "rejected", "--list", "--source", "fw")
    assert shown.out.count("\n") == 1
    assert "document_parsing_exception: \\x1b[31modd" in shown.out
    done = kydai("replay", "rejected", "--source", "fw", "--json")
    assert (done.status, done.documents) == (0, [{"stored": 1, "rejected": 0, "unreadable": 0, "reasons": []}])
    assert kydai("replay", "rejected").out == "1 stored; 0 rejected again; 0 cannot be read back.\n"
    assert kydai("replay", "rejected").out == "There are no dead letters.\n"
    assert "There are no dead letters." in kydai("replay", "rejected", "--list").err
    assert kydai("search", "*", "--count", "--from", "2020-01-01").out.startswith("2")
    newest = kydai("audit", "list", "--action", "replay.rejected", "--json").documents
    assert [entry["after"] for entry in newest] == [{"stored": 1, "rejected": 0}] * 2


def test_what_stays_rejected_is_told_by_the_status(kydai: Run, tmp_path: Path) -> None:
    context = Context(tmp_path / "data", None, Output(True, "en"))
    with context.database.write() as session:
        session.add(DeadLetter(event_id="x", source="fw", stage="store", reason="no", raw=b"", at=1))
        session.add(DeadLetter(event_id="y", source="web", stage="store", reason="another", raw=b"", at=1))
    context.close()
    done = kydai("replay", "rejected")
    assert (done.status, done.err.splitlines()) == (3, ["1 not stored: another", "1 not stored: no"])
    told = kydai("replay", "rejected", "--source", "fw", "--json")
    assert (told.status, told.documents[0]["reasons"]) == (3, [{"reason": "no", "count": 1}])
