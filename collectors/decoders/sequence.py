"""Sequence numbers: what an exporter sent and we never received.

NetFlow v5 and IPFIX count records, v9 counts datagrams; all modulo 2^32. A number a little behind is a late
datagram, one far behind a restart of the exporter. Neither ever clears templates.
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.decoders.templates import Domain

_MODULO = 1 << 32
_LATE = 10_000
"""How far behind a number may be and still count as late."""


@dataclass(slots=True)
class Gap:
    """Counts of one domain over a batch; ``lost`` in records (v5, IPFIX) or datagrams (v9)."""

    domain: Domain
    lost: int = 0
    late: int = 0
    """Datagrams that came after a later one; what they hold is no longer lost."""
    restarts: int = 0

    @property
    def unit(self) -> str:
        return "datagrams" if self.domain.version == 9 else "records"


class Steps:
    """The gaps of one batch."""

    def __init__(self) -> None:
        self._gaps: dict[Domain, Gap] = {}

    def step(self, domain: Domain, expected: int | None, sequence: int, size: int | None) -> int | None:
        """Compare one datagram's number; the one expected next, None if ``size`` (its own count) is unknown."""
        following = None if size is None else (sequence + size) % _MODULO
        if expected is None or sequence == expected:
            return following
        gap = self._gaps.setdefault(domain, Gap(domain))
        ahead = (sequence - expected) % _MODULO
        if ahead < _MODULO // 2:
            gap.lost += ahead
        elif _MODULO - ahead <= _LATE:
            gap.late += 1
            # negative over a batch: what an earlier one counted lost
            gap.lost -= size or 0
            return expected
        else:
            gap.restarts += 1
        return following

    def gaps(self) -> list[Gap]:
        return list(self._gaps.values())
