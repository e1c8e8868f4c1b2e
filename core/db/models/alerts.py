"""What rules, correlations and the house itself have raised, and what people said of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class AlertStatus(StrEnum):
    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Alert(Base):
    """A folded rule hit, a correlation, or a matter about ourselves; it points at events and never changes them."""

    __tablename__ = "alert"
    id: Mapped[int] = new_id()
    fold_key: Mapped[str] = mapped_column(String(64), unique=True)
    """Hash that makes the upsert idempotent; its hour or instant is part of it."""
    kind: Mapped[str] = mapped_column(String(16), default="rule")
    """``rule``, ``correlation`` or ``self``."""
    rule_id: Mapped[str] = mapped_column(String(100), index=True)
    rule_title: Mapped[dict[str, Any]]
    """``{"vi": …, "en": …}``."""
    rule_file: Mapped[str] = mapped_column(Text, default="")
    rule_line: Mapped[int | None] = mapped_column(default=None)
    ruleset: Mapped[str] = mapped_column(String(64), default="")
    level: Mapped[str] = mapped_column(String(16))
    tags: Mapped[list[Any]] = mapped_column(default=list)
    status: Mapped[str] = mapped_column(String(16), default=AlertStatus.NEW, index=True)
    verdict: Mapped[str | None] = mapped_column(String(16), default=None)
    verdict_reason: Mapped[str] = mapped_column(Text, default="")
    assignee: Mapped[str | None] = mapped_column(String(100), default=None)
    first_at: Mapped[int]
    last_at: Mapped[int] = mapped_column(index=True)
    """First and last ``@timestamp`` of its events."""
    received_at: Mapped[int]
    """``event.created`` of its first event."""
    created_at: Mapped[int] = mapped_column(index=True)
    """When the row was written."""
    updated_at: Mapped[int] = mapped_column(index=True)
    count: Mapped[int] = mapped_column(default=1)
    event_ids: Mapped[list[Any]] = mapped_column(default=list)
    """The first 100 event ids, in order."""
    matched: Mapped[list[Any]] = mapped_column(default=list)
    """``[{"field", "value", "line"}]``: what matched in its first event, and the line of the rule."""
    entities: Mapped[list[Any]] = mapped_column(default=list)
    """``[["host", "web01"], ["user", "root"], ["ip", "192.0.2.1"], …]``, at most 500."""
    datasets: Mapped[list[Any]] = mapped_column(default=list)
    sources: Mapped[list[Any]] = mapped_column(default=list)
    host: Mapped[str] = mapped_column(String(255), default="", index=True)
    user: Mapped[str] = mapped_column(String(255), default="")
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Small facts for the sentence: addresses, command line, counts, group and rules (correlations). ``cut`` names
    those, and kinds of entities (``entities.user``), of which more were seen than are kept."""
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
    is_replay: Mapped[bool] = mapped_column(default=False)
    is_late: Mapped[bool] = mapped_column(default=False)
    is_final: Mapped[bool] = mapped_column(default=True)
    joined_to: Mapped[int | None] = mapped_column(default=None)
    """The surviving alert, when a burst turned out to be part of the one before."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), default=None, index=True)
    version: Mapped[int] = mapped_column(default=1)
    """Counts up with every change by a person; a stale one is a conflict."""

    __table_args__ = (Index("alert_status_level", "status", "level"),)
