"""People, how they sign in, tokens, and the journal of what they did."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from core.db.models.base import Base, new_id


class User(Base):
    __tablename__ = "user_account"
    id: Mapped[int] = new_id()
    name: Mapped[str] = mapped_column(String(100), unique=True)
    full_name: Mapped[str] = mapped_column(String(200), default="")
    role: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(Text, default="")
    """A query over ``kydai.system`` and ``kydai.agency``; empty sees all."""
    password_hash: Mapped[str | None] = mapped_column(Text, default=None)
    language: Mapped[str] = mapped_column(String(2), default="vi")
    is_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[int]
    failed_attempts: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[int] = mapped_column(default=0)


class SignInLink(Base):
    """A link that signs one person in once within 15 minutes; only its hash is kept."""

    __tablename__ = "sign_in_link"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    expires_at: Mapped[int]
    used_at: Mapped[int | None] = mapped_column(default=None)


class SecondFactor(Base):
    """A person's secret for one-time codes (RFC 6238); without ``since`` it was shown and not yet proven."""

    __tablename__ = "second_factor"
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True, autoincrement=False)
    secret: Mapped[str] = mapped_column(String(64))
    """Base32, as the person's device has it."""
    since: Mapped[int | None] = mapped_column(default=None)
    last_step: Mapped[int] = mapped_column(default=0)
    """The newest step of time whose code was used: a code that was seen is good for nothing."""


class RecoveryCode(Base):
    """Signs in once in the place of a one-time code; only its hash is kept."""

    __tablename__ = "recovery_code"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    used_at: Mapped[int | None] = mapped_column(default=None)


class Session(Base):
    __tablename__ = "session"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    created_at: Mapped[int]
    seen_at: Mapped[int]
    expires_at: Mapped[int]
    address: Mapped[str] = mapped_column(String(64), default="")


class Token(Base):
    """An API token: only the hash of its secret is kept; it never has more rights than its owner."""

    __tablename__ = "token"
    id: Mapped[int] = new_id()
    name: Mapped[str] = mapped_column(String(100), unique=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    scope: Mapped[str] = mapped_column(String(32))
    """``ingest`` or ``api``."""
    created_at: Mapped[int]
    expires_at: Mapped[int]
    used_at: Mapped[int | None] = mapped_column(default=None)
    revoked_at: Mapped[int | None] = mapped_column(default=None)


class Audit(Base):
    """The hash-chained journal of who did what (core/audit.py)."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(100))
    channel: Mapped[str] = mapped_column(String(16))
    """``console``, ``api``, ``cli``, ``playbook``, ``maintenance``."""
    session: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(64), index=True)
    object: Mapped[str] = mapped_column(String(200), default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    reason: Mapped[str] = mapped_column(Text, default="")
    is_demo: Mapped[bool] = mapped_column(default=False)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
