"""Runs of playbooks and their effects."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.models.base import Base, new_id


class RunStatus(StrEnum):
    """The states of a run; a step run uses the same words."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    WAITING_PERSON = "waiting_person"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    """Of a step: its condition did not hold."""
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class EffectState(StrEnum):
    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDONE = "undone"


class Run(Base):
    """One execution of a playbook."""

    __tablename__ = "run"
    id: Mapped[int] = new_id()
    key: Mapped[str] = mapped_column(String(128), unique=True)
    """What started it, so that a trigger seen twice starts one run: ``<playbook>|incident|<id>``."""
    playbook: Mapped[str] = mapped_column(String(100), index=True)
    version: Mapped[str] = mapped_column(String(64))
    definition: Mapped[dict[str, Any]]
    """The playbook as it was when the run began."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incident.id"), default=None, index=True)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alert.id"), default=None)
    status: Mapped[str] = mapped_column(String(20), default=RunStatus.QUEUED, index=True)
    is_dry: Mapped[bool] = mapped_column(default=False)
    started_by: Mapped[str] = mapped_column(String(100), default="")
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the steps may read: the incident's facts when the run began, or when it was last waited for."""
    about: Mapped[str] = mapped_column(Text, default="[]")
    """``[[system, agency], …]`` of every alert that it was made from, as JSON text: who may see it goes by this,
    whatever becomes of its incident."""
    created_at: Mapped[int]
    updated_at: Mapped[int]
    ended_at: Mapped[int | None] = mapped_column(default=None)
    error: Mapped[str] = mapped_column(Text, default="")


class StepRun(Base):
    __tablename__ = "step_run"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True, autoincrement=False)
    step: Mapped[str] = mapped_column(String(100), primary_key=True)
    position: Mapped[int]
    status: Mapped[str] = mapped_column(String(20), default=RunStatus.QUEUED)
    started_at: Mapped[int | None] = mapped_column(default=None)
    ended_at: Mapped[int | None] = mapped_column(default=None)
    due_at: Mapped[int | None] = mapped_column(default=None)
    preview: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What it will do and whom it touches, shown before approval (dry run)."""
    preview_version: Mapped[int] = mapped_column(default=1)
    """Counts up when the preview of a step that waits changes; an approval of another one is a conflict."""
    newcomers: Mapped[list[Any]] = mapped_column(default=list)
    """Whom it would touch too if it were begun now: what came behind its approval."""
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    approved_by: Mapped[str | None] = mapped_column(String(100), default=None)
    approved_at: Mapped[int | None] = mapped_column(default=None)
    is_self_approved: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(Text, default="")


class Effect(Base):
    """The effect ledger: intent is committed before an action touches the world, the result after."""

    __tablename__ = "effect"
    id: Mapped[int] = new_id()
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """sha256(run | step | canonical arguments)."""
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), index=True)
    step: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[dict[str, Any]]
    effect_class: Mapped[str] = mapped_column(String(16))
    """``read``, ``idempotent``, ``checkable`` or ``once``."""
    state: Mapped[str] = mapped_column(String(16), default=EffectState.INTENDED)
    attempts: Mapped[int] = mapped_column(default=0)
    intended_at: Mapped[int]
    ended_at: Mapped[int | None] = mapped_column(default=None)
    expires_at: Mapped[int | None] = mapped_column(default=None)
    """When it ends by itself (a block's hour)."""
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    inverse: Mapped[dict[str, Any]] = mapped_column(default=dict)
