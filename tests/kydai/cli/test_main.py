"""One grammar: options anywhere, statuses as promised, one sentence an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput
from kydai.cli import main
from kydai.cli.main import build, common_options
from tests.kydai.cli.conftest import Run


def test_common_options_stand_anywhere() -> None:
    rest, data, config, as_json = common_options(["search", "--json", "x", "--data", "/d", "--config=/c.toml"])
    assert (rest, data, config, as_json) == (["search", "x"], Path("/d"), Path("/c.toml"), True)
    assert common_options(["search", "--", "--json"])[0] == ["search", "--", "--json"]
    with pytest.raises(BadInput):
        common_options(["search", "--data"])


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["search"], ["search", "x", "--limit", "many"], ["users"], [], ["search", "a: ("]]
)
def test_wrong_usage_is_status_2_and_nothing_on_standard_output(kydai: Run, arguments: list[str]) -> None:
    ran = kydai(*arguments)
    assert ran.status == 2
    assert ran.err
    if arguments:
        assert ran.out == ""


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "period", "--format", "doc"], ("--format: ", "doc", "pdf, xlsx, csv, json.")),
        (["report", "period", "--frm", "x"], ("--frm", "--format, --from?")),
        (["report"], ("NAME", "kydai report -h")),
        (["repor"], ("repor", "report, restore?", "kydai -h")),
        (["search", "a", "--limit", "x"], ("--limit: ", "kydai search -h")),
        (["search", "a", "--limit", "0"], ("--limit: ", "1.")),
        (["search", "a", "--limit", "9999999"], ("--limit: ", "1000000.")),
        (["search", "a", "b", "c"], ("b c",)),
        (["search", "a", "--from"], ("--from",)),
        (["rules", "lnt"], ("lnt", "lint?", "kydai rules -h")),
    ],
)
def test_wrong_usage_is_said_in_the_readers_language(
    kydai: Run, monkeypatch: pytest.MonkeyPatch, lang: str, arguments: list[str], words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(main, "LANG", lang)
    ran = kydai(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert all(word in ran.err for word in words), ran.err
    library = ("Invalid value", "No such", "Missing ", "Input should", "Got unexpected", "Usage:", "Value error")
    assert not any(word in ran.err for word in library), ran.err
    assert ("Xem cách dùng" in ran.err) == (lang == "vi")


def test_help_is_status_0(kydai: Run) -> None:
    ran = kydai("--help")
    assert ran.status == 0
    assert "ingest" in ran.out


def test_a_folder_without_data_is_said_with_the_remedy(kydai: Run) -> None:
    ran = kydai("search", "x")
    assert (ran.status, ran.out) == (2, "")
    assert "holds no data" in ran.err
    assert "kydai up" in ran.err


def test_bad_settings_stop_with_file_and_line(kydai: Run, tmp_path: Path) -> None:
    config = tmp_path / "k.toml"
    config.write_text("[http]\nport = 'x'\n")
    ran = kydai("doctor", "--config", str(config))
    assert ran.status == 2
    assert "k.toml:2" in ran.err


def test_every_command_has_help() -> None:
    app = build()
    assert all(c.help for c in app.registered_commands)
    assert all(g.typer_instance and g.typer_instance.info.help for g in app.registered_groups)
