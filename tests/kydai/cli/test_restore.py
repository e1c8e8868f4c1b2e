"""``kydai restore``, and the guide about both, command by command."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import orjson
import pytest

from tests.kydai.cli.conftest import Run
from tests.kydai.conftest import RULE

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "backup.md"


def test_the_guides_commands_do_what_it_says(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    kydai("store", "compact")
    (tmp_path / "backup").mkdir()
    places = {
        "/mnt/backup": tmp_path / "backup",
        "/srv/kydai": tmp_path / "srv",
        "/var/lib/kydai.old": tmp_path / "data",
    }
    said: dict[str, str] = {}
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    for line in (line for kind, body in blocks if not kind for line in body.splitlines()):
        words = shlex.split(line)
        if words[0] == "sudo" or words[1] == "up":
            continue
        for place, own in places.items():
            words = [re.sub(f"^{re.escape(place)}", str(own), word) for word in words]
        if words[0] == "kydai":
            ran = kydai(*words[1:])
            assert ran.status in (0, 3), f"{line}: {ran.err}"
            said[line] = ran.out + ran.err
        else:
            said[line] = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    sha = next(text for line, text in said.items() if line.startswith("sha256sum")).split()[0]
    assert sha in next(text for line, text in said.items() if line.endswith("--events"))
    assert "Whole: 1 segment" in said["kydai store verify --data /srv/kydai"]
    assert "chain is whole" in said["kydai audit verify --data /srv/kydai"]
    assert "restored from a backup" in said["kydai alerts list --data /srv/kydai"]
    for folder in ("srv", "srv-control"):
        ran = kydai("search", "sshd", "--from", "2020-01-01", "--count", "--data", str(tmp_path / folder))
        assert (ran.status, ran.out.split()[2]) == (3, "3"), "all are there, and what came since is said to be missing"


def test_what_is_refused_is_one_sentence_with_what_to_do(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    ran = kydai("restore", str(tmp_path / "none"))
    assert ran.status == 1
    assert "not empty" in ran.err
    other = str(tmp_path / "other")
    ran = kydai("restore", str(tmp_path / "none"), "--data", other)
    assert (ran.status, "There is no such file." in ran.err) == (2, True)
    ran = kydai("restore", str(log), "--data", other)
    assert (ran.status, "This is no backup of Kỳ Đài." in ran.err) == (2, True)
    assert kydai("restore", "--data", other).status == 2


def test_it_says_what_is_not_as_it_was(kydai: Run, log: Path, tmp_path: Path) -> None:
    kydai("ingest", str(log))
    (tmp_path / "data" / "kydai.toml").write_text('[elastic]\nca_file = "/etc/ssl/es.pem"\n')
    kydai("backup", str(tmp_path / "a"))
    ran = kydai("restore", str(tmp_path / "a"), "--data", str(tmp_path / "other"))
    assert ran.status == 0
    for words in ("What was received since then is gone", "Every session has ended", "the store is empty", "es.pem"):
        assert words in ran.out + ran.err
    (told,) = kydai("restore", str(tmp_path / "a"), "--data", str(tmp_path / "more"), "--json").documents
    assert (told["has_events"], told["outside"]) == (False, ["/etc/ssl/es.pem"])


def test_events_of_elasticsearch_stay_there(
    kydai: Run, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kydai("ingest", str(log))
    monkeypatch.setenv("KYDAI_STORE_ENGINE", "elastic")
    ran = kydai("backup", str(tmp_path / "a"))
    assert (ran.status, "kydai store snapshot REPOSITORY/NAME" in ran.err) == (0, True)
    ran = kydai("restore", str(tmp_path / "a"), "--data", str(tmp_path / "other"))
    assert (ran.status, "kydai store restore REPOSITORY/NAME" in ran.err) == (0, True)
    assert not (tmp_path / "other" / "store").exists()


def test_every_alert_opens_and_reports_give_the_same_numbers(kydai: Run, log: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "rules" / "local").mkdir(parents=True)
    (tmp_path / "data" / "rules" / "local" / "own.yml").write_text(RULE)
    kydai("ingest", str(log))
    kydai("backup", str(tmp_path / "a"), "--events")
    other = str(tmp_path / "other")
    assert kydai("restore", str(tmp_path / "a"), "--data", other).status == 0
    before = kydai("alerts", "list", "--json").documents
    after = kydai("alerts", "list", "--data", other, "--json").documents
    assert before
    assert [a for a in after if a["rule_id"] != "self:restored"] == before
    for alert in after:
        assert kydai("alerts", "show", str(alert["id"]), "--data", other).status in (0, 3)
    asked = ("report", "period", "--from", "2026-11-24", "--to", "2026-11-26", "--format", "json", "-o")
    kydai(*asked, str(tmp_path / "one.json"))
    kydai(*asked, str(tmp_path / "two.json"), "--data", other)
    one, two = (orjson.loads((tmp_path / f"{name}.json").read_bytes()) for name in ("one", "two"))
    assert one["sections"] == two["sections"]
    assert any(section["table"] for section in one["sections"])
