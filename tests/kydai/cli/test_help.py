"""Help is in the reader's language from its headings to its placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer
from typer import _click as click

from kydai.cli.help import speaking
from kydai.cli.main import build
from tests.core.words.test_words import WRONG


def helps(lang: str) -> Iterator[tuple[str, str]]:
    """Every command's path and what its help says."""
    root = speaking(typer.main.get_command(build()), lang)
    todo: list[tuple[click.Command, click.Context]] = [(root, root.make_context("kydai", [], resilient_parsing=True))]
    for command, context in todo:
        yield context.command_path, context.get_help()
        for name, below in getattr(command, "commands", {}).items():
            todo.append((below, below.make_context(name, [], parent=context, resilient_parsing=True)))


LIBRARY = re.compile(
    r"Usage|Options|Arguments|Commands|OPTIONS|COMMAND|ARGS|Show this|\[default|\[required|<str>|<int|[{}]"
)


def test_nothing_of_the_library_is_left_in_vietnamese_help() -> None:
    found = dict(helps("vi"))
    assert len(found) > 60
    assert {path: set(words) for path, text in found.items() if (words := LIBRARY.findall(text))} == {}
    assert {path: wrong for path, text in found.items() if (wrong := [w for w in WRONG if w in text.lower()])} == {}


def test_every_argument_and_option_says_what_it_is() -> None:
    todo: list[click.Command] = [speaking(typer.main.get_command(build()), "vi")]
    for command in todo:
        todo.extend(getattr(command, "commands", {}).values())
        assert [p.name for p in command.params if not getattr(p, "help", "")] == [], command.name


@pytest.mark.parametrize(
    ("lang", "path", "told"),
    [
        ("vi", "kydai report", "Cách dùng: kydai report [TÙY_CHỌN] TÊN [SỐ_HIỆU]"),
        ("en", "kydai report", "Usage: kydai report [OPTIONS] NAME [NUMBER]"),
        ("vi", "kydai alerts list", "[mặc định: 100; 1–100.000]"),
        ("en", "kydai alerts list", "[default: 100; 1–100,000]"),
        ("vi", "kydai users add", "TÊN  Tên đăng nhập.  [bắt buộc]"),
        ("en", "kydai users token", "Usage: kydai users token [OPTIONS] [NAME]"),
        ("vi", "kydai sources", "Cách dùng: kydai sources [TÙY_CHỌN] LỆNH [THAM_SỐ]..."),
    ],
)
def test_as_a_person_reads_it(lang: str, path: str, told: str) -> None:
    assert told in dict(helps(lang))[path]
