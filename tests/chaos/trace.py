"""What a recorded process asked of the disk: system calls as strace wrote them down, read into operations.

SQLite's and Arrow's writes are made in C, so a layer in Python would not see them; the kernel's door does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,rename,"
    "renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,lseek,mmap,sendfile,"
    "copy_file_range,io_uring_setup,sync_file_range,syncfs"
)


@dataclass(frozen=True, slots=True)
class Make:
    """A name for a new file, if there is none."""

    path: Path


@dataclass(frozen=True, slots=True)
class MakeFolder:
    path: Path


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a place of a file; at its end when ``at`` is None."""

    path: Path
    at: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    path: Path
    length: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file or a folder made durable, as it was when ``since`` operations had ended."""

    path: Path
    since: int


@dataclass(frozen=True, slots=True)
class Rename:
    old: Path
    new: Path


@dataclass(frozen=True, slots=True)
class Remove:
    path: Path


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that the process wrote about itself: no operation on the disk."""

    text: str


Operation = Make | MakeFolder | Write | Truncate | Sync | Rename | Remove | Mark

_HEX = r"(?:\\x[0-9a-f]{2})*"
_STRING = re.compile(rf'"({_HEX})"')
_PLACE = re.compile(rf"\b(AT_FDCWD|\d+)<({_HEX})>(\(deleted\))?")
_OF_NAMES = ("rename", "unlink", "mkdir", "rmdir", "link", "symlink", "truncate")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)


def record(command: Sequence[str], output: Path, environment: dict[str, str]) -> None:
    """Run a command of this Python under strace, which writes to ``output``. Raises CalledProcessError."""
    strace = ["strace", "-f", "-y", "-xx", "-s", str(16 << 20), "-e", "signal=none", "-e", f"trace={CALLS}"]
    subprocess.run([*strace, "-o", output, sys.executable, *command], env=environment, check=True, timeout=300)


def read(lines: Iterable[str], folder: Path, marks: Path) -> list[Operation]:
    """The operations below ``folder`` and the lines written to ``marks``, in the order in which they ended."""
    return list(_Reader(folder, marks).read(lines))


class _Reader:
    """One process with its threads: descriptors belong to all of them."""

    def __init__(self, folder: Path, marks: Path) -> None:
        self.folder = folder
        self.marks = marks
        self.at: dict[int, int | None] = {}
        """Where each descriptor writes next; None at the end."""

    def read(self, lines: Iterable[str]) -> Iterator[Operation]:
        begun: dict[str, tuple[str, int]] = {}
        ended = 0
        for line in lines:
            pid, _, text = line.rstrip("\n").partition(" ")
            text = text.lstrip()
            since = ended
            if text.endswith(_UNFINISHED):
                begun[pid] = (text.removesuffix(_UNFINISHED), ended)
                continue
            if resumed := _RESUMED.match(text):
                start, since = begun.pop(pid)
                text = start + resumed[1]
            for operation in self._call(text, since):
                ended += 1
                yield operation

    def _call(self, text: str, since: int) -> Iterator[Operation]:
        name, _, rest = text.partition("(")
        arguments, found, result = rest.rpartition(" = ")
        if not found or result.startswith(("-1", "?")):
            return
        if name in ("open", "openat", "creat"):
            yield from self._open(name, arguments, result)
            return
        if name == "io_uring_setup":
            raise NotImplementedError("writes by io_uring are not recorded")
        if name.startswith(_OF_NAMES):
            yield from self._name(name, arguments)
        elif (place := _PLACE.search(arguments) if name == "mmap" else _PLACE.match(arguments)) and not place[3]:
            yield from self._file(name, arguments, (int(place[1]), _path(place[2])), since, result)

    def _open(self, name: str, arguments: str, result: str) -> Iterator[Operation]:
        place = _PLACE.match(result)
        if place is None:
            return
        path = _path(place[2])
        self.at[int(place[1])] = None if "O_APPEND" in arguments else 0
        if self._is_ours(path) and ("O_CREAT" in arguments or name == "creat"):
            yield Make(path)
        if self._is_ours(path) and ("O_TRUNC" in arguments or name == "creat"):
            yield Truncate(path, 0)

    def _name(self, name: str, arguments: str) -> Iterator[Operation]:
        paths = [_path(text) for text in _STRING.findall(arguments)]
        if folders := [_path(text) for _, text, _ in _PLACE.findall(arguments)]:
            paths = [folder / path for folder, path in zip(folders, paths, strict=False)]
        ours = [path for path in paths if self._is_ours(path)]
        if not ours:
            return
        if len(ours) != len(paths) or name.startswith(("link", "symlink", "truncate")):
            raise NotImplementedError(f"{name} of {', '.join(map(str, paths))} is not modelled")
        if name.startswith("rename"):
            yield Rename(*ours)
        elif name.startswith("mkdir"):
            yield MakeFolder(ours[0])
        else:
            yield Remove(ours[0])

    def _file(self, name: str, arguments: str, place: tuple[int, Path], since: int, result: str) -> Iterator[Operation]:
        descriptor, path = place
        if name == "lseek":
            if self.at.get(descriptor) is not None:
                self.at[descriptor] = int(result.split()[0])
        elif name == "write" and path == self.marks:
            yield Mark(_data(arguments, int(result)).decode())
        elif not self._is_ours(path):
            return
        elif name in ("fsync", "fdatasync"):
            yield Sync(path, since)
        elif name == "ftruncate":
            yield Truncate(path, int(arguments.rpartition(", ")[2].rstrip(") ")))
        elif name in ("write", "writev"):
            at = self.at.get(descriptor)
            if at is not None:
                self.at[descriptor] = at + int(result)
            yield Write(path, at, _data(arguments, int(result)))
        elif name == "pwrite64":
            yield Write(path, int(arguments.rpartition(", ")[2].rstrip(") ")), _data(arguments, int(result)))
        elif name == "mmap":
            if "PROT_WRITE" in arguments and "MAP_SHARED" in arguments:
                raise NotImplementedError(f"{path} is written through memory")
        else:
            raise NotImplementedError(f"{name} of {path} is not modelled")

    def _is_ours(self, path: Path) -> bool:
        # SQLite's shared memory is written through mmap and made anew by whoever comes first: it is not on the disk
        return path.is_relative_to(self.folder) and not path.name.endswith("-shm")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path(text: str) -> Path:
    return Path(os.fsdecode(_bytes(text)))


def _data(arguments: str, written: int) -> bytes:
    # the texts are long: no expression over them
    parts = arguments.split('"')
    assert not any(part.startswith("...") for part in parts[2::2]), "strace cut the bytes short"
    return b"".join(map(_bytes, parts[1::2]))[:written]
