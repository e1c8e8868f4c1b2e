"""A scope means the same to the store and to the control database."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from api.scope import WHOLE, sight
from core.db.database import Database
from core.db.models import Alert, Incident
from core.errors import BadInput
from core.query.to_match import compile_match
from tests.api.rows import alert

NAMES = ["", "Cổng", "cong", "Một cửa"]
PAIRS = [(s, a) for s in NAMES for a in ("", "Sở Y tế", "Sở X")]
SCOPES = [
    'kydai.system: "Cổng"', 'kydai.agency: "Sở Y tế" or kydai.system: "Một cửa"', "not kydai.system: cổng",
    "kydai.agency: *", "kydai.system: M*",
]  # fmt: skip


def test_no_scope_sees_all() -> None:
    assert sight("  ") is WHOLE
    assert WHOLE.sees("", "")


@pytest.mark.parametrize("scope", ["host.name: a", "x", "kydai.system: a or message: b", "kydai.system: ("])
def test_other_fields_and_broken_text_are_refused(scope: str) -> None:
    with pytest.raises(BadInput):
        sight(scope)


@settings(max_examples=60)
@given(scope=st.sampled_from(SCOPES), pair=st.sampled_from(PAIRS))
def test_rows_are_judged_as_events_are(scope: str, pair: tuple[str, str]) -> None:
    event = {k: v for k, v in zip(("kydai.system", "kydai.agency"), pair, strict=True) if v}
    seen = sight(scope)
    assert seen.sees(*pair) == compile_match(seen.node)(event)
    if pair == ("", ""):
        assert not seen.sees(*pair), "what nobody declared is seen without a scope only"


@pytest.mark.parametrize("scope", ["", *SCOPES])
def test_the_clause_finds_what_it_sees(database: Database, scope: str) -> None:
    with database.write() as session:
        session.add_all([alert(system=system, agency=agency) for system, agency in PAIRS])
        incident = Incident(
            number="1", title={}, level="low", first_at=0, last_at=0, created_at=0, updated_at=0, system="hidden"
        )
        session.add(incident)
        session.flush()
        session.add(alert(system="Một cửa", agency="Sở Y tế", incident_id=incident.id))
    seen = sight(scope)
    with database.read() as session:
        found = session.scalars(select(Alert).where(seen.alerts(session))).all()
        wanted = [a for a in session.scalars(select(Alert)) if seen.sees(a.system, a.agency)]
        assert {a.id for a in found} == {a.id for a in wanted}
        shown = session.scalars(select(Incident).where(seen.incidents(session))).all()
        assert len(shown) == seen.sees("Một cửa", "Sở Y tế")
        none = sight("kydai.system: nothing")
        assert session.scalars(select(Incident).where(none.incidents(session))).all() == []
