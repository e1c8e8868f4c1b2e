"""What a Vietnamese reader meets when the input is wrong: one line in Vietnamese, with a status, and no traceback."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
import pytest

DRIVER = """
import io, os, sys
import orjson
from kydai.cli.main import main

for case in orjson.loads(sys.stdin.buffer.read()):
    os.environ.update(case["environment"])
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    status = main(case["arguments"])
    told = sys.stderr.getvalue()
    sys.stdout, sys.stderr = out, err
    for name in case["environment"]:
        del os.environ[name]
    sys.stdout.buffer.write(orjson.dumps({"status": status, "err": told}) + b"\\n")
"""
"""The commands one after another in one process: to import them again and again would take a minute."""
VIETNAMESE = re.compile("[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE)


class Wrong(NamedTuple):
    """A wrong input: what is typed, the status, and a word of the answer that helps."""

    line: str
    status: int
    word: str
    environment: Mapping[str, str] = MappingProxyType({})


CASES = [
    Wrong("search x", 2, "kydai up", {"KYDAI_DATA": "empty"}),
    Wrong("ingest nofile", 2, "nofile: "),
    Wrong("ingest --parser nosuch log", 2, "linux_auth"),
    Wrong("ingest cut.gz", 3, "cut.gz: "),
    Wrong("ingest broken.json", 3, ".jsonl"),
    Wrong("ingest short.evtx", 3, "EVTX"),
    Wrong("rules list --package foo", 2, "kydai"),
    Wrong("search x --from 2026-13-45", 2, "now-24h"),
    Wrong("search x --to hôm-qua", 2, "“hôm-qua”"),
    Wrong("search x -o nowhere/a.csv", 2, "nowhere/a.csv: "),
    Wrong("parse nofile", 2, "nofile: "),
    Wrong("parse --parser nosuch log", 2, "linux_auth"),
    Wrong("flows decode nofile", 2, "nofile: "),
    Wrong("flows decode log", 2, "pcap"),
    Wrong("rules install nofile", 2, "nofile: "),
    Wrong("rules install broken.yml", 2, "broken.yml:2"),
    Wrong("rules install log --name ../x", 2, "chữ thường"),
    Wrong("rules remove nosuch", 2, "kydai rules packages"),
    Wrong("rules install log --name local", 2, "đã là tên"),
    Wrong("rules backtest kydai_ssh_failed --from now+3d", 2, "now+3d"),
    Wrong("rules update nosuch", 2, "“nosuch”"),
    Wrong("rules enable nosuch", 2, "nosuch"),
    Wrong("rules match --rules nofile log", 2, "nofile: "),
    Wrong("playbooks lint broken.yml", 2, "broken.yml:2"),
    Wrong("playbooks lint playbook.yml", 2, "playbook.yml:1"),
    Wrong("playbooks test playbook.yml", 2, "playbook.yml"),
    Wrong("playbooks approve 99", 2, ""),
    Wrong("sources set nosuch --zone UTC", 2, "kydai sources import"),
    Wrong("sources check nosuch", 2, "nosuch"),
    Wrong("sources import nofile", 2, "nofile: "),
    Wrong("report period --from x --to y", 2, "now-24h"),
    Wrong("report incident VV-2026-9999 -o i.pdf", 2, "VV-2026-9999"),
    Wrong("incidents show 7", 2, "7"),
    Wrong("alerts show 7", 2, "7"),
    Wrong("users link nosuch", 2, "“nosuch”"),
    Wrong("users passwd nosuch", 2, "“nosuch”"),
    Wrong("store hold ''", 2, "1 đến 100"),
    Wrong("store hold nosuch --lift", 2, "nosuch"),
    Wrong("search x --from 2026-11-24 --to 2026-11-23", 2, "2026-11-23"),
    Wrong("audit export -o nowhere/a.jsonl", 2, "nowhere/a.jsonl"),
    Wrong("tls use nofile nokey", 2, "nofile: "),
    Wrong("doctor --config broken.toml", 2, "broken.toml:2"),
    Wrong("doctor --config log", 2, "log: "),
    Wrong("doctor --config nofile", 2, "nofile: "),
    Wrong("doctor", 2, "KYDAI_HTTP_PORT", {"KYDAI_HTTP_PORT": "x"}),
    Wrong("doctor", 2, "docs/vi/settings.md", {"KYDAI_HTTP_PROT": "8470"}),
    Wrong("ingest log", 1, "--data", {"KYDAI_DATA": "log/data"}),
    Wrong("search x", 2, "control.sqlite", {"KYDAI_DATA": "damaged"}),
    Wrong("up", 2, "control.sqlite", {"KYDAI_DATA": "damaged"}),
    Wrong("up", 1, "--data", {"KYDAI_DATA": "running"}),
    Wrong("up", 2, "KYDAI_HTTP_PORT", {"KYDAI_DATA": "fresh", "KYDAI_HTTP_PORT": "taken"}),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "log").write_text("a line\n")
    (folder / "cut.gz").write_bytes(gzip.compress(b"a line\n" * 100)[:-8])
    (folder / "broken.json").write_text('[\n{"a":\n')
    (folder / "short.evtx").write_bytes(b"ElfFile\0" + bytes(5000))
    (folder / "broken.yml").write_text("title: [\n")
    (folder / "playbook.yml").write_text("name: x\n")
    (folder / "broken.toml").write_text("[http]\nport = 'x'\n")
    (folder / "running").mkdir()
    (folder / "damaged").mkdir()
    (folder / "damaged" / "control.sqlite").write_text("no database")
    with contextlib.ExitStack() as held:
        lock = held.enter_context((folder / "running" / "up.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        taken = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = str(taken.getsockname()[1])
        cases = [
            {
                "arguments": shlex.split(case.line),
                "environment": {"KYDAI_DATA": "data"}
                | {name: port if value == "taken" else value for name, value in case.environment.items()},
            }
            for case in CASES
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KYDAI_")} | {"KYDAI_LANG": "vi"}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        ran = subprocess.run(
            [sys.executable, "-c", DRIVER], input=orjson.dumps(cases), capture_output=True, env=environment, cwd=folder
        )
        assert ran.returncode == 0, ran.stderr.decode()
        yield [orjson.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.line for case in CASES])
def test_wrong_input_is_one_line_in_vietnamese(answers: list[dict[str, Any]], number: int) -> None:
    case, answer = CASES[number], answers[number]
    lines = [line for line in answer["err"].splitlines() if line.strip()]
    assert answer["status"] == case.status, answer["err"]
    assert len(lines) == 1, answer["err"]
    assert case.word in lines[0]
    assert VIETNAMESE.search(lines[0].removeprefix(case.word)), lines[0]
