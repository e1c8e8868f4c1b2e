"""The contract itself: a hint with nothing recognises nothing, and a record holds what it was given."""

from __future__ import annotations

from collectors.parser_contract import Hint, Record


def test_an_empty_hint() -> None:
    hint = Hint()
    assert not (hint.programs or hint.starts or hint.contains or hint.files or hint.json or hint.syslog)


def test_a_record() -> None:
    record = Record("<13>x", "x", None, None, 1_000_000, "UTC", "udp:192.0.2.1", "a.log")
    assert (record.text, record.message, record.created_at, record.file) == ("<13>x", "x", 1_000_000, "a.log")
