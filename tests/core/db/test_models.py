"""Each finite set of states has its words in both languages."""

from __future__ import annotations

from enum import StrEnum

import pytest

from core.accounts import Role
from core.db.models import AlertStatus, IncidentStatus, Level, RunStatus, Verdict
from core.words import entries

SETS: dict[str, type[StrEnum]] = {
    "level": Level,
    "verdict": Verdict,
    "alert_status": AlertStatus,
    "incident_status": IncidentStatus,
    "run_status": RunStatus,
    "role": Role,
}


@pytest.mark.parametrize("name", SETS)
def test_every_state_has_words(name: str) -> None:
    for state in SETS[name]:
        assert f"common.{name}.{state}" in entries()
