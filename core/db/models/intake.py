"""How far the pipelines are: spools, what was judged, decoders, files, what was rejected."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base


class SpoolPosition(Base):
    """How far a spool has been committed: the next record to read, and the arrival seen so far."""

    __tablename__ = "spool_position"
    spool: Mapped[str] = mapped_column(String(100), primary_key=True)
    segment: Mapped[str] = mapped_column(String(26), default="")
    record: Mapped[int] = mapped_column(default=0)
    arrival_at: Mapped[int] = mapped_column(default=0)
    """Everything that arrived up to here is committed (the spool's watermark)."""
    heartbeat_at: Mapped[int] = mapped_column(default=0)
    lag: Mapped[int] = mapped_column(default=0)
    """Age in microseconds of the oldest raw not yet judged, at the heartbeat."""


class JudgedRange(Base):
    """Id ranges already judged, as a set: records ``first`` to ``last`` of a segment, both included."""

    __tablename__ = "judged_range"
    segment: Mapped[str] = mapped_column(String(26), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class LetterStage(StrEnum):
    REJECTED = "store"
    """The store rejects the event."""
    BARRED = "barred"
    """It was not looked at, as its part of the store takes nothing now: it is offered again without being asked."""
    LOST = "spool"
    """A damaged part of a spool: there is nothing to offer again."""
    STORED = "stored"
    """It has taken it since; the letter holds it no longer."""


class DeadLetter(Base):
    """An event that the store rejected, kept whole with the reason (core/rejected.py); or what a spool has lost."""

    __tablename__ = "dead_letter"
    __table_args__ = (Index("ix_dead_letter_stage", "stage", "event_id"),)
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """With ``#2``, ``#3``… for further letters of one id."""
    source: Mapped[str] = mapped_column(String(200))
    stage: Mapped[str] = mapped_column(String(16))
    """A LetterStage."""
    reason: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes]
    at: Mapped[int]


class DecoderState(Base):
    """What a decoder must remember between batches (templates of an exporter, waiting datagrams)."""

    __tablename__ = "decoder_state"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    data: Mapped[bytes]
    updated_at: Mapped[int]


class IngestedFile(Base):
    """How far a file was read by ``kydai ingest``, keyed by its print and its name (decision 5)."""

    __tablename__ = "ingested_file"
    print: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The print of source and path, which may be longer than a key of PostgreSQL."""
    length: Mapped[int]
    offset: Mapped[int]
    tail_print: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(200))
    """As a person gave it; empty when nobody did."""
    path: Mapped[str] = mapped_column(Text)
    at: Mapped[int]
