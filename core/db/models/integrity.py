"""The roots of sealed hours."""

from __future__ import annotations

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base


class IntegrityRoot(Base):
    """What is signed of one tree (core/store/integrity.py), and what a check of it needs."""

    __tablename__ = "integrity_root"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hour: Mapped[int] = mapped_column(index=True)
    class_: Mapped[str] = mapped_column("class", String(200))
    number: Mapped[int]
    count: Mapped[int]
    first: Mapped[str] = mapped_column(String(64))
    last: Mapped[str] = mapped_column(String(64))
    root: Mapped[str] = mapped_column(String(64))
    at: Mapped[int]
    key: Mapped[str] = mapped_column(String(64))
    prev: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))
    ids_digest: Mapped[str] = mapped_column(String(64))
    ids: Mapped[bytes] = mapped_column(deferred=True)
    """The text of the ids under zlib."""
    blocks: Mapped[bytes] = mapped_column(deferred=True)

    __table_args__ = (UniqueConstraint("hour", "class", "number"),)


class Tombstone(Base):
    """What is signed of one part that retention deletes (core/tombstones.py)."""

    __tablename__ = "tombstone"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    engine: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(255))
    mark: Mapped[str] = mapped_column(String(64))
    """Tells the part from another of its name."""
    body: Mapped[str] = mapped_column(Text)
    """The JSON that was signed."""
    hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))
    is_done: Mapped[bool] = mapped_column(default=False)
    """The engine has deleted it."""

    __table_args__ = (UniqueConstraint("engine", "name", "mark"),)
