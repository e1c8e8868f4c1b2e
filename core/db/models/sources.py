"""Sources, when they were heard, and what they are accounted for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class Source(Base):
    """What the transport proves, named by a person when declared."""

    __tablename__ = "source"
    id: Mapped[int] = new_id()
    name: Mapped[str] = mapped_column(String(200), unique=True)
    keys: Mapped[list[Any]] = mapped_column(default=list)
    """Transport keys (Frame.source) that belong to it; for a declared one also plain addresses and host names."""
    is_declared: Mapped[bool] = mapped_column(default=False)
    is_relay: Mapped[bool] = mapped_column(default=False)
    is_replay: Mapped[bool] = mapped_column(default=False)
    product: Mapped[str] = mapped_column(String(100), default="")
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    """Where it stands: a building, a room, a commune."""
    level: Mapped[int | None] = mapped_column(default=None)
    """Level 1 to 5 of the information system."""
    owner: Mapped[str] = mapped_column(String(200), default="")
    zone: Mapped[str] = mapped_column(String(64), default="Asia/Ho_Chi_Minh")
    expected: Mapped[list[Any]] = mapped_column(default=list)
    """Data sets that are expected of it."""
    silence_limit_s: Mapped[int | None] = mapped_column(default=None)
    retention: Mapped[str] = mapped_column(String(32), default="default")
    created_at: Mapped[int] = mapped_column(default=0)


class Activity(Base):
    """When (source, host, data set) was heard, by ``event.created``; at most 10,000 keys."""

    __tablename__ = "activity"
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    dataset: Mapped[str] = mapped_column(String(100), primary_key=True)
    first_at: Mapped[int]
    last_at: Mapped[int]
    count: Mapped[int] = mapped_column(default=0)
    gaps: Mapped[list[Any]] = mapped_column(default=list)
    """The eight longest gaps of the last 7 days: ``[[microseconds, when it ended], …]``, longest first."""
    offsets: Mapped[list[Any]] = mapped_column(default=list)
    """``@timestamp`` − ``event.created`` of its last 21 events that told a time, in microseconds."""
    offset: Mapped[int | None] = mapped_column(default=None)
    """How far its clock is off by these (core/sources.py); None while they say nothing certain."""
    fields: Mapped[list[Any]] = mapped_column(default=list)
    """Names of fields seen, for coverage; at most 300."""


class Silence(Base):
    """A time in which a declared source, heard before, sent nothing for longer than it may."""

    __tablename__ = "silence"
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    start_at: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The last ``event.created`` before it."""
    end_at: Mapped[int | None] = mapped_column(default=None)
    limit: Mapped[int]
    """How long it may be silent, in microseconds, when this was found."""


class PlannedSilence(Base):
    """Maintenance: a time in which a declared source may be silent (core/planned.py)."""

    __tablename__ = "planned_silence"
    id: Mapped[int] = new_id()
    source: Mapped[str] = mapped_column(String(200), index=True)
    start_at: Mapped[int]
    end_at: Mapped[int] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(100))


class Said(Base):
    """What senders and receivers say of their own, per UTC hour of ``event.created`` (core/said.py)."""

    __tablename__ = "said"
    is_receiver: Mapped[bool] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """Of a source, or of a receiver."""
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    stream: Mapped[str] = mapped_column(String(100), primary_key=True)
    """What is numbered apart: ``netflow9 7`` (observation domain 7), ``syslog``; of a receiver
    ``kernel``, ``refused``."""
    unit: Mapped[str] = mapped_column(String(16), primary_key=True)
    checked: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0)
    jumps: Mapped[int] = mapped_column(default=0)
    late: Mapped[int] = mapped_column(default=0)
    strays: Mapped[int] = mapped_column(default=0)
    restarts: Mapped[int] = mapped_column(default=0)


class Ledger(Base):
    """The two balances: counts per source, UTC hour of ``event.created``, balance and bucket (core/ledger.py)."""

    __tablename__ = "ledger"
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)
    balance: Mapped[str] = mapped_column(String(8), primary_key=True)
    bucket: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(100), primary_key=True, default="")
    count: Mapped[int] = mapped_column(default=0)
