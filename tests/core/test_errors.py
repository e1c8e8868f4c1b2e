"""Errors say what, where and what helps."""

from __future__ import annotations

import ast
import gzip
import io
import json
import socket
import ssl
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import re2
import yaml
import zstandard
from pydantic import BaseModel, Field, ValidationError
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from core.errors import (
    BadConfig,
    BadInput,
    Conflict,
    KydaiError,
    NotFound,
    Place,
    Refused,
    Unavailable,
    cause,
    failure,
    kept,
    misfit,
    reason,
    recalled,
)


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
    assert cause(ValueError("no PEM.")) == {"vi": "nguyên văn “no PEM”", "en": "no PEM"}
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLError) as refused:
        context.load_cert_chain(__file__)
    assert cause(refused.value)["vi"] in ("tệp không phải PEM", "tệp không có phần PEM nào")
    with pytest.raises(OSError) as unknown:
        socket.getaddrinfo("", 1, flags=socket.AI_NUMERICHOST)
    assert "nguyên văn" not in cause(unknown.value)["vi"]


def re2_of(pattern: str) -> None:
    options = re2.Options()
    options.log_errors = False
    re2.compile(pattern, options)


def yaml_of(text: str) -> None:
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.raises((yaml.YAMLError, ValueError)) as refused:
            yaml.load(text, loader)
        assert "nguyên văn" not in reason(refused.value)["vi"]
    yaml.load(text, yaml.CSafeLoader)


def sigma_of(change: str, to: str) -> None:
    text = "title: A\nlogsource: {product: linux}\ndetection:\n  sel: {a|contains: b}\n  condition: sel\nlevel: high\n"
    assert change in text
    SigmaRule.from_yaml(text.replace(change, to))


def sql_of(text: str) -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql(text)


class Shape(BaseModel):
    """Something with one number."""

    port: int = Field(ge=1)


ERRORS = (
    re2.error, yaml.YAMLError, ValueError, SigmaError, SQLAlchemyError, OSError, zlib.error, zipfile.BadZipFile,
    zstandard.ZstdError,
)  # fmt: skip
REAL = [
    (re2_of, ["("], "thiếu dấu đóng ngoặc tròn trong ("),
    (re2_of, [")"], "thừa dấu đóng ngoặc tròn: )"),
    (re2_of, ["[a"], "thiếu dấu đóng ngoặc vuông: [a"),
    (re2_of, ["*a"], "không có gì để lặp trước *"),
    (re2_of, ["a**"], "dấu lặp viết sai: **"),
    (re2_of, ["a{1001}"], "số lần lặp quá lớn hoặc ngược: {1001}"),
    (re2_of, [r"\y"], r"không có ký hiệu \y"),
    (re2_of, ["[z-a]"], "lớp ký tự hoặc khoảng ký tự sai: z-a"),
    (re2_of, ["(?<=a)"], "không dùng được (?<= (nhìn trước, nhìn sau và tham chiếu ngược đều không có)"),
    (re2_of, ["a\\"], "không có gì sau dấu \\ ở cuối"),
    (yaml_of, ["a: b: c"], "dấu hai chấm không được đứng ở đây (giá trị có dấu hai chấm thì đặt trong dấu nháy)"),
    (yaml_of, ["a: [1, 2"], "danh sách trong ngoặc vuông chưa đóng hoặc thiếu dấu phẩy"),
    (yaml_of, ["a: {b: 1"], "ngoặc nhọn chưa đóng hoặc thiếu dấu phẩy"),
    (yaml_of, ["- a\nb: c"], "sai thụt dòng hoặc thiếu dấu gạch đầu dòng"),
    (yaml_of, ["a: 'x"], "dấu nháy mở mà không đóng"),
    (
        yaml_of,
        ["a: @b"],
        "giá trị không được bắt đầu bằng ký tự này; hãy đặt trong dấu nháy (phím Tab không dùng để thụt dòng được)",
    ),
    (yaml_of, ["a: *x"], "bí danh *… trỏ đến chỗ không có"),
    (yaml_of, ['a: "\\q"'], "không có ký hiệu thoát này trong dấu nháy kép; dùng dấu nháy đơn"),
    (yaml_of, ["a: !!foo b"], "không có kiểu 'tag:yaml.org,2002:foo'"),
    (yaml_of, ["a: \x01"], "có ký tự điều khiển #x0001"),
    (json.loads, ['{"a"'], "thiếu dấu hai chấm (dòng 1, cột 5)"),
    (orjson.loads, ["{a:1}"], "tên phải đặt trong dấu nháy kép (dòng 1, cột 2)"),
    (orjson.loads, ["[1,"], "kết thúc giữa chừng (dòng 1, cột 4)"),
    (tomllib.loads, ["a=x"], "giá trị không hợp lệ (văn bản phải đặt trong dấu nháy kép) (dòng 1, cột 3)"),
    (tomllib.loads, ["a"], "thiếu dấu = sau khóa (cuối tệp)"),
    (sigma_of, ["logsource: {product: linux}\n", ""], "thiếu “logsource”"),
    (sigma_of, ["level: high", "level: huge"], "“level” không có mức “huge”"),
    (sigma_of, ["a|contains", "a|contain"], "không có cách so sánh 'contain'"),
    (sigma_of, ["title: A\n", ""], "thiếu “title”"),
    (sigma_of, ["a|contains: b", "a|cidr: 10.0.0.1/8"], "dải mạng viết sai: nguyên văn “10.0.0.1/8 has host bits set”"),
    (sql_of, ["select * from nowhere"], "thiếu bảng nowhere"),
    (b"a\xff".decode, [], "byte 0xff ở vị trí 1 không phải UTF-8"),
    (gzip.decompress, [b"abcdef"], "đây không phải tệp gzip"),
    (zlib.decompress, [b"abc"], "dữ liệu nén bị hỏng"),
    (zipfile.ZipFile, [io.BytesIO(b"abc")], "đây không phải tệp zip"),
    (list, [zstandard.ZstdDecompressor().read_to_iter(b"abcdefghijkl")], "đây không phải dữ liệu zstd"),
]


@pytest.mark.parametrize(("do", "arguments", "told"), REAL, ids=[told[:40] for *_, told in REAL])
def test_what_a_library_says_is_said_in_vietnamese(do: Callable[..., object], arguments: list[Any], told: str) -> None:
    with pytest.raises(ERRORS) as refused:
        do(*arguments)
    said = reason(refused.value)
    assert said["vi"] == told
    assert said["en"].split(" (line")[0].split(" (at")[0] in str(refused.value).replace("\\\\", "\\")


def test_what_nobody_has_translated_is_quoted_in_one_line() -> None:
    assert reason("Flux of 3.\n  more of it") == {"vi": "nguyên văn “Flux of 3”", "en": "Flux of 3"}
    assert reason(RuntimeError())["vi"] == "nguyên văn “RuntimeError”"
    with pytest.raises(ValidationError) as refused:
        Shape.model_validate({"port": 0})
    (one,) = refused.value.errors()
    assert misfit(one)["vi"] == "phải từ 1 trở lên"
    assert misfit({**one, "type": "new"})["vi"] == "nguyên văn “Input should be greater than or equal to 1”"


def test_an_error_in_a_row_is_read_in_either_language() -> None:
    error = failure(Refused, "playbook.error.over")
    assert recalled(kept(error)) == {"vi": "Lượt chạy đã kết thúc", "en": "The run is over"}
    assert recalled(kept(PermissionError(13, "Permission denied")))["vi"] == "không có quyền"
    assert recalled(kept(KeyError("x")))["vi"] == "nguyên văn “KeyError: 'x'”"
    assert recalled(kept(BadInput("a\udc80")))["vi"] == r"a\udc80"
    assert len(recalled(kept(BadInput("“" * 5000)))["vi"]) == 1000
    for text in ("", "database is locked", "{", "{}", '{"vi": 1, "en": 2}', "[1]", "bị từ chối"):
        assert recalled(text) == {"vi": text, "en": text}


ROOT = Path(__file__).parents[2]
INTERNAL = {
    "core/store/admission.py", "core/store/catalog.py", "core/store/compaction.py", "core/store/elastic_append.py",
    "core/store/elastic_document.py", "core/store/elastic_flows.py", "core/store/segments.py",
    "core/store/segments_rows.py",
    "core/store/segments_write.py", "core/store/steps.py", "detections/hit_blocks.py", "kydai/demo/send.py",
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
