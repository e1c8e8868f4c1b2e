"""Setting up on a machine that lacks something: one sentence with the remedy, and nothing that breaks the next try."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import program

ROOT = Path(__file__).parents[2]
TOOLS = (
    "awk",
    "bash",
    "cat",
    "cut",
    "df",
    "dirname",
    "env",
    "find",
    "grep",
    "mkdir",
    "rm",
    "sha256sum",
    "sort",
    "tail",
    "xargs",
)
NOWHERE = dict.fromkeys(("PIP_INDEX_URL", "UV_INDEX_URL"), "http://127.0.0.1:9/simple")


@pytest.fixture
def clone() -> Iterator[Path]:
    """A folder with what the script looks at, and a PATH of a bare machine beside it."""
    with tempfile.TemporaryDirectory(prefix="kydai sắp đặt ", dir="/tmp") as folder:
        clone = Path(folder) / "bản sao"
        shutil.copytree(ROOT / "scripts", clone / "scripts")
        shutil.copy(ROOT / "pyproject.toml", clone)
        (clone.parent / "bin").mkdir()
        for name in TOOLS:
            (clone.parent / "bin" / name).symlink_to(str(shutil.which(name)))
        clone.parent.chmod(0o755)
        yield clone


def add(clone: Path, name: str, script: str) -> None:
    file = clone.parent / "bin" / name
    file.unlink(missing_ok=True)
    file.write_text(script)
    file.chmod(0o755)


def python(clone: Path) -> None:
    """This Python, as the machine's."""
    add(clone, "python3.11", f'#!/bin/sh\nexec {sys.executable} "$@"\n')


def set_up(clone: Path, *before: str, **environment: str) -> tuple[int, str]:
    """The status, and what a person reads."""
    bare = {"PATH": str(clone.parent / "bin"), "HOME": str(clone.parent), **environment}
    command = [*before, str(shutil.which("bash")), "scripts/setup.sh"]
    ran = subprocess.run(command, cwd=clone, env=bare, capture_output=True, text=True, timeout=120)
    assert ran.stdout == ""
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "Không tải được Python 3.11 (xem .tools/setup.log). Hãy cài bằng một trong các lệnh sau rồi chạy lại:"),
        ({"LANG": "C"}, "Không tải được Python 3.11 (xem .tools/setup.log). Hãy cài bằng"),
        (
            {"LANG": "en_GB.UTF-8"},
            "Python 3.11 could not be fetched (see .tools/setup.log). Install it with one of these and run again:",
        ),
        ({"LANG": "en_GB.UTF-8", "KYDAI_LANG": "vi"}, "Không tải được Python 3.11 "),
        ({"KYDAI_LANG": "en"}, "Python 3.11 could not be fetched "),
    ],
    ids=str,
)
def test_without_a_python_the_lines_that_install_it(clone: Path, environment: dict[str, str], told: str) -> None:
    status, said = set_up(clone, **environment)
    assert status == 1
    assert told in said
    assert "sudo apt-get install -y python3.11 python3.11-venv" in said


def test_an_old_python_is_none(clone: Path) -> None:
    add(clone, "python3", "#!/bin/sh\nexit 1\n")
    assert "Python 3.11 trở lên" in set_up(clone)[1]


def mirror(clone: Path) -> dict[str, str]:
    """A mirror as uv reads one, with this Python in the layout of python-build-standalone."""
    folder = clone.parent / "mirror" / "20261001"
    folder.mkdir(parents=True)
    machine = os.uname().machine
    archive = folder / "cpython-3.11.2+20261001-install_only_stripped.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in (
            ("bin/python3.11", f'#!/bin/sh\nexec {sys.executable} "$@"\n'),
            (
                f"lib/python3.11/_sysconfigdata__linux_{machine}-linux-gnu.py",
                "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n",
            ),
        ):
            entry = tarfile.TarInfo(f"python/{name}")
            entry.size, entry.mode = len(text.encode()), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    known = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": 3,
        "minor": 11,
        "patch": 2,
        "prerelease": "",
        "url": f"https://github.com/astral-sh/python-build-standalone/releases/download/20261001/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "20261001",
    }
    listed = clone.parent / "mirror" / "downloads.json"
    listed.write_text(json.dumps({f"cpython-3.11.2-linux-{machine}-gnu": known}))
    return {
        "UV_PYTHON_DOWNLOADS_JSON_URL": str(listed),
        "UV_PYTHON_INSTALL_MIRROR": f"file://{clone.parent / 'mirror'}",
        "UV_CACHE_DIR": str(clone.parent / "cache"),
    }


def test_a_python_that_is_missing_is_fetched_into_the_clone(clone: Path) -> None:
    add(clone, "uv", f'#!/bin/sh\nexec {Path(sys.executable).parent / "uv"} "$@"\n')
    elsewhere = clone.parent / "active"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", elsewhere], check=True)
    from_here = mirror(clone)
    whole = (clone.parent / "mirror" / "downloads.json").read_text()
    (clone.parent / "mirror" / "downloads.json").write_text(whole.replace('"sha256": "', '"sha256": "0'))
    status, said = set_up(clone, **from_here)
    assert status == 1
    assert "Không tải được Python 3.11 " in said
    assert "error" in (clone / ".tools" / "setup.log").read_text()
    (clone.parent / "mirror" / "downloads.json").write_text(whole)
    status, said = set_up(clone, VIRTUAL_ENV=str(elsewhere), PIP_RETRIES="0", **from_here, **NOWHERE)
    assert said.splitlines()[1] == "Tạo môi trường Python trong .venv …"
    assert "Không cài được các thư viện Python" in said, "there is no network; the Python is there"
    assert list(clone.glob(".tools/python/cpython-3.11.2-*/bin/python3.11"))
    assert (clone / ".venv" / "bin" / "pip").exists()
    assert not (clone.parent / ".local").exists(), "nothing is put beside the clone"


def test_a_folder_that_may_not_be_written(clone: Path) -> None:
    # root may write everywhere: be somebody else
    nobody = [program("setpriv"), "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    clone.chmod(0o555)
    status, said = set_up(clone, *nobody)
    clone.chmod(0o755)
    assert (status, said) == (1, f"Thư mục {clone} chỉ đọc: hãy chép mã nguồn vào thư mục có quyền ghi.\n")


def test_without_a_network_and_again(clone: Path) -> None:
    python(clone)
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").write_text("half made")
    for lang, told in (("vi", "Không cài được các thư viện Python vì không kết nối được"), ("en", "no connection")):
        status, said = set_up(clone, KYDAI_LANG=lang, PIP_RETRIES="0", **NOWHERE)
        assert status == 1
        assert told in said.splitlines()[-1]
        assert "PIP_INDEX_URL" in said.splitlines()[-1]
    assert (clone / ".venv" / "bin" / "pip").exists(), "what was half made is made anew"


def test_a_full_disk(clone: Path) -> None:
    python(clone)
    add(clone, "df", "#!/bin/sh\necho head\necho fs 100 1 99 1% /\n")
    status, said = set_up(clone)
    assert status == 1
    assert said == f"Đĩa chứa {clone} chỉ còn 99 MB, cần khoảng 1000 MB: hãy giải phóng dung lượng rồi chạy lại.\n"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("OSError: [Errno 28] No space left on device", "Hỏng vì đĩa đã đầy: hãy giải phóng dung lượng rồi chạy lại."),
        ("error: Failed to fetch\n  cause: invalid peer certificate: UnknownIssuer", "Hỏng vì máy không tin chứng thư"),
        ("npm error code ENOTFOUND", "Hỏng vì không kết nối được: hãy nối mạng."),
        ("error: something new\n", "Hỏng (“error: something new”); xem .tools/setup.log rồi chạy lại."),
    ],
)
def test_why_it_failed(clone: Path, log: str, told: str) -> None:
    (clone / ".tools").mkdir()
    (clone / ".tools" / "setup.log").write_text(log)
    script = '. scripts/lib.sh; failed "Hỏng" "Broken" "hãy nối mạng." "Connect it."'
    ran = subprocess.run(
        ["bash", "-c", script], cwd=clone, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert ran.stderr.startswith(told)


def test_a_disk_that_fills_while_node_is_fetched(clone: Path) -> None:
    stamp = 'printf "run $(sha256sum pyproject.toml | cut -c1-32) $PWD" >.venv/kydai-stamp'
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to("/bin/true")
    subprocess.run(["bash", "-c", stamp], cwd=clone, check=True)
    (clone / "console").mkdir()
    (clone / "console" / "package-lock.json").touch()
    (clone / "core" / "words").mkdir(parents=True)
    (clone / ".venv" / "bin" / "uv").write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n")
    (clone / ".venv" / "bin" / "uv").chmod(0o755)
    status, said = set_up(clone)
    assert status == 1
    assert said.splitlines()[-1] == "Không tải được Node vì đĩa đã đầy: hãy giải phóng dung lượng rồi chạy lại."
