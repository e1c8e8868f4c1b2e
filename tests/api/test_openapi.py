"""console/openapi.json is the document of the routes as they are."""

from __future__ import annotations

from pathlib import Path

from api.openapi import document, text

ROOT = Path(__file__).parents[2]


def test_the_consoles_document_is_fresh() -> None:
    kept = (ROOT / "console" / "openapi.json").read_bytes()
    assert kept == text(), "stale: run python -m api.openapi > console/openapi.json"


def test_every_operation_has_words_and_a_name_of_its_own() -> None:
    operations = [o for methods in document()["paths"].values() for o in methods.values()]
    names = [o["operationId"] for o in operations]
    assert len(set(names)) == len(names)
    assert [o["operationId"] for o in operations if not o.get("description")] == []
