from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.clock import DAY
from core.errors import BadConfig, Unavailable
from core.keys import Keys, is_signed
from tests.core.store.conformance import START


def test_the_first_key_is_made_when_needed_and_stays(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    assert keys.known() == []
    signer = keys.signer(START)
    assert keys.signer(START + DAY).key == signer.key
    assert [(k.key, k.made_at, k.is_signing) for k in keys.known()] == [(signer.key, START, True)]
    private = tmp_path / "keys" / "signing.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700


def test_what_was_signed_before_a_rotation_can_be_checked_after_it(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    old = keys.signer(START)
    signature = old.sign(b"root")
    new = keys.rotate(START + DAY)
    assert keys.signer(START + DAY).key == new.key != old.key
    assert [(k.key, k.is_signing) for k in keys.known()] == [(old.key, False), (new.key, True)]
    assert is_signed(old.key, signature, b"root")
    assert len(list(tmp_path.glob("*.pem"))) == 1, "the old private key is gone"


def test_nothing_else_passes_for_a_signature(tmp_path: Path) -> None:
    signer, other = Keys(tmp_path / "a").signer(START), Keys(tmp_path / "b").signer(START)
    signature = signer.sign(b"root")
    assert not is_signed(signer.key, signature, b"roots")
    assert not is_signed(other.key, signature, b"root")
    assert not is_signed(signer.key, "zz", b"root")
    assert not is_signed("", signature, b"root")


def test_processes_that_start_together_use_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: Keys(tmp_path).signer(START).key, range(8)))
    assert len(made) == 1
    assert len(Keys(tmp_path).known()) == 1


def test_a_public_key_that_was_removed_is_put_back(tmp_path: Path) -> None:
    signer = Keys(tmp_path).signer(START)
    for path in tmp_path.glob("*.pub"):
        path.unlink()
    assert Keys(tmp_path).signer(START).key == signer.key
    assert [k.key for k in Keys(tmp_path).known()] == [signer.key]


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    Keys(tmp_path).signer(START)
    (tmp_path / "signing.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(BadConfig, match=r"signing\.pem"):
        Keys(tmp_path).signer(START)
    assert [k.is_signing for k in Keys(tmp_path).known()] == [False]
    Keys(tmp_path).rotate(START)
    (tmp_path / "x.pub").write_text("?")
    with pytest.raises(BadConfig, match=r"x\.pub"):
        Keys(tmp_path).known()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(Unavailable, match="keys"):
        Keys(tmp_path / "keys").signer(START)
