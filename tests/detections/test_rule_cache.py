"""The cache of compiled rules: it gives what compiling gives, saves the work, and is never believed when it is odd."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

from detections import rule_cache, sigma_reader
from detections.ruleset import RuleSet, RuleSource, load
from tests.detections.sigma_samples import rule_text

DEEP = "s: {F: 1}\nt: {F: 2}\ncondition: " + "not (s and t or " * 30 + "s" + ")" * 30 + "\n"
LISTS = "s:\n  - F: 1\n  - G|re: 'a+'\ncondition: not s\n"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yml").write_text(rule_text(1, LISTS))
    (folder / "b.yml").write_text("title: [\n")
    (folder / "c.yml").write_text(rule_text(2, DEEP))
    return folder


def _loaded(rules: Path, package: str = "own") -> RuleSet:
    return load([RuleSource(rules, package)], cache=rules.parent / "cache")


def _cache_file(rules: Path) -> Path:
    (found,) = (rules.parent / "cache").iterdir()
    return found


def test_it_gives_the_same_and_saves_the_work(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold = _loaded(rules)
    assert (len(cold.rules), len(cold.errors)) == (2, 1)
    monkeypatch.setattr(sigma_reader, "read_file", lambda data, name: pytest.fail("compiled again"))
    warm = _loaded(rules)
    assert (warm.rules, warm.errors, warm.hash) == (cold.rules, cold.errors, cold.hash)
    (rules / "a.yml").rename(rules / "z.yml")
    moved = _loaded(rules, "other")
    assert {(rule.file, rule.package) for rule in moved.rules} == {("z.yml", "other"), ("c.yml", "other")}


def test_what_changed_is_compiled(rules: Path) -> None:
    _loaded(rules)
    (rules / "a.yml").write_text(rule_text(1, "s: {F: 1}\ncondition: s\n"))
    assert _loaded(rules).rules[0].condition == 0


def test_what_was_torn_or_altered_is_made_anew(rules: Path) -> None:
    cold = _loaded(rules)
    whole = _cache_file(rules).read_bytes()
    for wrong in (b"", b"torn", whole[:-20], whole.replace(b"a+", b"b+"), whole[:40] + whole[41:]):
        assert wrong != whole
        _cache_file(rules).write_bytes(wrong)
        assert _loaded(rules).rules == cold.rules
        assert _cache_file(rules).read_bytes() == whole


def test_what_an_older_compiler_left_goes(rules: Path) -> None:
    (rules.parent / "cache").mkdir()
    (rules.parent / "cache" / "rules-0123456789ab.json").write_bytes(b"{}")
    _loaded(rules)
    assert _cache_file(rules).stat().st_size > 1000


def _imports(name: str) -> set[str]:
    """The files of detections/ that one of them imports."""
    nodes = list(ast.walk(ast.parse((Path(rule_cache.__file__).parent / name).read_bytes())))
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    return {f"{each.removeprefix('detections.')}.py" for each in modules if each.startswith("detections.")}


def test_all_that_decides_what_compiles_is_in_its_name() -> None:
    found, waiting = {"rule_cache.py"}, {"plain_reader.py", "sigma_reader.py"}
    while waiting:
        found |= waiting
        waiting = {each for name in waiting for each in _imports(name)} - found
    assert found == set(rule_cache._COMPILERS)


@pytest.mark.parametrize("library", ["google-re2", "pysigma", "pyyaml"])
def test_another_version_of_a_library_compiles_anew(rules: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    _loaded(rules)
    before = _cache_file(rules).name
    monkeypatch.setattr(rule_cache, "version", lambda name: "999" if name == library else version(name))
    _loaded(rules)
    assert _cache_file(rules).name != before


def test_other_words_for_what_is_wrong_compile_anew(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _loaded(rules)
    before = _cache_file(rules).name
    words = rules.parent / "words"
    shutil.copytree(str(files("core.words")), words)
    monkeypatch.setattr(rule_cache, "files", lambda package: words if package == "core.words" else files(package))
    _loaded(rules)
    assert _cache_file(rules).name == before
    (words / "rules.yml").write_bytes(b"# other words")
    _loaded(rules)
    assert _cache_file(rules).name != before


def test_a_start_with_nothing_new_does_without_pysigma(rules: Path) -> None:
    _loaded(rules)
    script = (
        "import sys; from pathlib import Path; from detections.ruleset import *; rules = Path(sys.argv[1]);"
        "load([RuleSource(rules, 'own')], cache=rules.parent / 'cache'); assert 'sigma' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(rules)], check=True)
