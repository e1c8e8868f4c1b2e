"""The shape of the house: every part comes from here, and every source has its mirrored test."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("core", "collectors", "detections", "enrichment", "playbooks", "reports", "api", "kydai")
LINES = 450
DECLARATIONS = {"core/db/models.py"}
"""Tables and nothing else: data in the form of code."""


def sources() -> list[Path]:
    found = [p.relative_to(ROOT) for part in PARTS for p in (ROOT / part).rglob("*.py")]
    return sorted(p for p in found if p.name != "__init__.py" and "migrations" not in p.parts)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_imported_from_this_repository(part: str) -> None:
    spec = find_spec(part)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_every_source_has_its_mirrored_test() -> None:
    missing = [str(p) for p in sources() if not (ROOT / "tests" / p.parent / f"test_{p.stem.lstrip('_')}.py").is_file()]
    assert not missing, "no test mirrors: " + ", ".join(missing)


def test_every_test_folder_is_a_package() -> None:
    folders = {p.parent for p in (ROOT / "tests").rglob("*.py")}
    assert not [str(f) for f in folders if not (f / "__init__.py").is_file()]


def test_files_stay_short() -> None:
    files = [ROOT / p for p in sources()] + [
        p for p in (ROOT / "console" / "src").rglob("*.ts*") if p.name != "schema.d.ts"
    ]
    long = {str(p.relative_to(ROOT)): n for p in files if (n := p.read_text("utf-8").count("\n")) > LINES}
    assert not {name: n for name, n in long.items() if name not in DECLARATIONS}


def test_nothing_names_a_machine_or_a_registry() -> None:
    wrong = re.compile(r"/work/main|/work/shared|/\.pyenv/|registry\.npmjs|files\.pythonhosted")
    suffixes = {".py", ".ts", ".tsx", ".sh", ".md", ".toml", ".yml", ".json", ".css", ".typ"}
    skipped = {
        ".venv",
        "node_modules",
        ".git",
        "dist",
        ".tools",
        ".demo",
        ".mypy_cache",
        ".hypothesis",
        ".pytest_cache",
        ".ruff_cache",
    }
    found = []
    for path in ROOT.rglob("*"):
        if path.suffix not in suffixes or skipped & set(path.relative_to(ROOT).parts) or path == Path(__file__):
            continue
        if wrong.search(path.read_text("utf-8", "replace")):
            found.append(str(path.relative_to(ROOT)))
    assert not found
