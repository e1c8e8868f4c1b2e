from __future__ import annotations

from typing import cast

from core import tended
from core.db.database import Database
from core.errors import Refused, failure
from core.store.contract import EventStore, Missing, Query, Rows, Truth


def test_trouble_is_told_until_it_is_over(database: Database) -> None:
    def now() -> object:
        with database.read() as session:
            return tended.trouble(session)

    assert now() is None
    error = failure(Refused, "store.error.compact", count=2, first="l0/a.parquet", error="ArrowInvalid")
    for given in (error, error, None, None):
        with database.write() as session:
            tended.note(session, given)
        assert now() == (None if given is None else {lang: error.told(lang) for lang in ("vi", "en")})


def test_what_every_answer_lacks_is_named() -> None:
    class Lacking:
        """Answers lack what a test says."""

        missing: tuple[Missing, ...] = (Missing("retention", "level3", 1, 2), Missing("undrained", "gateway"))

        def search(self, query: Query, **_: object) -> Rows:
            assert query == Query()
            return Rows([], Truth(complete=False, missing=self.missing))

    store = Lacking()
    assert tended.lacking(cast(EventStore, store)) is None, "nobody needs to do anything about these"
    store.missing += tuple(Missing("quarantined", f"l0/{n}.parquet") for n in range(5))
    found = tended.lacking(cast(EventStore, store))
    assert found is not None
    assert "l0/0.parquet, l0/1.parquet, l0/2.parquet (+2)" in found.told("vi")
    assert "Put these files back from a backup" in found.told("en")
