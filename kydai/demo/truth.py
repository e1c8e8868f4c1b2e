"""Ground truth: what each story is, what a good watch should find, and which lines belong to which story."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from kydai.demo.emission import Emission
from kydai.demo.world import Words


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that should be found: an idea of a rule (not its id), the host it shows on, the ATT&CK technique."""

    idea: Words
    host: str
    technique: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened in a story."""

    hosts: tuple[str, ...]
    outside: tuple[str, ...]
    """Addresses of the attackers, outside the province."""
    accounts: tuple[str, ...]
    expects: tuple[Expected, ...]
    summary: Words
    is_incident: bool = True
    """False for what must be confessed (blind spots) and for what is noise."""


def digest(data: bytes) -> bytes:
    """The key of a record in the labels: 16 bytes of BLAKE2b over the bytes sent."""
    return hashlib.blake2b(data, digest_size=16).digest()


def labels(emissions: Iterable[Emission]) -> dict[bytes, str]:
    """Digest of each story record → the story's name; records of the background are absent."""
    return {digest(e.data): e.story for e in emissions if e.story is not None}


def counts(emissions: Iterable[Emission]) -> Counter[str]:
    """Records a story; the background is counted as ``quiet``."""
    return Counter(e.story or "quiet" for e in emissions)
