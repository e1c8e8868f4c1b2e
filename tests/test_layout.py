"""The shape of the house: every part comes from here, and every source has its mirrored test."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("core", "collectors", "detections", "enrichment", "playbooks", "reports", "api", "kydai")
LINES = 450
DECLARATIONS = ROOT / "core" / "db" / "models"
"""Tables and nothing else, data in the form of code: one test holds them all."""


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
    mirrored = {p.parent if ROOT / p.parent == DECLARATIONS else p for p in sources()}
    missing = [str(p) for p in mirrored if not (ROOT / "tests" / p.parent / f"test_{p.stem.lstrip('_')}.py").is_file()]
    assert not missing, "no test mirrors: " + ", ".join(sorted(missing))


def test_every_test_folder_is_a_package() -> None:
    folders = {p.parent for p in (ROOT / "tests").rglob("*.py")}
    assert not [str(f) for f in folders if not (f / "__init__.py").is_file()]


def test_files_stay_short() -> None:
    files = [ROOT / p for p in sources()] + [
        p for p in (ROOT / "console" / "src").rglob("*.ts*") if p.name != "schema.d.ts"
    ]
    long = {str(p.relative_to(ROOT)): n for p in files if (n := p.read_text("utf-8").count("\n")) > LINES}
    assert not long


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


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def test_no_source_imports_what_only_tests_install() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    tools = {_name(r) for r in project["optional-dependencies"]["dev"]} - {_name(r) for r in project["dependencies"]}
    homes = {
        module
        for module, names in packages_distributions().items()
        if {n.lower().replace("_", "-") for n in names} <= tools
    }
    wrong = []
    for path in sources():
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            wrong += [f"{path}: {n}" for n in names if n.partition(".")[0] in homes]
    assert not wrong
