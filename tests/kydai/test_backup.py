"""What is in a backup, what is told of what is not, and where none can be made."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import zstandard
from sqlalchemy import select

from core.audit import Actor
from core.db.models import Audit
from core.errors import BadInput, Conflict, Refused, Unavailable
from core.keys import Keys
from core.store.segments_files import try_lock
from kydai import backup as taking
from kydai.backup import Part, part_of, take
from kydai.context import Context
from kydai.pipeline import Parts
from kydai.settings import Settings
from tests.killing import killed_at_each_step
from tests.kydai.test_pipeline import failed, run
from tests.test_layout import PARTS

WHO = Actor("os:an", "cli")


def names(file: Path) -> list[str]:
    with zstandard.open(file, "rb") as plain, tarfile.open(mode="r|", fileobj=plain) as tar:
        return [info.name for info in tar]


@pytest.fixture
def data(context: Context, parts: Parts) -> Path:
    run(context, parts, failed(1), failed(2))
    settings = context.settings
    Keys(settings.keys_folder).signer(context.clock.now())
    for name in ("integrity/heads.jsonl", "playbooks/own.yml", "hunts/1.json", "tls/ca.key", "cache/rules.json"):
        (settings.data / name).parent.mkdir(exist_ok=True)
        (settings.data / name).write_text("x")
    (settings.data / "kydai.toml").write_text("[http]\ncertificate = '/etc/ssl/web.pem'\nkey = '/etc/ssl/web.key'\n")
    del context.settings  # they are read anew
    return settings.data


def test_every_name_in_the_code_is_taken_or_named_as_left_out() -> None:
    """What a running system makes is held to it in test_restoring.py; this sees what only some days bring."""
    root = Path(taking.__file__).parents[1]
    sources = [path.read_text("utf-8") for part in PARTS for path in (root / part).rglob("*.py")]
    named = {name for text in sources for name in re.findall(r"""\bdata\b\)? / f?"([^"{/]+)""", text)}
    named |= {part.name for part in (Settings().data / "x", *_folders(Settings()))} - {"x"}
    assert {"control.sqlite", "store", "tls", "workers", "up.lock"} <= named
    assert {name for name in named if part_of(name) is None} == set()


def _folders(settings: Settings) -> list[Path]:
    names = [name for name in dir(Settings) if name.endswith("_folder")]
    return [getattr(settings, name) for name in names]


def test_what_is_taken(context: Context, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "my notes.txt").write_text("x")
    (data / "rules" / "elsewhere").symlink_to(tmp_path)
    for variable in [name for name in os.environ if name.startswith("KYDAI_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("KYDAI_SYSLOG_PORT", "5555")
    taken = take(context, tmp_path / "a", WHO)
    with_events = take(context, tmp_path / "b", WHO, events=True)
    control = {name for name in names(tmp_path / "a") if "/" not in name}
    assert control == {"kydai-backup.json", "control.sqlite", "kydai.toml", "manifest.json"}
    more = {name.partition("/")[0] for name in names(tmp_path / "a")} - control
    assert more == {name for name, part in taking.PLAN.items() if part is Part.FILES} - {"kydai.toml"}
    events = {name.partition("/")[0] for name in names(tmp_path / "b")} - control - more
    assert events == {name for name, part in taking.PLAN.items() if part is Part.EVENTS}
    assert not [name for name in names(tmp_path / "b") if name.endswith("lock")]
    assert taken.foreign == [str(data / "rules" / "elsewhere"), "my notes.txt"]
    assert taken.outside == ["/etc/ssl/web.pem", "/etc/ssl/web.key"]
    assert taken.variables == ["KYDAI_SYSLOG_PORT"]
    assert not (data / taking.STAGE).exists()
    with context.database.read() as session:
        entries = session.scalars(select(Audit).where(Audit.action == "backup.take")).all()
    assert [(e.actor, e.object, e.after and e.after["sha256"]) for e in entries] == [
        ("os:an", str(tmp_path / "a"), taken.packed.sha256),
        ("os:an", str(tmp_path / "b"), with_events.packed.sha256),
    ]


def test_settings_of_elsewhere_are_taken(context: Context, data: Path, tmp_path: Path) -> None:
    (tmp_path / "etc.toml").write_text("# of the service\n")
    context.config = tmp_path / "etc.toml"
    take(context, tmp_path / "a", WHO)
    with zstandard.open(tmp_path / "a", "rb") as plain, tarfile.open(mode="r|", fileobj=plain) as tar:
        member = next(info for info in tar if info.name == "kydai.toml")
        text = tar.extractfile(member)
        assert text is not None
        assert text.read() == b"# of the service\n"


def test_a_place_where_none_can_be_made_is_refused(context: Context, data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        take(context, tmp_path / "none" / "a", WHO)
    with pytest.raises(BadInput, match="This is a folder"):
        take(context, tmp_path, WHO)
    (tmp_path / "a").write_text("mine")
    with pytest.raises(Conflict):
        take(context, tmp_path / "a", WHO)
    assert (tmp_path / "a").read_text() == "mine"
    lock = try_lock(data / taking.LOCK)
    assert lock is not None
    with pytest.raises(Refused, match="Another backup"):
        take(context, tmp_path / "b", WHO)
    lock.release()


def test_a_full_disk_leaves_nothing_behind(context: Context, data: Path, small_disk: Path) -> None:
    (data / "hunts" / "large").write_bytes(os.urandom(1 << 20))
    with pytest.raises(Unavailable, match=r"No space left on device\. Free some space"):
        take(context, small_disk / "a", WHO)
    assert list(small_disk.iterdir()) == []
    with context.database.read() as session:
        assert session.scalars(select(Audit).where(Audit.action == "backup.take")).all() == []


def test_killed_anywhere_the_next_one_succeeds(context: Context, data: Path, tmp_path: Path) -> None:
    context.close()
    shutil.rmtree(data / "hunts")
    file = tmp_path / "a"

    def act() -> None:
        again = Context(data, None, context.output)
        take(again, file, WHO)
        again.close()

    kills = 0
    for number in killed_at_each_step(act):
        kills += number > 0
        if number:
            file.unlink(missing_ok=True)
    assert kills > 10
    assert "control.sqlite" in names(file)
    assert not (data / taking.STAGE).exists()
