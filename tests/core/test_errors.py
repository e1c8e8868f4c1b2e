"""Errors say what, where and what helps."""

from __future__ import annotations

import ast
from pathlib import Path

from core.errors import BadConfig, BadInput, Conflict, KydaiError, NotFound, Place, Refused, Unavailable, cause, failure


def test_a_sentence_with_place_and_remedy() -> None:
    error = BadConfig("port is taken.", place=Place("kydai.toml", 3), remedy="Choose another.")
    assert str(error) == "kydai.toml:3: port is taken. Choose another."
    assert isinstance(error, KydaiError)
    assert str(Place("a.yml")) == "a.yml"
    assert str(KydaiError("only this.")) == "only this."


def test_in_the_readers_language_with_its_remedy() -> None:
    error = failure(
        Refused, "playbook.error.webhook_address", place=Place("a.yml", 2), host="h.example", address="192.0.2.9"
    )
    assert isinstance(error, Refused)
    assert error.told("vi") == (
        "a.yml:2: h.example trỏ tới 192.0.2.9, không phải địa chỉ công cộng và chưa được cho phép."
        " Thêm địa chỉ hoặc dải mạng đó vào [playbooks] webhook_hosts."
    )
    assert str(error) == error.told("en") != error.told("vi")
    assert failure(Refused, "playbook.error.over").remedy is None


def test_why_the_system_refused_is_said_in_the_readers_language() -> None:
    assert cause(FileNotFoundError(2, "No such file or directory"))["vi"] == "không có tệp hoặc thư mục này"
    assert "kết thúc giữa chừng" in cause(EOFError("Compressed file ended"))["vi"]
    assert set(cause(ValueError("no PEM")).values()) == {"no PEM"}


ROOT = Path(__file__).parents[2]
INTERNAL = {
    "core/store/catalog.py", "core/store/compaction.py", "core/store/segments.py", "core/store/segments_rows.py",
    "core/store/segments_time.py", "core/store/segments_write.py", "detections/hit_blocks.py", "kydai/demo/send.py",
    "api/app.py", "playbooks/action.py", "reports/report.py",
}  # fmt: skip
"""Where an error stands for a state that nobody should meet, or for a slip in our own files: English only."""


def test_what_a_person_may_meet_has_its_words() -> None:
    kinds = {kind.__name__ for kind in (BadInput, BadConfig, Conflict, NotFound, Refused, Unavailable)}
    found = {
        str(file.relative_to(ROOT))
        for part in ("core", "collectors", "detections", "enrichment", "playbooks", "reports", "api", "kydai")
        for file in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds
        if node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
    }
    assert found == INTERNAL
