"""Both languages are complete, and no word that the glossary rejects is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import to_micros
from core.words import both, duration, entries, language, moment, number, say, size

WRONG = {
    "dương tính giả": "cảnh báo sai",
    "hàng đợi": "cảnh báo chờ xử lý",
    "sổ cái": "đối soát dữ liệu",
    "thư chết": "bản ghi bị từ chối",
    "thực thể": "đối tượng liên quan",
    "làm giàu": "bổ sung ngữ cảnh",
    "kiểm toán": "nhật ký thao tác, cán bộ kiểm tra",
    "vở kịch": "kịch bản ứng phó",
    "sách chơi": "kịch bản ứng phó",
    "giữ hợp pháp": "tạm dừng xóa theo yêu cầu",
    "săn ": "truy tìm",
    "chặn tạm": "gộp cảnh báo lặp",
    "sự cố an toàn thông tin": "sự cố an ninh mạng",
}


def test_both_languages_say_the_same_with_the_same_places() -> None:
    assert not [key for key, texts in entries().items() if set(texts) != {"vi", "en"}]
    assert not [
        k for k, texts in entries().items() if not all(isinstance(t, str) and t.strip() for t in texts.values())
    ]
    different = []
    for key, texts in entries().items():
        ours, theirs = (sorted(re.findall(r"\{(\w+)", texts[lang])) for lang in ("vi", "en"))
        # the English is the library's whole sentence; not all of it is worth repeating
        if not (set(ours) <= set(theirs) if key.startswith("library.") else ours == theirs):
            different.append(key)
    assert not different


def test_an_error_that_has_a_remedy_is_a_sentence_of_its_own() -> None:
    """The remedy stands behind it in one line."""
    errors = [(k, t) for k, t in entries().items() if ".error." in k and f"{k}.remedy" in entries()]
    assert errors
    assert not [k for k, texts in errors for t in texts.values() if t[-1] not in ".?!}"]


PARTS = ("core", "collectors", "detections", "enrichment", "playbooks", "reports", "api", "kydai")


def used() -> Iterator[tuple[str, str]]:
    """Where a key of the words is written in the code, and the key; of an f-string what stands before its first {."""
    root = Path(__file__).parents[3]
    for file in (f for part in PARTS for f in (root / part).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            at = {"say": 0, "both": 0, "failure": 1}.get(node.func.id)
            key = node.args[at] if at is not None and len(node.args) > at else None
            place = f"{file.relative_to(root)}:{node.lineno}"
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield place, key.value
            elif isinstance(key, ast.JoinedStr) and isinstance(key.values[0], ast.Constant):
                yield place, str(key.values[0].value) + "{"


def test_every_key_used_in_the_code_has_its_words() -> None:
    found = list(used())
    known = entries()
    assert len(found) > 500
    assert [(place, key) for place, key in found if key[-1] != "{" and key not in known] == []
    assert [
        (place, key) for place, key in found if key[-1] == "{" and not any(k.startswith(key[:-1]) for k in known)
    ] == []


def test_no_brace_is_shown_twice() -> None:
    shown = {
        (key, lang): say(key, lang, **dict.fromkeys(re.findall(r"\{(\w+)", text), "x"))
        for key, texts in entries().items()
        for lang, text in texts.items()
    }
    assert not [place for place, said in shown.items() if "{{" in said or "}}" in said]


def test_what_takes_its_words_as_they_stand_has_no_brace_written_twice() -> None:
    """The console, and whatever reads ``entries()``, fills the places by itself."""
    assert {key for key, texts in entries().items() if "{{" in "".join(texts.values())} == {
        "query.range_expected",
        "collectors.pack.macro",
    }


def test_a_text_in_both_languages_may_be_a_value() -> None:
    assert both("playbook.error.no_step", step={"vi": "một", "en": "one"})["en"].endswith("one")


def test_no_rejected_word() -> None:
    assert not [
        (key, wrong, f"say {right}")
        for key, texts in entries().items()
        for wrong, right in WRONG.items()
        if wrong in texts["vi"].lower() + " "
    ]


def test_numbers_times_and_sizes_as_an_officer_writes_them() -> None:
    assert number(1234567, "vi") == "1.234.567"
    assert number(1234.5, "en") == "1,234.5"
    assert moment(to_micros("2026-11-25T07:30:05Z"), "vi") == "25/11/2026 14:30:05"
    assert moment(to_micros("0005-04-19T00:00:00Z"), "en", "UTC", seconds=False) == "0005-04-19 00:00"
    assert size(3_200_000_000, "vi") == "3,2 GB"
    assert duration(50 * 60_000_000, "vi") == "50 phút"
    assert duration(-7 * 3_600_000_000, "vi") == "−7 giờ"
    assert duration(421_000_000, "en") == "7 min 01 s"


def test_one_is_not_many() -> None:
    assert say("cli.search.total", "en", count=1) == "1 event matches."
    assert say("cli.search.total", "en", count=1000) == "1,000 events match."
    assert say("cli.search.total", "vi", count=1) == "1 sự kiện khớp."
    assert say("demo.past.alerts", "en", alerts=21, incidents=1) == "21 alerts, grouped into 1 incident:"
    for key, texts in entries().items():
        for one, many in re.findall(r"\{\w+:([^|}]*)\|?([^}]*)\}", texts["en"]):
            assert one and many and one != many, key
        assert ":" not in "".join(re.findall(r"(?<!\{)\{\w+:[^}]*\}", texts["vi"])), key


def test_language_is_vietnamese_unless_told() -> None:
    assert language({}) == "vi"
    assert language({"LANG": "C.UTF-8"}) == "vi"
    assert language({"LANG": "en_GB.UTF-8"}) == "en"
    assert language({"LANG": "en_GB.UTF-8", "KYDAI_LANG": "vi"}) == "vi"


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("common.no_such_word", "vi")
