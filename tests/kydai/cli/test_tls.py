"""Certificates are shown, and the site's own is taken only with its key."""

from __future__ import annotations

from pathlib import Path

from core.clock import SystemClock
from kydai import tls
from tests.kydai.cli.conftest import Run


def test_show_and_use(kydai: Run, tmp_path: Path) -> None:
    assert kydai("tls", "show", "--json").documents == []
    one, other = (tls.local(tmp_path / n, ["a"], SystemClock().now()) for n in ("1", "2"))
    assert kydai("tls", "use", str(one.certificate), str(other.key)).status == 2
    assert kydai("tls", "use", str(one.certificate), str(one.key)).status == 0
    (shown,) = kydai("tls", "show", "--json").documents
    assert shown["file"].endswith("own.pem")
    assert (tmp_path / "data" / "tls" / "own.pem").stat().st_mode & 0o077 == 0, "the key is in it"
