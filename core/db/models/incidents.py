"""Incidents, why alerts belong to them, and what people wrote about them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class IncidentStatus(StrEnum):
    NEW = "new"
    OPEN = "open"
    CLOSED = "closed"


class Category(StrEnum):
    """What a declared security incident is: the names that the law's forms and people's reports go by."""

    INTRUSION = "intrusion"
    MALWARE = "malware"
    DATA_LEAK = "data_leak"
    DEFACE = "deface"
    DENIAL = "denial"
    PHISHING = "phishing"
    OTHER = "other"


class Incident(Base):
    """Alerts that belong together (vụ việc); declared a security incident only by a person."""

    __tablename__ = "incident"
    id: Mapped[int] = new_id()
    number: Mapped[str] = mapped_column(String(32), unique=True)
    """``VV-2026-0142``: year of creation, counted up."""
    title: Mapped[dict[str, Any]]
    sentence: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """One sentence from its facts, ``{"vi", "en"}``; what is not known is said."""
    level: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0)
    priority_sum: Mapped[list[Any]] = mapped_column(default=list)
    """``[{"key", "points", "detail"}]``; the points add up to the priority."""
    status: Mapped[str] = mapped_column(String(16), default=IncidentStatus.NEW, index=True)
    verdict: Mapped[str | None] = mapped_column(String(16), default=None)
    verdict_reason: Mapped[str] = mapped_column(Text, default="")
    assignee: Mapped[str | None] = mapped_column(String(100), default=None)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    first_at: Mapped[int]
    last_at: Mapped[int]
    created_at: Mapped[int] = mapped_column(index=True)
    updated_at: Mapped[int] = mapped_column(index=True)
    closed_at: Mapped[int | None] = mapped_column(default=None)
    system: Mapped[str] = mapped_column(String(200), default="")
    agency: Mapped[str] = mapped_column(String(200), default="")
    is_replay: Mapped[bool] = mapped_column(default=False)
    merged_into: Mapped[int | None] = mapped_column(default=None)
    declared_at: Mapped[int | None] = mapped_column(default=None)
    declared_by: Mapped[str | None] = mapped_column(String(100), default=None)
    detected_at: Mapped[int | None] = mapped_column(default=None)
    """Time of detection, to the minute, as the person declared it."""
    category: Mapped[str] = mapped_column(String(100), default="")
    """A ``Category``; what was declared before there were keys is shown as it stands."""
    declaration_reason: Mapped[str] = mapped_column(Text, default="")
    withdrawn_at: Mapped[int | None] = mapped_column(default=None)
    withdrawn_by: Mapped[str | None] = mapped_column(String(100), default=None)
    withdrawal_reason: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)


class IncidentLink(Base):
    """Why an alert belongs to an incident: the shared entities, or a person's merge."""

    __tablename__ = "incident_link"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id"), primary_key=True, autoincrement=False)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    reason: Mapped[list[Any]] = mapped_column(default=list)
    """``[{"kind": "host", "value": "web01", "alert": 12}]``; empty for the first alert."""
    at: Mapped[int]


class IncidentEntity(Base):
    """An entity seen in an incident's alerts, for joining the next alert by it."""

    __tablename__ = "incident_entity"
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(300), primary_key=True)
    first_at: Mapped[int]
    last_at: Mapped[int]

    __table_args__ = (Index("incident_entity_value", "kind", "value"),)


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = new_id()
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id"), index=True)
    author: Mapped[str] = mapped_column(String(100))
    at: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
