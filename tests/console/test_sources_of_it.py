"""The console's own sources: generated types are fresh, no words stand in the code, nothing dangerous is called."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.openapi import text
from core.words import entries
from tests.console.house import DIST
from tests.services import missing

CONSOLE = Path(__file__).parents[2] / "console"
SOURCES = [f for f in sorted((CONSOLE / "src").rglob("*.ts*")) if f.name != "schema.d.ts" and ".test." not in f.name]
IN_MARKUP = re.compile(r"(?<!=)>\s*([^<>{}()=;]*\p{L}{2,}[^<>{}()=;]*?)\s*<".replace(r"\p{L}", "[A-Za-zÀ-ỹ]"))
IN_ATTRIBUTE = re.compile(r"\b(?:title|label|placeholder|alt|aria-label)=\"([^\"]*[A-Za-zÀ-ỹ]{2,}[^\"]*)\"")
KEYS_AND_MARKS = {"Ctrl K", "Ctrl S", "Ctrl Enter", "Enter", "Ctrl ⏎", "host.name", "event.dataset"}


def test_the_document_and_the_types_are_of_today() -> None:
    assert (CONSOLE / "openapi.json").read_bytes() == text(), "run: python -m api.openapi > console/openapi.json"
    paths = json.loads(text())["paths"]
    schema = (CONSOLE / "src" / "api" / "schema.d.ts").read_text("utf-8")
    old = [p for p in paths if f'"{p}": {{' not in schema]
    old += [n for n in json.loads(text())["components"]["schemas"] if f"        {n}: " not in schema]
    assert not old, f"run: npm run types ({old[:5]})"


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(CONSOLE)))
def test_no_words_and_no_raw_markup_in_the_code(file: Path) -> None:
    code = file.read_text("utf-8")
    assert "dangerouslySetInnerHTML" not in code
    assert "innerHTML" not in code
    assert not re.search(r"https?://", code), "an address of somewhere else"
    if file.suffix != ".tsx":
        return
    found = [m.group(1).strip() for m in IN_MARKUP.finditer(re.sub(r"//.*|/\*[\s\S]*?\*/", "", code))]
    found += [m.group(1) for m in IN_ATTRIBUTE.finditer(code)]
    words = [w for w in found if w not in KEYS_AND_MARKS and not re.search(r"[;&|?]|=>|\b(const|return|extends)\b", w)]
    assert not words, words


def test_every_key_that_the_code_names_has_words() -> None:
    known = set(entries())
    names = set()
    for file in SOURCES:
        names |= set(re.findall(r"\bt\(\s*\"([a-z_.0-9-]+)\"", file.read_text("utf-8")))
        names |= set(re.findall(r"\"((?:nav|keys)\.[a-z_]+)\"", file.read_text("utf-8")))
    wordless = sorted(n for n in names if not {n, f"console.{n}"} & known)
    assert len(names) > 150
    assert not wordless


def test_every_word_is_used_somewhere() -> None:
    code = "\n".join(f.read_text("utf-8") for f in SOURCES)
    stems = {m.rsplit("${", 1)[0] for m in re.findall(r"t\(`([^`]+)`", code)}
    stems |= {f"{m}." for m in re.findall(r"named\(\"([a-z_.]+)\"", code)}
    unused = []
    for key in entries():
        name = key.removeprefix("console.").removesuffix(".one")
        if key.startswith("console.") and f'"{name}"' not in code and not name.startswith(tuple(stems)):
            unused.append(key)
    assert not unused


def test_the_lock_names_no_registry() -> None:
    lock = (CONSOLE / "package-lock.json").read_text("utf-8")
    assert "resolved" not in lock
    assert not re.search(r"registry|\.tgz", lock)


def test_what_is_loaded_first_says_only_what_is_loaded_first() -> None:
    later = json.loads((CONSOLE / "src" / "words" / "vi.more.json").read_text("utf-8"))
    waiting, first = [CONSOLE / "src" / "main.tsx", CONSOLE / "src" / "screens" / "queue.tsx"], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in first or not file.is_file():
            continue
        first.add(file)
        for name in re.findall(r"(?:from|lazy\(\(\) => import\() ?\"(\.[^\"]+)\"", file.read_text("utf-8")):
            path = file.parent / name
            waiting += [path.with_name(path.name + end).resolve() for end in (".ts", ".tsx")]
            waiting.append((path / "index.tsx").resolve())
    assert len(first) > 30
    named = {file.name: re.findall(r"[\"`]([a-z_]+\.[a-z_.]+)", file.read_text("utf-8")) for file in sorted(first)}
    stems = {key.partition(".")[0] for key in later}
    assert not {n: keys for n, every in named.items() if (keys := [k for k in every if k.partition(".")[0] in stems])}


def test_what_the_first_screen_loads_stays_small() -> None:
    if not (DIST / "index.html").is_file():
        missing("the built console (npm ci && npm run build in console/)")
    page = (DIST / "index.html").read_text("utf-8")
    first = set(re.findall(r"assets/[^\"]+\.js", page))
    # what the queue needs on top, as the browser asks for it
    for name in ("queue-", "vi-", "en-", "links-", "house-"):
        first |= {f"assets/{f.name}" for f in (DIST / "assets").glob(f"{name}*.js")}
    sizes = {name: len(gzip.compress((DIST / name).read_bytes())) for name in first}
    total = sum(sizes.values())
    print(f"initial JS: {total / 1000:.0f} KB gzipped in {len(sizes)} files")
    assert total <= 200_000, sizes
    every = {f.name: len(gzip.compress(f.read_bytes())) for f in (DIST / "assets").glob("*.js")}
    assert max(every.values()) <= 250_000
    assert "script>" not in re.sub(r"<script type=\"module\"[^>]*src=[^>]*></script>", "", page), (
        "no script in the page"
    )


@pytest.mark.service
def test_types_lint_and_helpers_hold() -> None:
    if not (CONSOLE / "node_modules").is_dir() or shutil.which("npm") is None:
        missing("npm, or what it installs (npm ci in console/),")
    done = subprocess.run(["npm", "run", "--silent", "check"], cwd=CONSOLE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
