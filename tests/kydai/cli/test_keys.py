"""The signing keys on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.kydai.cli.conftest import Run


def test_keys_are_listed_and_rotated_with_an_entry_in_the_journal(kydai: Run, log: Path) -> None:
    kydai("ingest", str(log))
    empty = kydai("keys", "list")
    assert (empty.status, empty.out) == (0, "")
    assert "no key yet" in empty.err
    (first,) = kydai("keys", "rotate", "--json").documents
    (second,) = kydai("keys", "rotate", "--reason", "người giữ máy đã nghỉ", "--json").documents
    assert second["before"] == first["key"] != second["key"]
    listed = kydai("keys", "list", "--json").documents
    assert [(k["key"], k["is_signing"]) for k in listed] == [(first["key"], False), (second["key"], True)]
    table = kydai("keys", "list").out
    assert second["key"] in table
    assert "signing" in table
    newest = kydai("audit", "list", "--action", "keys.rotate", "--json").documents[0]
    assert (newest["before"], newest["after"]) == ({"key": first["key"]}, {"key": second["key"]})
    assert newest["reason"] == "người giữ máy đã nghỉ"
