"""Exceptions: hits of a rule that make no alert, with a reason, an owner and an end."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class ExceptionState(StrEnum):
    """The states of an exception; only an active one takes hits."""

    PENDING = "pending"
    """It would hide a confirmed incident: a second person has to approve it."""
    ACTIVE = "active"
    REFUSED = "refused"
    REMOVED = "removed"
    EXPIRED = "expired"


class RuleException(Base):
    """A Sigma filter with a reason, an owner and an end (detections/exception_book.py): hits of a rule that make no
    alert and are read by no correlation."""

    __tablename__ = "rule_exception"
    id: Mapped[int] = new_id()
    rule_id: Mapped[str] = mapped_column(String(100), index=True)
    rule_title: Mapped[dict[str, Any]]
    """``{"vi": …, "en": …}``."""
    text: Mapped[str] = mapped_column(Text)
    """The Sigma filter as YAML, over the fields of stored events."""
    conditions: Mapped[dict[str, Any]]
    """``{"host.name": ["web01"], …}``: what an event must have to be taken; of several values any."""
    reason: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(String(100))
    """Who answers for it."""
    expires_at: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), index=True)
    alert_id: Mapped[int | None] = mapped_column(default=None)
    """The alert that it was made from."""
    created_by: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[int]
    decided_by: Mapped[str] = mapped_column(String(100), default="")
    """Who approved, refused or removed it."""
    decided_at: Mapped[int | None] = mapped_column(default=None)
    decision_reason: Mapped[str] = mapped_column(Text, default="")
    consequence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What it would have taken of the days before it was made (detections/consequence.py)."""
    taken: Mapped[int] = mapped_column(default=0)
    """Hits that it has taken since."""
    last_taken_at: Mapped[int | None] = mapped_column(default=None)
    """``@timestamp`` of the newest of them."""
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
