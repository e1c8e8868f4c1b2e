"""Rule files compiled before, by their content, so that a start reads only what is new.

One JSON file behind its own print: torn, changed or made by another version of the compiler, it is made anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import msgspec

from detections.rule import Correlation, Filter, Rule, RuleError, error_of
from detections.rule_files import RuleFile

_COMPILERS = (
    "beyond_sigma.py",
    "correlation_conditions.py",
    "correlation_rules.py",
    "correlation_slips.py",
    "correlation_values.py",
    "ir.py",
    "needles.py",
    "plain_reader.py",
    "plain_values.py",
    "plain_yaml.py",
    "predicates.py",
    "rule.py",
    "rule_cache.py",
    "sigma_conditions.py",
    "sigma_encodings.py",
    "sigma_modifiers.py",
    "sigma_places.py",
    "sigma_reader.py",
    "spelling.py",
    "strict_yaml.py",
)
"""The files that decide what a rule compiles to, or why it does not: when one changes, the cache is made anew."""
_LIBRARIES = ("google-re2", "pysigma", "pyyaml")
_PRINT = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """What one file compiles to."""

    rules: tuple[Rule, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    filters: tuple[Filter, ...] = ()
    errors: tuple[RuleError, ...] = ()
    file: str = ""
    folder: str = ""
    package: str = ""


class RuleCache:
    """Compiled files in a folder that may be thrown away; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / f"rules-{_form()}.json" if folder else None
        self._known = _read(self._path) if self._path else {}
        self._used: dict[str, Entry] = {}

    def get(self, file: RuleFile, package: str) -> Entry:
        """What a file compiles to, as part of a package."""
        key = hashlib.blake2b(file.data, digest_size=16).hexdigest()
        known = self._known.get(key)
        entry = _compile(file, package) if known is None else _placed(known, file, package)
        self._used[key] = entry
        return entry

    def save(self) -> None:
        """Keep what was asked for, and nothing else, if anything of it is new."""
        if self._path is None or self._used.keys() <= self._known.keys():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = msgspec.json.encode(self._used)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".rules-")
        with os.fdopen(handle, "wb") as file:
            file.write(_print(data) + data)
        Path(temporary).replace(self._path)
        for older in self._path.parent.glob("rules-*.json"):
            if older != self._path:
                older.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Entry]:
    try:
        kept = path.read_bytes()
        data = memoryview(kept)[_PRINT:]
        return msgspec.json.decode(data, type=dict[str, Entry]) if kept[:_PRINT] == _print(data) else {}
    except (OSError, msgspec.MsgspecError, ValueError):
        return {}


def _print(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=_PRINT // 2).hexdigest().encode()


def _form() -> str:
    digest = hashlib.blake2b(" ".join(map(version, _LIBRARIES)).encode(), digest_size=6)
    for name in _COMPILERS:
        digest.update(files("detections").joinpath(name).read_bytes())
    # an error is kept as the sentence that people read
    for words in sorted(files("core.words").iterdir(), key=lambda each: each.name):
        if words.name.endswith(".yml"):
            digest.update(words.read_bytes())
    return digest.hexdigest()


def _compile(file: RuleFile, package: str) -> Entry:
    from detections.plain_reader import plain_rule  # a start with nothing new needs neither

    plain = plain_rule(file.data, file.name, file.folder, package)
    if plain is not None:
        return Entry(rules=(plain,), file=file.name, folder=file.folder, package=package)
    from detections.sigma_reader import read_file  # pySigma weighs 0.1 s, and few rules need it

    found, errors = read_file(file.data, file.name)
    entry = Entry(
        tuple(item for item in found if isinstance(item, Rule)),
        tuple(item for item in found if isinstance(item, Correlation)),
        tuple(item for item in found if isinstance(item, Filter)),
        tuple(error_of(error) for error in errors),
    )
    return _placed(entry, file, package)


def _placed(entry: Entry, file: RuleFile, package: str) -> Entry:
    name, folder = file.name, file.folder
    if (entry.file, entry.folder, entry.package) == (name, folder, package):
        return entry
    return Entry(
        tuple(replace(rule, file=name, folder=folder, package=package) for rule in entry.rules),
        tuple(replace(each, file=name, folder=folder, package=package) for each in entry.correlations),
        tuple(replace(each, file=name, package=package) for each in entry.filters),
        tuple(replace(error, file=name) for error in entry.errors),
        name,
        folder,
        package,
    )
