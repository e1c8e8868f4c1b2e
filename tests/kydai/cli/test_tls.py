"""Certificates are shown, renewed, and the site's own is taken only with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import SystemClock
from kydai import tls
from tests.kydai.cli.conftest import Run


def test_show_and_use(kydai: Run, tmp_path: Path) -> None:
    assert kydai("tls", "show", "--json").documents == []
    assert kydai("tls", "use").status == 2
    assert kydai("tls", "use", "--local").status == 1
    one, other = (tls.local(tmp_path / n, ["a"], SystemClock().now()) for n in ("1", "2"))
    assert kydai("tls", "use", str(one.certificate), str(other.key)).status == 2
    taken = kydai("tls", "use", str(one.certificate), str(one.key))
    assert taken.status == 0
    (shown,) = kydai("tls", "show", "--json").documents
    assert shown["file"].endswith("own.pem")
    assert shown["in_use"] is True
    assert "a" in shown["names"]
    assert (tmp_path / "data" / "tls" / "own.pem").stat().st_mode & 0o077 == 0, "the key is in it"
    refused = kydai("tls", "renew")
    assert (refused.status, "tls use --local" in refused.err) == (1, True)
    assert kydai("tls", "use", "--local").status == 0
    assert kydai("tls", "show", "--json").documents == []
    assert [e["action"] for e in kydai("audit", "list", "--json").documents][:2] == ["tls.local", "tls.use"]


def test_a_certificate_that_another_replaces_is_kept_with_its_key(kydai: Run, tmp_path: Path) -> None:
    one, other = (tls.local(tmp_path / n, ["a"], SystemClock().now()) for n in ("1", "2"))
    folder = tmp_path / "data" / "tls"
    for each in (one, one, other):
        assert kydai("tls", "use", str(each.certificate), str(each.key)).status == 0
    assert [path.name for path in sorted(folder.glob("own.pem*"))] == ["own.pem", "own.pem.1"], "the same is no other"
    assert "own.pem.2" in kydai("tls", "use", "--local").err
    for number, before in ((1, one), (2, other)):
        kept = folder / f"own.pem.{number}"
        assert before.key.read_bytes() in kept.read_bytes() and kept.stat().st_mode & 0o077 == 0
    assert kydai("tls", "use", str(folder / "own.pem.1"), str(folder / "own.pem.1")).status == 0, "and taken again"


def test_who_types_an_address_that_it_is_not_for_is_warned_of(
    kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYDAI_HTTP_ADDRESS", "192.0.2.77")
    one = tls.local(tmp_path / "1", ["siem.example.vn"], SystemClock().now())
    assert "192.0.2.77" in kydai("tls", "use", str(one.certificate), str(one.key)).err


def test_renew_makes_a_new_one_of_the_same_ca(kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kydai("tls", "renew").status == 1
    monkeypatch.setenv("KYDAI_HTTP_ADDRESS", "192.0.2.77")
    first = tls.local(tmp_path / "data" / "tls", ["192.0.2.77"], SystemClock().now())
    before = first.certificate.read_bytes()
    assert kydai("tls", "renew").status == 0
    assert first.certificate.read_bytes() != before
    told = kydai("tls", "renew", "--ca").err
    assert first.fingerprint and first.fingerprint not in told and "ca.pem" in told


def test_a_certificate_that_the_settings_name_comes_first(
    kydai: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tls.local(tmp_path / "1", ["a"], SystemClock().now())
    monkeypatch.setenv("KYDAI_HTTP_CERTIFICATE", str(one.certificate))
    refused = kydai("tls", "use", str(one.certificate), str(one.key))
    assert (refused.status, str(one.certificate) in refused.err) == (1, True)
