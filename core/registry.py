"""Plugins found by walking one package: a file that names itself, no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Generic, TypeVar

from core.errors import BadConfig

T = TypeVar("T")


class Registry(Generic[T]):
    """Things by name; a second of the same name is refused."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> None:
        if name in self._items:
            raise BadConfig(f"two {self.what}s are named {name!r}")
        self._items[name] = item

    def get(self, name: str) -> T | None:
        return self._items.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def load(self, package: str) -> None:
        """Import every module of ``package``, so that each can add itself."""
        found = importlib.import_module(package)
        for module in pkgutil.iter_modules(found.__path__, package + "."):
            importlib.import_module(module.name)
