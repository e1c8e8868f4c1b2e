"""The data folder, its processes and their work."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class Meta(Base):
    """Facts of the data folder: schema version, creation time, the demonstration's mark."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Heartbeat(Base):
    """A process says that it lives, and what it sees of itself."""

    __tablename__ = "heartbeat"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    at: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (UniqueConstraint("name"),)


class Retention(Base):
    """How long a retention class is kept (core/keeping.py), and a shortening that waits."""

    __tablename__ = "retention"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    months: Mapped[int]
    since: Mapped[int]
    """When these months came into force."""
    next_months: Mapped[int | None] = mapped_column(default=None)
    next_at: Mapped[int | None] = mapped_column(default=None)
    asked_at: Mapped[int | None] = mapped_column(default=None)
    asked_by: Mapped[str] = mapped_column(String(100), default="")
    reason: Mapped[str] = mapped_column(Text, default="")


class LegalHold(Base):
    """What was received within a time is kept (core/holds.py); a lifted one stands until its name is used again."""

    __tablename__ = "legal_hold"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    start: Mapped[int | None] = mapped_column(default=None)
    end: Mapped[int | None] = mapped_column(default=None)
    reason: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[int]
    placed_by: Mapped[str] = mapped_column(String(100))
    """Empty for one that was found in the store."""
    lift_at: Mapped[int | None] = mapped_column(default=None)
    lift_asked_at: Mapped[int | None] = mapped_column(default=None)
    lift_asked_by: Mapped[str] = mapped_column(String(100), default="")
    lift_reason: Mapped[str] = mapped_column(Text, default="")
    lifted_at: Mapped[int | None] = mapped_column(default=None)


class OutboxState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


class Outbox(Base):
    """Work as rows with leases (core/db/outbox.py); a broker only says "look now"."""

    __tablename__ = "outbox"
    id: Mapped[int] = new_id()
    kind: Mapped[str] = mapped_column(String(50))
    key: Mapped[str] = mapped_column(String(200))
    """Work of one kind and key that is still ready is one row."""
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(10), default=OutboxState.READY)
    due_at: Mapped[int]
    created_at: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    owner: Mapped[str] = mapped_column(String(100), default="")
    boot: Mapped[str] = mapped_column(String(40), default="")
    lease_until: Mapped[int] = mapped_column(default=0)
    """On CLOCK_BOOTTIME with the boot id (SQLite) or the database's clock (PostgreSQL)."""
    error: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("outbox_due", "state", "due_at"), Index("outbox_kind_key", "kind", "key"))
