"""Rules tried on their samples, and a new rule from nothing to good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kydai.cli.conftest import LINE, Run
from tests.kydai.cli.test_rules import CORRELATION, ID
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


STREAMS = """match:
  - events: [{at: 0, repeat: 3, every: 30s, sample: {raw: '@'}}]
    group: [web01]
  - {event.outcome: failure}
no_match:
  - events: [{at: 0, repeat: 3, every: 10m, sample: {raw: '@'}}]
  - {event.outcome: success}
""".replace("@", LINE.format(0).strip())


@pytest.mark.parametrize("beside", [True, False])
def test_correlations_are_tried_on_streams(kydai: Run, folder: Path, tmp_path: Path, beside: bool) -> None:
    """With the rule that it reads in the same file, or in force."""
    samples = folder / "tests" / "r.yml"
    samples.write_text(STREAMS)
    if beside:
        (folder / "r.yml").write_text(f"{RULE}---\n{CORRELATION}")
    else:
        (folder / "r.yml").write_text(CORRELATION)
        samples.write_text("".join(line for line in STREAMS.splitlines(True) if "outcome" not in line))
        unknown = kydai("rules", "test", str(folder))
        assert (unknown.status, "no rule with the id or name" in unknown.err) == (2, True)
        (tmp_path / "data" / "rules" / "local").mkdir(parents=True)
        (tmp_path / "data" / "rules" / "local" / "r.yml").write_text(RULE)
    ran = kydai("rules", "test", str(folder))
    assert ran.status == 0, ran.err
    rows = [row.split("r.yml")[1].split() for row in ran.out.splitlines()[1:]]
    assert rows == [["1/1", "1/1", "good"]] * (1 + beside)
    samples.write_text(samples.read_text().replace("[web01]", "[web02]").replace("every: 10m", "every: 1m"))
    ran = kydai("rules", "test", str(folder))
    assert ran.status == 1
    assert "tests/r.yml:2:5: fires for web01 and must for web02" in ran.err
    assert "fires for web01 at 2026-11-25T02:02:00.000000Z and must not" in ran.err


def test_samples_that_are_not_for_what_is_in_the_file(kydai: Run, folder: Path) -> None:
    (folder / "tests" / "r.yml").write_text(STREAMS)
    ran = kydai("rules", "test", str(folder))
    assert ran.status == 1
    assert "tests/r.yml:2:5: there is no correlation in the rule file" in ran.err
    (folder / "r.yml").write_text(RULE + "---\n" + CORRELATION)
    assert kydai("rules", "test", str(folder)).status == 0
    (folder / "r.yml").write_text(CORRELATION.replace(f"rules: [{ID}]", "rules: [kydai_linux_logs_cleared]"))
    (folder / "tests" / "r.yml").write_text(GOOD)
    ran = kydai("rules", "test", str(folder))
    assert (ran.status, "tests/r.yml:2:5: there are only correlations in the rule file" in ran.err) == (1, True)


def test_values_of_the_site_are_put_in(kydai: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome|expand: '%bad%'"))
    assert kydai("rules", "test", str(folder)).status == 1
    assert "no value is given for %bad%" in kydai("rules", "lint", str(folder)).out
    config = tmp_path / "kydai.toml"
    config.write_text('[site.values]\nbad = ["failure"]\n')
    assert kydai("--config", str(config), "rules", "test", str(folder)).status == 0
    assert "no value is given" not in kydai("--config", str(config), "rules", "lint", str(folder)).out


def test_a_new_correlation_is_good_once_it_is_filled_in(kydai: Run, folder: Path) -> None:
    made = kydai("rules", "new", "burst", "--correlation", "test_sign_in_failure", "--folder", str(folder))
    assert made.status == 0
    assert "'raw' is empty" in kydai("rules", "test", str(folder / "burst.yml")).err
    samples = folder / "tests" / "burst.yml"
    samples.write_text(samples.read_text().replace("raw: ''", f"raw: '{LINE.format(0).strip()}'"))
    assert kydai("rules", "test", str(folder)).status == 0
    assert kydai("rules", "lint", str(folder)).status == 0


def test_a_new_rule_of_a_log_source(kydai: Run, tmp_path: Path) -> None:
    assert kydai("rules", "new", "a", "--logsource", "windows/process_creation", "--folder", str(tmp_path)).status == 0
    assert "{product: windows, category: process_creation}" in (tmp_path / "a.yml").read_text()
    for more, said in (
        (("--logsource", "windows/proces_creation"), "windows/process_creation"),
        (("--logsource", "linux/sshd", "--correlation", "x"), "choose one"),
        (("--correlation", "a b: {"), "no name or id"),
    ):
        ran = kydai("rules", "new", "b", *more, "--folder", str(tmp_path))
        assert (ran.status, said in ran.err, (tmp_path / "b.yml").exists()) == (2, True, False)
