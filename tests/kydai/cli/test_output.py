"""Hostile text is disarmed before it reaches a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.db.database import open_database, sqlite_url
from core.db.models import Incident, Run
from core.errors import BadInput
from kydai.cli.output import Output, placing, safe
from tests.api.rows import alert
from tests.kydai.cli.conftest import Run as Kydai


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tiếng Việt đủ dấu", "tiếng Việt đủ dấu"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\x00b\x7f\x9bc", "a\\x00b\\x7f\\x9bc"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_controls_and_direction_marks_are_shown_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_tables_hold_no_markup_and_no_escape(capfd: pytest.CaptureFixture[str]) -> None:
    Output(False, "vi").table(["a", "b"], [("[red]x[/red]", "\x1b[31mred")])
    out = capfd.readouterr().out
    assert "[red]x[/red]" in out
    assert "\x1b" not in out


def test_sentences_and_answers_hold_no_escape(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(False, "vi")
    output.tell("title: evil \x1b]0;pwn\a\u202e")
    output.one({}, "evil \x1b[31m")
    out, err = capfd.readouterr()
    assert err == "title: evil \\x1b]0;pwn\\x07\\u202e\n"
    assert out == "evil \\x1b[31m\n"


def test_a_long_value_breaks_and_pushes_no_column_out(capfd: pytest.CaptureFixture[str]) -> None:
    Output(False, "vi").table(["Số", "Máy", "Lúc"], [("61", "may-chu-" * 40, "04:14:10")])
    first = capfd.readouterr().out.splitlines()[1]
    assert first.startswith("61")
    assert first.rstrip().endswith("04:14:10")


def test_json_goes_to_standard_output_and_words_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output(True, "vi")
    output.one({"a": "đ"}, "words")
    output.lines([{"b": 1}, {"c": 2}])
    output.tell("xin chào")
    captured = capfd.readouterr()
    assert captured.out == '{"a":"đ"}\n{"b":1}\n{"c":2}\n'
    assert captured.err == "xin chào\n"


def test_a_file_takes_its_place_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with placing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    with pytest.raises(ZeroDivisionError), placing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_before_the_block(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "nowhere" / "a.csv", tmp_path / "folder"):
        with pytest.raises(BadInput), placing(path):
            pytest.fail("the block ran")


def test_a_link_keeps_and_a_device_stays_what_it_is(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("real.csv")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for path in (link, tmp_path / "pipe"):
        with placing(path) as file:
            file.write(b"x")
    assert (tmp_path / "real.csv").read_bytes() == b"x"
    assert link.is_symlink()
    assert os.read(reader, 10) == b"x"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


LISTS = [("alerts", "list"), ("incidents", "list"), ("playbooks", "runs"), ("audit", "list", "--action", "user.add")]


@pytest.mark.parametrize("words", LISTS)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_list_that_is_cut_says_how_many_there_are(
    kydai: Kydai, words: tuple[str, ...], more: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("hanhnt", "baotq", "duclm"):
        kydai("users", "add", name, "--role", "analyst")
    database = open_database(sqlite_url(tmp_path / "data"))
    with database.write() as session:
        for number in range(3):
            session.add(alert(host=f"web{number}"))
            session.add(Incident(number=f"VV-2026-000{number}", title={}, level="high", first_at=1, last_at=1,
                                 created_at=1, updated_at=1))  # fmt: skip
            session.add(Run(key=f"k{number}", playbook="p", version="1", definition={"title": {"vi": "a", "en": "a"}},
                            status="succeeded", started_by="x", created_at=1, updated_at=1))  # fmt: skip
    database.close()
    cut = kydai(*words, *more, "--limit", "2")
    assert cut.status == 0
    assert "2 of 3 are shown; more with --limit" in cut.err
    assert len(cut.out.splitlines()) == (2 if more else 3)
    assert "are shown" not in kydai(*words, *more, "--limit", "3").err
