"""What people chose for rules, and what correlations read and remember."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class RuleMode(Base):
    """A person's choice for one rule: alert, record or disabled."""

    __tablename__ = "rule_mode"
    rule_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(100), default="")
    at: Mapped[int] = mapped_column(default=0)


class RuleHits(Base):
    """How many events of a day a rule matched, by the day on which they were judged."""

    __tablename__ = "rule_hits"
    rule_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    """When that day began on the wall clock of the house."""
    count: Mapped[int]


class HitBlock(Base):
    """The hits that correlations read: one compressed block per (batch, partition)."""

    __tablename__ = "hit_block"
    # readers go by the id: SQLite must never hand out one twice
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy's own form
    id: Mapped[int] = new_id()
    partition: Mapped[int] = mapped_column(index=True)
    spool: Mapped[str] = mapped_column(String(100))
    arrival_at: Mapped[int]
    """The smallest arrival in the block."""
    is_replay: Mapped[bool] = mapped_column(default=False)
    data: Mapped[bytes]


class CorrelationPartition(Base):
    """Who correlates a partition, how far it has read, and the state at its last checkpoint."""

    __tablename__ = "correlation_partition"
    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str] = mapped_column(String(100), default="")
    lease_until: Mapped[int] = mapped_column(default=0)
    read_to: Mapped[int] = mapped_column(default=0)
    """Every block up to this id has been answered."""
    checkpoint_at: Mapped[int] = mapped_column(default=0)
    """The block id that the state below has taken in."""
    state: Mapped[bytes | None] = mapped_column(default=None)
