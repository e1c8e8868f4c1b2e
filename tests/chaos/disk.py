"""A disk that forgets: what of a recorded run is there when the power went after an operation.

The bytes of a file are durable once the file was synced, a name once its folder was, and nothing before. What was
not synced may be lost whole (``strict``) or be there in part (``partial``): any sectors of it, in any order, and the
names up to any moment.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.trace import Make, MakeFolder, Mark, Operation, Remove, Rename, Sync, Truncate, Write

Left = dict[Path, bytes | None]
"""Files with their bytes, folders with None."""

SECTOR = 512
"""Disks write this much whole or not at all."""


@dataclass(slots=True)
class File:
    length: int = 0
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Write | Truncate]] = field(default_factory=list)


@dataclass(slots=True)
class Folder:
    names: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[tuple[int, str, File | Folder | None]] = field(default_factory=list)


class Disk:
    """The tree below ``root``; what is there ``before`` is durable from the beginning, as ``root`` itself is."""

    def __init__(self, root: Path, before: Left | None = None) -> None:
        self.root = root
        self.tree = Folder()
        for path, data in sorted((before or {}).items()):
            node = Folder() if data is None else File(len(data), bytearray(data))
            folder = self._folder(root / path.parent)
            folder.names[path.name] = folder.durable[path.name] = node
        self.done = 0
        self.version = 0
        """Grows when something became durable: between two changes ``strict`` gives the same."""

    def apply(self, operation: Operation) -> None:
        """The next operation of the run has ended."""
        number = self.done
        self.done += 1
        match operation:
            case Mark():
                pass
            case Make(path):
                if path.name not in self._folder(path.parent).names:
                    self._put(path, File(), number)
            case MakeFolder(path):
                self._put(path, Folder(), number)
            case Rename(old, new):
                node = self._folder(old.parent).names[old.name]
                self._put(old, None, number)
                self._put(new, node, number)
            case Remove(path):
                self._put(path, None, number)
            case Sync(path, since):
                self._sync(self._node(path), since)
            case Write() | Truncate():
                file = self._node(operation.path)
                assert isinstance(file, File)
                self._write(file, operation, number)

    def _write(self, file: File, operation: Write | Truncate, number: int) -> None:
        if isinstance(operation, Truncate):
            file.length = operation.length
        else:
            at = file.length if operation.at is None else operation.at
            operation = Write(operation.path, at, operation.data)
            file.length = max(file.length, at + len(operation.data))
        file.pending.append((number, operation))

    def _sync(self, node: File | Folder, since: int) -> None:
        if any(one[0] < since for one in node.pending):
            self.version += 1
        if isinstance(node, File):
            for number, operation in node.pending:
                if number < since:
                    _apply(node.durable, operation)
            node.pending = [one for one in node.pending if one[0] >= since]
        else:
            _settle(node.durable, node, since)
            node.pending = [one for one in node.pending if one[0] >= since]

    def _put(self, path: Path, node: File | Folder | None, number: int) -> None:
        folder = self._folder(path.parent)
        if node is None:
            del folder.names[path.name]
        else:
            folder.names[path.name] = node
        folder.pending.append((number, path.name, node))

    def _node(self, path: Path) -> File | Folder:
        node: File | Folder = self.tree
        for part in path.relative_to(self.root).parts:
            assert isinstance(node, Folder)
            node = node.names[part]
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._node(path)
        assert isinstance(node, Folder)
        return node

    # --- the power goes -----------------------------------------------------------------------------------

    def strict(self) -> Left:
        """What is there when all that was not synced is lost."""
        return self._left(-1, None)

    def partial(self, chance: random.Random) -> Left:
        """What is there when some of what was not synced is: see ``_kept``."""
        names = sorted({number for number in _numbers(self.tree) if number >= 0})
        return self._left(chance.choice([-1, *names]) if names else -1, chance)

    def _left(self, until: int, chance: random.Random | None) -> Left:
        left: Left = {}
        folders = [(Path(), self.tree)]
        while folders:
            path, folder = folders.pop()
            names = dict(folder.durable)
            _settle(names, folder, until + 1)
            for name, node in names.items():
                if isinstance(node, Folder):
                    left[path / name] = None
                    folders.append((path / name, node))
                else:
                    left[path / name] = bytes(node.durable) if chance is None else _kept(node, chance)
        return left


def _settle(names: dict[str, File | Folder], folder: Folder, before: int) -> None:
    for number, name, node in folder.pending:
        if number < before:
            if node is None:
                names.pop(name, None)
            else:
                names[name] = node


def _numbers(folder: Folder) -> Sequence[int]:
    found = [number for number, _, _ in folder.pending]
    for node in folder.names.values():
        if isinstance(node, Folder):
            found += _numbers(node)
    return found


def _apply(data: bytearray, operation: Write | Truncate) -> None:
    if isinstance(operation, Truncate):
        del data[operation.length :]
        data.extend(bytes(operation.length - len(data)))
        return
    assert operation.at is not None
    end = operation.at + len(operation.data)
    data.extend(bytes(max(0, end - len(data))))
    data[operation.at : end] = operation.data


def _kept(file: File, chance: random.Random) -> bytes:
    """A file of which few, half, most or all sectors written since the last sync are there."""
    data = bytearray(file.durable)
    kept = chance.choice((0.1, 0.5, 0.9, 1.0))
    for _, operation in file.pending:
        if isinstance(operation, Truncate):
            if chance.random() < kept:
                _apply(data, operation)
            continue
        assert operation.at is not None
        start, end = operation.at, operation.at + len(operation.data)
        while start < end:
            stop = min(end, start - start % SECTOR + SECTOR)
            if chance.random() < kept:
                part = operation.data[start - operation.at : stop - operation.at]
                _apply(data, Write(operation.path, start, part))
            start = stop
    return bytes(data)


def write_out(left: Left, folder: Path) -> None:
    """Make a folder of what is left."""
    folder.mkdir(parents=True)
    for path, data in sorted(left.items()):
        if data is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(data)
