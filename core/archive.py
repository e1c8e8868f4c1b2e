"""Backups as one file: a tar under zstd that says what it is, what it holds, and whether it is still whole.

Its first member (``kydai-backup.json``) says what made it, so that what is too new is refused before anything is read;
its last (``manifest.json``) has name, size and SHA-256 of each other: a file without it was cut off. Any tar that knows
zstd opens it. Keys are among the members, so the file is its owner's only (0600).
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import orjson
import zstandard

from core.durable import make_folder, sync_folder
from core.errors import BadInput, Conflict, NotFound, Place, Refused, Unavailable, cause, failure
from core.store.contract import Told

HEAD, MANIFEST = "kydai-backup.json", "manifest.json"
FORMAT = 1
LEVEL = 1
"""Of zstd: files of events are packed already, and the control database becomes a seventh by it, by 3 an eighth."""
SUFFIX = ".tar.zst"
_MAGIC = b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 20
_MOST_SAID = 64 << 20
"""Bytes of a member that is read whole: the manifest of some 500,000 files."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A backup that was written."""

    members: int
    bytes: int
    sha256: str
    """Of the whole file, as sha256sum prints it."""


class _Counted:
    """A file that is written to, and its digest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def pack(
    folder: Path, file: Path, head: Mapping[str, Any], told: Told, named: Callable[[Packed], None] = lambda _: None
) -> Packed:
    """Write everything in ``folder`` to ``file``; ``told`` hears bytes done and in all, ``named`` is called when all is
    on disk and before the file bears its name. Whatever ends it, no half file is left.

    Raises Conflict when the file is there, Unavailable when it cannot be written.
    """
    if file.exists() or file.is_symlink():
        raise failure(Conflict, "backup.error.there", place=Place(str(file)))
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with os.fdopen(descriptor, "wb") as raw:
            counted = _Counted(raw)
            with (
                packer.stream_writer(cast("IO[bytes]", counted), closefd=False) as out,
                tarfile.open(mode="w|", fileobj=out, format=tarfile.PAX_FORMAT) as tar,
            ):
                _write(tar, folder, names, head, told)
            raw.flush()
            os.fsync(descriptor)
        done = Packed(len(names), counted.bytes, counted.digest.hexdigest())
        named(done)
        partial.rename(file)
        sync_folder(file.parent)
    except OSError as error:
        raise failure(Unavailable, "backup.error.write", place=Place(str(file)), why=cause(error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return done


def _write(tar: tarfile.TarFile, folder: Path, names: list[str], head: Mapping[str, Any], told: Told) -> None:
    _say(tar, HEAD, {"format": FORMAT, **head})
    total, done, members = sum((folder / name).stat().st_size for name in names), 0, []
    for name in names:
        with (folder / name).open("rb") as source:
            status = os.fstat(source.fileno())
            reader = _Hashed(source)
            info = tarfile.TarInfo(name)
            # a file that grows meanwhile is taken as long as it was
            info.size, info.mode, info.mtime = status.st_size, status.st_mode & 0o777, int(status.st_mtime)
            told(done, total)
            tar.addfile(info, reader)
        done += info.size
        members.append({"name": name, "size": info.size, "sha256": reader.digest.hexdigest()})
    _say(tar, MANIFEST, {"members": members})
    told(total, total)


class _Hashed:
    """A file that is read from, and its digest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _say(tar: tarfile.TarFile, name: str, document: Mapping[str, Any]) -> None:
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))


def head_of(file: Path) -> dict[str, Any]:
    """What a backup says of itself. Raises NotFound, BadInput for what is none, Refused for one of a later form."""
    with _reading(file) as (tar, _):
        return _head(tar, file)


def unpack(
    file: Path, folder: Path, told: Told, *, takes: Callable[[str], bool], may: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Write what a backup holds into ``folder``, durably, and compare it with the manifest; returns what it says of
    itself. ``may`` is asked first with that, and raises; ``takes``: whether such a name belongs into the folder.
    ``told`` hears bytes of the file.

    Raises as ``head_of``, BadInput for one that was cut off or changed, Unavailable when the disk fails.
    """
    found: dict[str, tuple[int, str]] = {}
    members: list[dict[str, Any]] | None = None
    with _reading(file) as (tar, at):
        head = _head(tar, file)
        may(head)
        total = file.stat().st_size
        while (info := tar.next()) is not None:
            if info.name == MANIFEST:
                members = orjson.loads(_read(tar, info))["members"]
                continue
            if not info.isreg() or not _is_inside(info.name) or not takes(info.name) or info.name in found:
                raise failure(BadInput, "backup.error.foreign", place=Place(str(file)), name=info.name[:200])
            told(min(at(), total), total)
            try:
                found[info.name] = _extract(tar, info, folder / info.name)
            except FileExistsError as error:
                raise failure(BadInput, "backup.error.foreign", place=Place(str(file)), name=info.name[:200]) from error
            except OSError as error:
                raise failure(Unavailable, "backup.error.unpack", folder=folder, why=cause(error)) from error
    if members is None:
        raise failure(BadInput, "backup.error.cut", place=Place(str(file)))
    wanted = {each["name"]: (each["size"], each["sha256"]) for each in members}
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise failure(BadInput, "backup.error.altered", place=Place(str(file)), name=name)
    told(total, total)
    return head


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _extract(tar: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> tuple[int, str]:
    make_folder(path.parent, mode=0o700)
    source = tar.extractfile(info)
    assert source is not None
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, info.mode & 0o777)
    with os.fdopen(descriptor, "wb") as file:
        while data := source.read(_CHUNK):
            digest.update(data)
            size += file.write(data)
        file.flush()
        os.fsync(descriptor)
    return size, digest.hexdigest()


def _head(tar: tarfile.TarFile, file: Path) -> dict[str, Any]:
    first = tar.next()
    if first is None or first.name != HEAD:
        raise failure(BadInput, "backup.error.none", place=Place(str(file)))
    head: dict[str, Any] = orjson.loads(_read(tar, first))
    if head["format"] > FORMAT:
        raise failure(Refused, "backup.error.newer", place=Place(str(file)), version=str(head.get("version", "?")))
    return head


def _read(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    source = tar.extractfile(info) if info.size <= _MOST_SAID else None
    if source is None:
        raise tarfile.ReadError(info.name)
    return source.read()


@contextmanager
def _reading(file: Path) -> Iterator[tuple[tarfile.TarFile, Callable[[], int]]]:
    """A backup, member by member, and how far its file is read."""
    try:
        with file.open("rb") as raw:
            if raw.read(len(_MAGIC)) != _MAGIC:
                raise failure(BadInput, "backup.error.none", place=Place(str(file)))
            raw.seek(0)
            with zstandard.ZstdDecompressor().stream_reader(raw) as plain:
                try:
                    with tarfile.open(mode="r|", fileobj=plain) as tar:
                        yield tar, raw.tell
                except tarfile.ReadError as error:
                    raise failure(BadInput, "backup.error.cut", place=Place(str(file))) from error
                except (tarfile.TarError, zstandard.ZstdError, orjson.JSONDecodeError, KeyError, TypeError) as error:
                    raise failure(BadInput, "backup.error.damaged", place=Place(str(file))) from error
    except FileNotFoundError as error:
        raise failure(NotFound, "backup.error.absent", place=Place(str(file))) from error
    except OSError as error:
        raise failure(BadInput, "backup.error.read", place=Place(str(file)), why=cause(error)) from error
