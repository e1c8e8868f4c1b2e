"""One grammar: options anywhere, statuses as promised, one sentence an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput
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
