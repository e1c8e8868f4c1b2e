"""Errors say what, where and what helps."""

from __future__ import annotations

from core.errors import BadConfig, KydaiError, Place, Refused, cause, failure


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
