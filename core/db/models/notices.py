"""What people are told of by mail or webhook, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class NoticeState(StrEnum):
    WAITING = "waiting"
    """To be sent, or sent again after ``error``; with ``is_held`` in the next digest."""
    SENDING = "sending"
    """The intent stands: a process that dies now leaves it unknown whether it went."""
    SENT = "sent"
    FAILED = "failed"
    """Given up after the last attempt."""
    UNKNOWN = "unknown"
    """It may have gone or not: a person must say."""
    OVER = "over"
    """Its matter was over before it was sent."""


class Notice(Base):
    """One matter on one channel: a mail, or a call of the webhook."""

    __tablename__ = "notice"
    id: Mapped[int] = new_id()
    channel: Mapped[str] = mapped_column(String(10))
    """``mail`` or ``webhook``."""
    matter: Mapped[str] = mapped_column(String(200))
    """``incident:12``, ``self:imbalance:fw01``, ``test``, ``digest``."""
    level: Mapped[str] = mapped_column(String(16))
    title: Mapped[dict[str, Any]] = mapped_column(default=dict)
    host: Mapped[str] = mapped_column(String(255), default="")
    count: Mapped[int] = mapped_column(default=1)
    path: Mapped[str] = mapped_column(String(300), default="")
    """Where in the console."""
    state: Mapped[str] = mapped_column(String(10), default=NoticeState.WAITING)
    is_held: Mapped[bool] = mapped_column(default=False)
    digest_id: Mapped[int | None] = mapped_column(default=None, index=True)
    """The digest that it went with."""
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int]
    sent_at: Mapped[int | None] = mapped_column(default=None)
    to: Mapped[list[Any]] = mapped_column(default=list)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    """What was in the way, as ``core.errors.kept`` wrote it."""
    seen_by: Mapped[str] = mapped_column(String(100), default="")
    """Who has seen that it did not go."""

    __table_args__ = (Index("notice_matter", "channel", "matter"), Index("notice_state", "state"))
