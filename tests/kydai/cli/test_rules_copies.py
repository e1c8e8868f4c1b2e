"""Local copies of packages' rules by command."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.audit import Actor
from detections import local_rules
from detections.local_rules import Written
from kydai.context import Context
from tests.kydai.cli.conftest import Run
from tests.kydai.cli.test_rules import ID
from tests.kydai.conftest import RULE


@pytest.fixture
def mine(kydai: Run, tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "r.yml").write_text(RULE)
    assert kydai("rules", "install", str(tmp_path / "mine")).status == 0
    return tmp_path / "mine"


def test_a_copy_survives_updates_and_what_the_package_changed_is_told(kydai: Run, mine: Path) -> None:
    (made,) = kydai("rules", "copy", "test_sign_in_failure", "--json").documents
    copy = Path(made["file"])
    copy.write_text(RULE.replace("level: high", "level: low"))
    assert " 1 rule " not in kydai("rules", "reload").err, "our own are there, too"
    own = kydai("rules", "diff", ID)
    assert "-level: high" in own.out
    assert "+level: low" in own.out
    assert "changed since" not in own.err
    (mine / "r.yml").write_text(RULE.replace("event.outcome: failure", "event.outcome: refused"))
    updated = kydai("rules", "update", "mine")
    assert (updated.status, f"kydai rules diff {ID}" in updated.err) == (0, True)
    listed = [each for each in kydai("rules", "list", "--json").documents if each["id"] == ID]
    assert [(each["package"], each["level"]) for each in listed] == [("local", "low")]
    assert "has changed “Test sign-in failure”" in kydai("rules", "packages").err
    (told,) = kydai("rules", "diff", ID, "--json").documents
    assert (told["package"], told["is_behind"]) == ("mine", True)
    assert "+    event.outcome: refused" in told["upstream"]
    assert "+    event.outcome: failure" in told["local"]
    entry = kydai("rules", "diff", ID, "--merged").err.rpartition("kydai rules undo ")[2].strip()
    assert "has changed" not in kydai("rules", "packages").err
    assert kydai("rules", "undo", entry).status == 0
    assert "has changed" in kydai("rules", "packages").err
    kydai("rules", "diff", ID, "--merged")
    assert "has changed" not in kydai("rules", "packages").err
    (removed,) = kydai("rules", "copy", ID, "--remove", "--json").documents
    assert Path(removed["kept"]).read_text() == RULE.replace("level: high", "level: low")
    assert not copy.exists()

    def counts() -> list[str]:
        return [each["package"] for each in kydai("rules", "list", "--json").documents if each["id"] == ID]

    assert counts() == ["mine"]
    journal = {each["seq"]: each["action"] for each in kydai("audit", "list", "--json").documents}
    assert (journal[made["entry"]], journal[removed["entry"]]) == ("rule.save", "rule.remove")
    assert {"rules.merged", "rules.reload"} <= {*journal.values()}
    assert kydai("rules", "undo", str(removed["entry"])).status == 0
    assert (counts(), copy.read_text()) == (["local"], RULE.replace("level: high", "level: low"))


def test_wrong_inputs(kydai: Run, mine: Path) -> None:
    for words, said in (
        (("diff", ID), "kydai rules copy RULE"),
        (("copy", ID, "--remove"), "no local copy"),
        (("copy", "nonsense"), "nonsense"),
    ):
        ran = kydai("rules", *words)
        assert (ran.status, said in ran.err) == (2, True), ran.err
    kydai("rules", "copy", ID)
    assert "change the file itself" in kydai("rules", "copy", ID).err
    assert "Nothing differs" in kydai("rules", "diff", ID).err


def test_a_save_that_was_cut_off_is_said_and_finished(
    kydai: Run, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "7b0e6f0a-2c6f-4d6e-9a53-2f3e0f6b9d11"
    wish = Written("moi.yml", RULE.replace(ID, other).replace("name: ", "name: other_"))

    class Killed(BaseException):
        pass

    def kill(place: Path, wish: Written) -> None:
        raise Killed

    folder, now = context.settings.rules_folder, context.clock.now()
    with monkeypatch.context() as patch:
        patch.setattr(local_rules, "_put", kill)
        with pytest.raises(Killed), local_rules.changing(context.database, folder, now) as session:
            local_rules.save(session, Actor("an", "console"), folder, other, wish, now=now, version=None)

    def told() -> list[str]:
        return [str(each["text"]) for each in kydai("doctor", "--json").documents if each["check"] == "rule"]

    assert [("moi.yml" in each, "cut off" in each) for each in told()] == [(True, True)]
    assert "The change of moi.yml that was cut off is in the file now." in kydai("rules", "reload").err
    assert told() == []
    assert other in {each["id"] for each in kydai("rules", "list", "--json").documents}
