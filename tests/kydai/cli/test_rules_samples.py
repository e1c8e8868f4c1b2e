"""Rules tried on their samples, and a new rule from nothing to good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import LINE, Run
from tests.kydai.conftest import RULE

ACCEPTED = LINE.format(1).replace("Failed", "Accepted").strip()
GOOD = f"match:\n  - raw: '{LINE.format(0).strip()}'\nno_match:\n  - raw: '{ACCEPTED}'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "house" / "tests").mkdir(parents=True)
    (tmp_path / "house" / "r.yml").write_text(RULE)
    (tmp_path / "house" / "tests" / "r.yml").write_text(GOOD)
    return tmp_path / "house"


def test_good_samples(kydai: Run, folder: Path) -> None:
    ran = kydai("rules", "test", str(folder))
    assert ran.status == 0
    heads, row = ran.out.splitlines()
    assert heads.split() == ["Rule", "File", "Must", "match", "Must", "not", "Result"]
    assert row.split() == ["Test", "sign-in", "failure", "r.yml", "1/1", "1/1", "good"]
    assert ran.err == "1 rule: 1 good, 0 wrong, 0 without samples.\n"
    (told,) = kydai("rules", "test", str(folder / "r.yml"), "--json").documents
    assert (told["file"], told["result"], told["samples"], told["wrong"]) == ("r.yml", "good", 2, [])


def test_what_is_not_as_it_should_be_is_named_with_its_line(kydai: Run, folder: Path) -> None:
    lines = "match:\n  - {event.outcome: other}\n  - raw: 'no parser has it'\nno_match:\n  - {event.outcome: failure}\n"
    lines += "  - {raw: 'x', zone: Asia/Nowhere}\n"
    (folder / "tests" / "r.yml").write_text(lines)
    ran = kydai("rules", "test", str(folder))
    assert ran.status == 1
    assert "0/2" in ran.out
    assert "tests/r.yml:6:5: There is no time zone “Asia/Nowhere”" in ran.err
    assert "tests/r.yml:2:5: does not match and must: selection: event.outcome is “other”" in ran.err
    assert "tests/r.yml:3:5: no parser knows this 'raw'" in ran.err
    assert "tests/r.yml:5:5: matches and must not (selection: event.outcome = failure)" in ran.err
    (told,) = kydai("rules", "test", str(folder), "--json").documents
    assert [each["match"] for each in told["wrong"]] == [True, True, False, False]


def test_each_rule_of_a_file_needs_a_sample_of_its_own(kydai: Run, folder: Path) -> None:
    other = RULE.replace("11111111", "21111111").replace("name: test", "name: other").replace("Test", "Other")
    both = RULE + "---\n" + other.replace("event.outcome: failure", "user.name: root")
    (folder / "r.yml").write_text(both)
    samples = folder / "tests" / "r.yml"
    good = "match:\n  - {event.outcome: failure}\n  - {user.name: root}\nno_match:\n  - {user.name: an}\n"

    def tried(text: str) -> tuple[int, list[list[str]]]:
        samples.write_text(text)
        ran = kydai("rules", "test", str(folder))
        return ran.status, [row.split("r.yml")[1].split() for row in ran.out.splitlines()[1:]]

    assert tried(good) == (0, [["1/1", "1/1", "good"]] * 2)
    assert tried(good.replace("  - {user.name: root}\n", "")) == (
        3,
        [["1/1", "1/1", "good"], ["1/1", "no", "samples"]],
    )
    (told,) = kydai("rules", "test", str(folder), "--json").documents
    assert (told["result"], sorted(told["rules"].values())) == ("none", ["good", "none"])
    assert tried(good.replace("{user.name: an}", "{user.name: root}")) == (
        1,
        [["1/1", "1/1", "good"], ["1/1", "0/1", "WRONG"]],
    )
    assert tried(good.replace("{event.outcome: failure}", "{event.outcome: x}")) == (
        1,
        [["0/1", "1/1", "WRONG"], ["1/2", "1/1", "WRONG"]],
    )


def test_states_and_their_status(kydai: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tests" / "r.yml").unlink()
    monkeypatch.chdir(folder)
    ran = kydai("rules", "test")
    assert ran.status == 3
    assert "no samples" in ran.out
    (folder / "r.yml").write_text(RULE.replace("condition: selection", "condition: selction"))
    ran = kydai("rules", "test")
    assert ran.status == 2
    assert "r.yml:10:14: condition: there is no selection 'selction'. Perhaps it should be: selection." in ran.err
    (folder / "r.yml").unlink()
    ran = kydai("rules", "test")
    assert ran.status == 2
    assert "there is no rule here. kydai rules new NAME" in ran.err
    assert kydai("rules", "test", "nothing").status == 2


def test_a_new_rule_is_wrong_until_it_is_filled_in(kydai: Run, tmp_path: Path) -> None:
    made = kydai("rules", "new", "root_shell", "--folder", str(tmp_path / "mine"))
    assert made.status == 0
    assert "kydai rules test" in made.out
    rule, samples = tmp_path / "mine" / "root_shell.yml", tmp_path / "mine" / "tests" / "root_shell.yml"
    assert kydai("rules", "lint", str(rule)).status == 0
    ran = kydai("rules", "test", str(rule))
    assert ran.status == 1
    assert "root_shell.yml:3:5: 'raw' is empty" in ran.err
    samples.write_text(GOOD)
    assert kydai("rules", "test", str(rule)).status == 0
    again = kydai("rules", "new", "root_shell", "--folder", str(tmp_path / "mine"))
    assert again.status == 2
    assert "not written over" in again.err
    assert samples.read_text() == GOOD
    assert kydai("rules", "install", str(tmp_path / "mine"), "--name", "mine", "--json").documents[0]["rules"] == 1


@pytest.mark.parametrize("name", ["Root", "../x", "a b", "", "1a", "a" * 81])
def test_names_that_will_not_do(kydai: Run, tmp_path: Path, name: str) -> None:
    ran = kydai("rules", "new", name, "--folder", str(tmp_path))
    assert ran.status == 2
    assert "cannot name a rule" in ran.err


def test_where_nothing_can_be_written(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = kydai("rules", "new", "mine", "--folder", str(tmp_path / "file"))
    assert ran.status == 2
    assert "file/mine.yml: " in ran.err
