"""What a change of packages left, by the journal and by the folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import audit
from core.audit import Actor
from core.clock import StillClock
from core.db.database import Database
from core.store.segments_files import try_lock
from detections import packages
from detections.package_remains import INSTALL, REMOVE, ROLLBACK, Left, facts_of, remains, settle
from detections.packages import LOCK, Change, Noted
from tests.detections.sigma_samples import rule_text
from tests.detections.test_correlate_worker import folder, fresh

__all__ = ["folder"]

NOW = StillClock().now()
BY = Actor("os:root", "cli")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.yml").write_text(rule_text(1, "s:\n  F: 1\ncondition: s\n"))
    return tmp_path


def noting(database: Database, action: str) -> Noted:
    @contextmanager
    def noted(change: Change) -> Iterator[None]:
        with database.write() as session:
            name = f"package:{change.package.name}"
            audit.record(session, BY, action, name, now=NOW, after=facts_of(change.package))
            yield

    return noted


def left(database: Database, folder: Path) -> list[tuple[str, Left]]:
    with database.read() as session:
        return [(each.name, each.how) for each in remains(session, folder)]


def test_what_the_journal_knows_is_no_remain(place: Path, folder: Path) -> None:
    database, into = fresh(folder), place / "packages"
    assert left(database, into) == []
    with packages.staged(place / "mine", into, NOW) as ready:
        ready.put(noting(database, INSTALL))
    (place / "mine" / "a.yml").write_text(rule_text(2, "s:\n  F: 1\ncondition: s\n"))
    with packages.staged(place / "mine", into, NOW + 1) as ready:
        ready.put(noting(database, INSTALL))
    packages.roll_back(into, "mine", NOW + 2, noting(database, ROLLBACK))
    assert left(database, into) == []
    packages.remove(into, "mine", NOW + 3, noting(database, REMOVE))
    assert left(database, into) == []


def test_what_it_does_not_know_is_one_until_it_is_settled(place: Path, folder: Path) -> None:
    database, into = fresh(folder), place / "packages"
    packages.install(place / "mine", into, NOW)
    assert left(database, into) == [("mine", Left.PUT)]
    with database.write() as session:
        assert [each.name for each in settle(session, BY, into, NOW)] == ["mine"]
    assert left(database, into) == []
    packages.remove(into, "mine", NOW)
    assert left(database, into) == [("mine", Left.AWAY)]
    with database.write() as session:
        settle(session, BY, into, NOW)
    assert left(database, into) == []


def test_folders_that_no_package_keeps_but_not_of_a_change_that_goes_on(place: Path, folder: Path) -> None:
    database, into = fresh(folder), place / "packages"
    with packages.staged(place / "mine", into, NOW) as ready:
        assert left(database, into) == [], "somebody looks at the preview"
        ready.put(noting(database, INSTALL))
    (into / ".mine@01KB").mkdir()
    (into / ".other@01KB.link").symlink_to("nowhere")
    assert left(database, into) == [(".mine@01KB", Left.FOLDER), (".other@01KB.link", Left.FOLDER)]
    mark = try_lock(into / LOCK)
    assert mark is not None
    assert left(database, into) == []
    mark.release()
