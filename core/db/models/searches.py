"""Searches that people keep."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class SavedSearch(Base):
    """A question under a name (core/saved.py): its time as it was written, relative or absolute."""

    __tablename__ = "saved_search"
    id: Mapped[int] = new_id()
    name: Mapped[str] = mapped_column(String(100))
    owner: Mapped[str] = mapped_column(String(100))
    """A person's name, or the account on the command line."""
    query: Mapped[str] = mapped_column(Text)
    start: Mapped[str] = mapped_column(String(64))
    end: Mapped[str] = mapped_column(String(64))
    columns: Mapped[list[Any]] = mapped_column(default=list)
    is_shared: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[int]
    updated_at: Mapped[int]

    __table_args__ = (UniqueConstraint("owner", "name"),)
