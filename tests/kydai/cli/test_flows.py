"""Captures and raw datagrams to one flow a line."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run
from tests.samples import sample


def test_a_real_datagram(kydai: Run) -> None:
    ran = kydai("flows", "decode", str(sample("flows/vendor-datagrams/netflow5_test_juniper_mx80.dat")))
    assert ran.status == 0
    assert len(ran.documents) == 29
    assert {d["event.dataset"] for d in ran.documents} == {"netflow.flow"}


def test_what_is_no_flow_file_is_refused(kydai: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    assert kydai("flows", "decode", str(tmp_path / "x")).status == 2
    assert kydai("flows", "decode", str(tmp_path / "nowhere")).status == 2
