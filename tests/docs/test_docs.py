"""What the documents say exists: commands and their options, links, settings, rules, playbooks, configurations."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from sigma.modifiers import modifier_mapping

from detections.lint import Weight, lint
from kydai import settings
from kydai.cli.main import build, common_options
from kydai.source_config import Server, configuration
from playbooks.playbook import read
from tests.core.words.test_words import WRONG as REJECTED
from tests.detections.test_modifiers import ROWS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TOLD = [d for d in DOCUMENTS if d.name != "CHANGELOG.md"]
"""What describes the present; the log of changes describes the past."""
COMMANDS: Any = typer.main.get_command(build())
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PAGES = [
    *GUIDES,
    *(
        ROOT / "docs" / f"{page}.md"
        for page in (
            "beyond-sigma",
            "correlation",
            "detections",
            "integrity",
            "query-language",
            "reliability",
            "settings",
            "storage",
        )
    ),
]
"""What a user reads, in both languages."""
SERVER = Server("10.20.1.50", 5514, 2055, 8470, secure=True)
ENDS = {"|", ">", "<", ";", "&&", "&", "#", "…", "..."}


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def language_of(document: Path) -> str:
    return "vi" if document.parent.name == "vi" or document.name.endswith(".vi.md") else "en"


def blocks(document: Path, *kinds: str) -> list[str]:
    return [body for kind, body in FENCE.findall(document.read_text("utf-8")) if kind in kinds]


def commands(document: Path) -> Iterator[list[str]]:
    """Every command of the document, as arguments after ``kydai``."""
    text = document.read_text("utf-8")
    plain = FENCE.sub("", text)
    lines = [line for body in blocks(document, "", "sh", "bash", "console", "text") for line in body.splitlines()]
    lines += [line for line in plain.splitlines() if line.startswith("    ")]
    lines += re.findall(r"`([^`\n]+)`", plain)
    for line in lines:
        for part in re.split(r"\s{3,}|\| ", line.strip()):
            found = re.match(r"(?:\$ )?(?:\.venv/bin/)?kydai (.+)", part)
            if found:
                try:
                    words = shlex.split(found[1], comments=True)
                except ValueError:
                    words = found[1].split()
                ended = next((at for at, word in enumerate(words) if word in ENDS or word[0] in "…>"), len(words))
                yield words[:ended]


def wrong(words: list[str]) -> str:
    """What is wrong with a command, or nothing."""
    rest, *_ = common_options(words)
    command = COMMANDS
    while rest and hasattr(command, "commands"):
        if rest[0].startswith("-") or rest[0].isupper():
            break
        for verb in rest[0].split("|"):
            if verb not in command.commands:
                return f"{verb} is no command"
        command = command.commands[rest.pop(0).split("|")[0]]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        option = word.partition("=")[0].strip("[],")
        if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in known | {"--help", "-h"}:
            return f"{option} is no option"
    return ""


@pytest.mark.parametrize("document", TOLD, ids=name)
def test_every_command_exists(document: Path) -> None:
    assert {" ".join(words): said for words in commands(document) if (said := wrong(words))} == {}


def test_wrong_commands_would_be_found() -> None:
    assert wrong(["sources", "conifg", "rsyslog"])
    assert wrong(["report", "period", "--until", "now"])
    assert not wrong(["sources", "config", "rsyslog", "--address", "10.20.1.50", "--json"])
    found = [words for document in TOLD for words in commands(document)]
    assert len(found) > 100, "commands of the documents are found"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", document.read_text("utf-8")))
    inside = [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]
    assert not [t for t in inside if not (document.parent / t).exists()]


@pytest.mark.parametrize("document", TOLD, ids=name)
def test_every_setting_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    sections = {n: f.annotation for n, f in settings.Settings.model_fields.items()}
    for section, key in re.findall(r"`\[(\w+)\] (\w+)", text):
        assert key in getattr(sections.get(section), "model_fields", {}), f"[{section}] {key}"
    for body in blocks(document, "toml"):
        settings.Settings(**tomllib.loads(body))
    known = {f"KYDAI_{n}".upper() for n in sections} | settings._NOT_SETTINGS
    for section, kind in sections.items():
        known |= {f"KYDAI_{section}_{n}".upper() for n in getattr(kind, "model_fields", {})}
    for source in (ROOT / "tests" / "conftest.py", ROOT / "tests" / "services" / "elasticsearch.py"):
        known |= set(re.findall(r"\"(KYDAI_TEST_[A-Z_]+)\"", source.read_text("utf-8")))
    assert not {v for v in re.findall(r"\bKYDAI_[A-Z_]+[A-Z]\b", text) if v not in known}


@pytest.mark.parametrize("document", TOLD, ids=name)
def test_rules_and_playbooks_load(document: Path, tmp_path: Path) -> None:
    rules = 0
    for number, body in enumerate(blocks(document, "yaml")):
        document_keys = set(yaml.safe_load(body) if "…" not in body else {})
        if document_keys & {"logsource", "correlation"}:
            rules += "filter" not in document_keys
            (tmp_path / f"{number}.yml").write_text(body, "utf-8")
        elif "trigger" in document_keys:
            assert read(body, name(document)).definition.steps
    loaded, findings = lint(tmp_path)
    assert not [f for f in findings if f.weight is Weight.ERROR or f.file.endswith(".yml")]
    assert len(loaded.rules) + len(loaded.correlations) == rules


@pytest.mark.parametrize("document", TOLD, ids=name)
def test_configurations_are_as_printed(document: Path) -> None:
    text = document.read_text("utf-8")
    shown = re.findall(r"<!-- config: (\S+) -->\n```\n(.*?)```", text, re.S)
    assert dict(shown) == {p: configuration(p, SERVER, language_of(document)) for p, _ in shown}


def in_vietnamese(guide: Path) -> Path:
    return guide.parent / "vi" / guide.name


def skeleton(document: Path) -> dict[str, Any]:
    """What a guide has in common with the same in the other language; texts for people are left out."""
    text = document.read_text("utf-8")
    plain = FENCE.sub("", text)
    links = {(document.parent / t).resolve() for t in re.findall(r"\]\(([^)\s:]+)\)", plain)} - {
        other.resolve() for other in (document, document.parent.parent / document.name, in_vietnamese(document))
    }
    return {
        "headings": re.findall(r"^#+(?= )", plain, re.M),
        "rows of tables": len(re.findall(r"^\|", plain, re.M)),
        "links": {link.parent.parent / link.name if link.parent.name == "vi" else link for link in links},
        "addresses": sorted(re.findall(r"https?://[^\s)]+", plain)),
        "commands": sorted([word if " " not in word else "…" for word in words] for words in commands(document)),
        "kinds of blocks": [kind for kind, _ in FENCE.findall(text)],
        "examples": re.findall(r"^\| (`.*`) \| (`(?:\{|KYDAI).*?`) \|", plain, re.M),
        "yaml": [yaml.safe_load(body) for body in blocks(document, "yaml")],
        "settings": sorted(re.findall(r"`\[\w+\] \w+|\bKYDAI_[A-Z_]+[A-Z]\b", text)),
        "toml": [tomllib.loads(body) for body in blocks(document, "toml")],
        "generated": re.findall(r"<!-- .* -->", text),
    }


def test_guides_stand_in_both_languages() -> None:
    docs = ROOT / "docs"
    assert {in_vietnamese(page) for page in PAGES} == {*docs.glob("vi/*.md"), *docs.glob("guides/vi/*.md")}


@pytest.mark.parametrize("guide", PAGES, ids=name)
def test_a_guide_says_the_same_in_both_languages(guide: Path) -> None:
    other = in_vietnamese(guide)
    assert skeleton(other) == skeleton(guide)
    assert f"]({other.relative_to(guide.parent)})" in guide.read_text("utf-8").split("\n\n")[1]
    assert f"](../{guide.name})" in other.read_text("utf-8").split("\n\n")[1]


@pytest.mark.parametrize("document", [d for d in TOLD if language_of(d) == "vi"], ids=name)
def test_no_rejected_word(document: Path) -> None:
    text = document.read_text("utf-8").lower()
    assert not {wrong: right for wrong, right in REJECTED.items() if wrong in text}


def test_decisions_are_numbered_each_once() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [file.name[:4] for file in files] == [f"{number:04d}" for number in range(1, len(files) + 1)]
    for number, file in enumerate(files, 1):
        assert file.read_text("utf-8").startswith(f"# {number}. "), file.name


def test_every_modifier_of_the_specification_stands_in_its_table() -> None:
    text = (ROOT / "docs" / "detections.md").read_text("utf-8")
    table = text.partition("## The specification")[2].partition("\n## ")[0]
    named = {word for row in table.splitlines() if row.startswith("| ") for word in re.findall(r"`(\w+)`", row)}
    assert not set(modifier_mapping) - named
    tested = {part for row in ROWS for part in row.asked.partition(":")[0].split("|")[1:]}
    assert not set(modifier_mapping) - tested - {"ignorecase", "multiline", "dotall"}, "long names of i, m and s"
